"""The image of ``packaging/oci``, booted from its root file system without Docker.

It runs as its own user on a root that cannot be written, so whatever is written is in /data or /tmp.
"""

import os
import re
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

import apsw
import httpx
import pytest

from tests.support.image import Image, first_process_of
from tests.support.live_server import free_port
from tests.support.program import ADMIN_KEY
from tests.support.tree import ROOT

ROOTFS_BYTES_MAX: Final = {"x86_64": 200_000_000, "aarch64": 230_000_000}
"""For aarch64 Debian lays the parts of a program 64 KiB apart; packed that costs nothing."""

ZSTD_BYTES_MAX: Final = 70_000_000
"""What the 60 MB that the package may take are here: its own xz takes a minute and packs the same tree
a seventh smaller (51.6 against 60.4 MB). ``make image-check`` measures with that."""

STOP_SECONDS: Final = 10.0
BUILD_ONLY: Final = {
    *("editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"),
}


def entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.rglob("*"):
        yield path, path.lstat()


def test_the_image_says_what_it_runs_and_as_whom(image: Image) -> None:
    config = image.config
    assert (config.entrypoint, config.cmd) == (["/usr/bin/tini", "--"], ["keysat", "serve"])
    assert (config.user, image.user_ids, config.workdir) == ("keysat", (10001, 10001), "/data")
    assert config.env == [
        "PATH=/opt/keysat/bin:/usr/local/bin:/usr/bin:/bin",
        "PYTHONUNBUFFERED=1",
        "PYTHONDONTWRITEBYTECODE=1",
        "KEYSAT_BIND=0.0.0.0:8080",
        "KEYSAT_DB_PATH=/data/keysat.db",
    ]
    data = (image.rootfs / "data").lstat()
    assert (data.st_uid, data.st_gid, stat.S_IMODE(data.st_mode)) == (10001, 10001, 0o700)


def test_a_booted_image_serves_and_stops_in_time_with_a_whole_database(
    image: Image, tmp_path: Path
) -> None:
    data = image.make_data_folder(tmp_path)
    bind = f"127.0.0.1:{free_port()}"
    variables = {
        "KEYSAT_BIND": bind,
        "KEYSAT_PUBLIC_URL": f"http://{bind}",
        "KEYSAT_ADMIN_API_KEY": ADMIN_KEY,
    }
    kind, *check = image.config.healthcheck
    assert kind == "CMD"
    words = [*image.config.entrypoint, *image.config.cmd]
    with image.start(*words, data=data, variables=variables) as container:
        try:
            assert wait_until_healthy(container, f"http://{bind}").json() == {"ok": True}
            assert image.run(*check, data=data, variables=variables) == (0, "")
            first = first_process_of(container)
            status = Path(f"/proc/{first}/status").read_text(encoding="ascii")
            assert re.search(r"^Uid:\t10001\t10001\t10001\t10001$", status, re.MULTILINE)
            began = time.monotonic()
            os.kill(first, signal.SIGTERM)
            said, _ = container.communicate(timeout=STOP_SECONDS)
            assert time.monotonic() - began < STOP_SECONDS
        finally:
            container.kill()
    assert container.returncode in {0, 128 + signal.SIGTERM}, said
    assert "Traceback" not in said
    assert image.run(*check, data=data, variables=variables)[0] != 0
    assert sorted(path.name for path in data.iterdir()) == ["keysat.db"]
    with apsw.Connection(str(data / "keysat.db"), flags=apsw.SQLITE_OPEN_READONLY) as database:
        assert database.pragma("integrity_check") == "ok"


def wait_until_healthy(container: subprocess.Popen[str], url: str) -> httpx.Response:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and container.poll() is None:
        try:
            return httpx.get(f"{url}/healthz", timeout=2, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
    container.kill()
    raise AssertionError(f"the image does not serve: {container.communicate()[0]}")


def test_a_sale_goes_through_inside_and_leaves_nothing(image: Image, tmp_path: Path) -> None:
    data = image.make_data_folder(tmp_path)
    status, said = image.run("sh", "-c", "keysat demo --once && ls -A /tmp", data=data)
    assert status == 0, said
    assert said.endswith("The sale went as it should.\n")
    assert list(data.iterdir()) == []


@pytest.mark.parametrize("place", ["/", "/opt/keysat", "/etc", "/var/lib", "/run"])
def test_the_root_of_a_booted_image_cannot_be_written(
    place: str, image: Image, tmp_path: Path
) -> None:
    data = image.make_data_folder(tmp_path)
    status, said = image.run("touch", f"{place}/mark", data=data)
    assert status != 0
    assert "Read-only file system" in said


def test_no_file_gives_anybody_another_users_rights(image: Image) -> None:
    raised = [
        path
        for path, found in entries(image.rootfs)
        if stat.S_ISREG(found.st_mode) and found.st_mode & (stat.S_ISUID | stat.S_ISGID)
    ]
    assert raised == []


def test_the_image_holds_what_the_lock_names_and_no_tool_that_installs(image: Image) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, flags=re.MULTILINE))
    assert locked.keys() >= BUILD_ONLY
    packages = next((image.rootfs / "opt/keysat/lib").glob("python3.*/site-packages"))
    installed = {
        re.sub(r"[-_.]+", "-", found.name).lower(): found.version
        for found in distributions(path=[str(packages)])
    }
    assert installed.pop("keysat")
    assert installed == {name: v for name, v in locked.items() if name not in BUILD_ONLY}
    assert not list(image.rootfs.glob("opt/keysat/bin/pip*"))
    assert not (image.rootfs / "src").exists()


def test_the_image_is_small(image: Image) -> None:
    files = {
        (found.st_dev, found.st_ino): found.st_size
        for _, found in entries(image.rootfs)
        if stat.S_ISREG(found.st_mode)
    }
    machine = next((image.rootfs / "usr/lib").glob("*-linux-gnu")).name.partition("-")[0]
    assert 100_000_000 < sum(files.values()) < ROOTFS_BYTES_MAX[machine]


def test_the_image_packs_into_what_a_package_may_take(image: Image, tmp_path: Path) -> None:
    packed = tmp_path / "image.squashfs"
    with subprocess.Popen(["tar", "-C", image.rootfs, "-c", "."], stdout=subprocess.PIPE) as tar:  # noqa: S603, S607
        subprocess.run(  # noqa: S603
            ["tar2sqfs", "-q", "-c", "zstd", "-X", "level=9", packed],  # noqa: S607
            stdin=tar.stdout,
            check=True,
        )
    assert tar.returncode == 0
    assert packed.stat().st_size < ZSTD_BYTES_MAX
