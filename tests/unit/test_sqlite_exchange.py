"""Exchanging a database and its log: undone by a failure, mended after a kill."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.backup import back_up
from keysat_adapters.sqlite.exchange import Exchange, exchange
from keysat_adapters.sqlite.restore import restore
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.errors import StoreUnavailable
from tests.support.stocked import rows_in, run, stock

KILLED_AT = """
import os, signal, sys
from pathlib import Path
from keysat_adapters.sqlite.restore import restore

backup, target, aside = map(Path, sys.argv[1:4])
left = int(sys.argv[4])

def count(event, args):
    global left
    if event in {"os.link", "os.rename", "os.remove"}:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
restore(backup, target, aside, is_replacing=True, verify=lambda _: ())
"""
"""A restore that is killed when it is about to change its nth name."""

NAMES_CHANGED_MAX = 60
"""Far more than a restore changes."""


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def mark_old(path: Path) -> None:
    run(path, "INSERT OR REPLACE INTO settings VALUES ('marker', 'old', 1)")


def test_a_restore_killed_at_any_step_leaves_a_whole_shop_and_can_be_repeated(
    tmp_path: Path,
) -> None:
    source, target = tmp_path / "source" / "keysat.db", tmp_path / "shop" / "keysat.db"
    for path in (source, target):
        path.parent.mkdir()
        stock(path)
        run(Path(activity_path(path)), "CREATE TABLE noted (x)")
    backup = back_up(source, tmp_path / "backups" / "one.db", verify=lambda _: ()).path
    new = rows_in(backup)
    linked = 0
    for step in range(NAMES_CHANGED_MAX):
        mark_old(target)
        old = rows_in(target)
        assert old != new
        aside = target.with_name(f"keysat-replaced-{step}.db")
        words = [sys.executable, "-c", KILLED_AT, *map(str, (backup, target, aside, step))]
        done = subprocess.run(words, check=False)  # noqa: S603  the words are the test's own
        assert rows_in(target) in (old, new)
        if target.stat().st_nlink > 1:
            linked += 1
            with pytest.raises(StoreUnavailable, match="second name"):
                SQLiteStore.open(target)
        again = target.with_name(f"keysat-replaced-again-{step}.db")
        restore(backup, target, again, is_replacing=True, verify=lambda _: ())
        assert rows_in(target) == new
        assert {each.stat().st_nlink for each in target.parent.iterdir()} == {1}
        SQLiteStore.open(target).close()
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    else:
        pytest.fail("no restore was let finish")
    assert linked, "no kill came between two names"
    assert not list(target.parent.glob("*.keysat-partial*"))


def test_a_failure_of_the_last_step_undoes_the_first(tmp_path: Path) -> None:
    main, log = tmp_path / "keysat.db", tmp_path / "keysat-activity.db"
    main.write_text("old shop")
    log.write_text("old log")
    new_log = tmp_path / "new-log"
    new_log.write_text("new log")
    asides = [tmp_path / "aside.db", tmp_path / "aside-activity.db"]
    with pytest.raises(StoreUnavailable, match=r"keysat\.db cannot be exchanged"):
        exchange(
            [
                Exchange(partial=tmp_path / "missing", target=main, aside=asides[0]),
                Exchange(partial=new_log, target=log, aside=asides[1]),
            ]
        )
    assert (main.read_text(), log.read_text()) == ("old shop", "old log")
    assert names_in(tmp_path) == ["keysat-activity.db", "keysat.db"]
