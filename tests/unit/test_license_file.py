"""The file a server's own license is kept in."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from keysat_adapters.system.license_file import LicenseFile, key_in_file
from keysat_core.domain.secret import Secret
from keysat_core.errors import LicenseFileUnwritable
from keysat_core.signing import Verifier
from tests.support.own_licenses import PATRON, PRO, TRUSTED


def license_file(
    path: Path,
    variable: Secret | None = None,
    sync_folder: Callable[[Path], None] | None = None,
) -> LicenseFile:
    return LicenseFile(
        path,
        variable=variable,
        trust_root=Verifier(TRUSTED.verify_key),
        upgrade_base_url="https://up.example",
        sync_folder=sync_folder,
    )


def test_a_key_is_written_whole_with_a_line_end_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "license.txt"
    path.write_text("older\n")
    path.chmod(0o644)
    license_file(path).write_key(Secret(PRO))
    assert path.read_text() == f"{PRO}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["license.txt"]  # noqa: PTH208


def test_what_one_process_writes_another_finds(tmp_path: Path) -> None:
    path = tmp_path / "license.txt"
    own, other = license_file(path), license_file(path)
    assert other.find_key() is None
    own.write_key(Secret(PRO))
    assert other.find_key() == Secret(PRO)
    assert not other.is_variable_set


def test_the_variable_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "license.txt"
    own = license_file(path, Secret(PATRON))
    own.write_key(Secret(PRO))
    assert (own.find_key(), own.is_variable_set) == (Secret(PATRON), True)


@pytest.mark.parametrize("content", [b"", b" \n", b"\n\n"])
def test_a_file_with_nothing_in_it_holds_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "license.txt").write_bytes(content)
    assert key_in_file(tmp_path / "license.txt") is None


def test_what_cannot_be_read_is_no_key_and_what_is_no_text_does_not_break(tmp_path: Path) -> None:
    assert key_in_file(tmp_path) is None
    (tmp_path / "license.txt").write_bytes(b"\xff\xfe")
    assert key_in_file(tmp_path / "license.txt") is not None


def test_a_key_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "license.txt"
    with pytest.raises(LicenseFileUnwritable, match="No such file or directory"):
        license_file(path).write_key(Secret(PRO))
    kept = tmp_path / "license.txt"
    kept.write_text("before\n")
    with pytest.raises(LicenseFileUnwritable, match="cannot be encoded") as caught:
        license_file(kept).write_key(Secret("caf\xe9"))
    assert "caf" not in str(caught.value)
    assert kept.read_text() == "before\n"
    assert os.listdir(tmp_path) == ["license.txt"]  # noqa: PTH208


@pytest.mark.parametrize("before", [None, b"older key\n", b"\xff\xfe of no encoding"])
def test_a_key_is_taken_back_to_what_was_there(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "license.txt"
    if before is not None:
        path.write_bytes(before)
    take_back = license_file(path).write_key(Secret(PRO))
    assert path.read_text() == f"{PRO}\n"
    take_back()
    assert (path.read_bytes() if path.exists() else None) == before
    assert os.listdir(tmp_path) == ([] if before is None else ["license.txt"])  # noqa: PTH208


def test_a_key_that_was_written_since_is_not_taken_back(tmp_path: Path) -> None:
    own = license_file(tmp_path / "license.txt")
    take_back = own.write_key(Secret(PRO))
    own.write_key(Secret(PATRON))
    take_back()
    assert own.find_key() == Secret(PATRON)


def test_a_key_that_cannot_be_taken_back_breaks_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    take_back = license_file(folder / "license.txt").write_key(Secret(PRO))
    (folder / "license.txt").unlink()
    folder.rmdir()
    take_back()


def test_a_folder_that_cannot_be_synced_has_the_new_key_all_the_same(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    path = tmp_path / "license.txt"
    path.write_text("older\n")
    license_file(path, sync_folder=fail).write_key(Secret(PRO))
    assert path.read_text() == f"{PRO}\n"
