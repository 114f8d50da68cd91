"""The unit of ``packaging/systemd``, judged by systemd and run by it.

systemd runs as the first process of a container over this machine's own root, of which nothing is changed;
what it starts as /opt/keysat is the environment of the image.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import apsw
import pytest

from tests.support.image import Image
from tests.support.left_out import leave_out, need_programs, need_root
from tests.support.program import ADMIN_KEY
from tests.support.tree import ROOT

UNIT: Final = ROOT / "packaging/systemd/keysat.service"

PAGE: Final = ROOT / "docs/vps.md"

EXPOSURE_MAX: Final = 15
"""Tenths on the scale of ``systemd-analyze security``, where 0 is shut in and 100 is root without limits."""

BOOT: Final = """
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root" "$1/upper2" "$1/work2" "$1/keysat"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$3,upperdir=$1/upper2,workdir=$1/work2" "$1/keysat"
exec systemd-nspawn --quiet --directory="$1/root" --register=no --keep-unit --console=pipe \\
  --link-journal=no --private-network --uuid="$(tr -d - </proc/sys/kernel/random/uuid)" \\
  --bind-ro="$2:/etc/systemd/system/keysat.service" --bind="$1/keysat:/opt/keysat" --bind="$4:/mnt" \\
  --bind-ro="$5:/mnt/packaging" \\
  --bind-ro="$4/script.service:/etc/systemd/system/script.service" --boot systemd.unit=script.service
"""

SCRIPT_UNIT: Final = """
[Unit]
DefaultDependencies=no
After=sysinit.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/bash -e /mnt/script
TimeoutStartSec=90
"""

SCRIPT: Final = """
exec >/mnt/log 2>&1
cd /mnt
# The bytecode that pip leaves behind where Keysat is installed.
/opt/keysat/bin/python -c "from keysat_cli.commands import doctor, product, serve"
adduser --quiet --system --group --home /var/lib/keysat --no-create-home keysat
install --directory /etc/keysat
install --mode=0600 keysat.env /etc/keysat/keysat.env
install packaging/systemd/keysat /usr/local/bin/keysat
healthy() {
  for _ in $(seq 300); do /opt/keysat/bin/python /mnt/ask 2>/dev/null && return; sleep 0.1; done
  journalctl --no-pager --unit=keysat; return 1
}
ask() { systemctl show keysat --property="$2" | sed "s/^/$1 /"; }
systemctl start dbus keysat; healthy
keysat product create widget --name Widget --price-value 25000 --json </dev/null
keysat doctor --offline </dev/null | sed 's/^/doctor /'
pid=$(systemctl show keysat --property=MainPID --value)
sed 's/^/process /' "/proc/$pid/status"
kill -KILL "$pid"; sleep 0.5; healthy
ask killed NRestarts
systemctl stop keysat
ask stopped Result,ExecMainStatus
cp /var/lib/keysat/keysat.db* /mnt/
stat --format='state %U %a %n' /var/lib/keysat /var/lib/keysat/*
echo KEYSAT_LOG_LEVEL=loud >>/etc/keysat/keysat.env
systemctl start keysat
for _ in $(seq 300); do systemctl is-failed --quiet keysat && break; sleep 0.1; done
ask misled ActiveState,NRestarts,ExecMainStatus
"""


def test_systemd_takes_the_unit_and_calls_it_shut_in(tmp_path: Path) -> None:
    need_programs("systemd-analyze")
    # The program is not installed where this runs; a unit that names a missing one is refused.
    text = UNIT.read_text(encoding="utf-8")
    assert "ExecStart=/opt/keysat/bin/keysat serve\n" in text
    unit = tmp_path / "keysat.service"
    unit.write_text(text.replace("/opt/keysat/bin/keysat serve", "/bin/true"), encoding="utf-8")
    for words in (
        ("verify", "--man=no"),
        ("security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", "--no-pager"),
    ):
        done = subprocess.run(  # noqa: S603
            ["systemd-analyze", *words, unit],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.fixture(scope="module")
def told(image: Image, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Boot systemd with the unit, and give what the script inside said and what it left."""
    need_root()
    need_programs("systemd-nspawn", "unshare")
    if not Path("/usr/bin/python3.11").exists():
        leave_out("the packages of the image are for the Python of Debian 12")
    shared, overlay = tmp_path_factory.mktemp("shared"), tmp_path_factory.mktemp("overlay")
    (shared / "script").write_text(SCRIPT)
    (shared / "script.service").write_text(SCRIPT_UNIT)
    (shared / "ask").write_text(
        "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"
    )
    settings = re.search(r"^```env\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert settings is not None
    # As on the page, but for the key, which the page only says how to make.
    text, keys = re.subn(
        r"(?<=^KEYSAT_ADMIN_API_KEY=).*", ADMIN_KEY, settings[1], flags=re.MULTILINE
    )
    assert keys == 1
    (shared / "keysat.env").write_text(text)
    booted = subprocess.run(  # noqa: S603
        [
            *("unshare", "--mount", "--propagation", "private", "--pid", "--fork"),
            *("--mount-proc", "--kill-child", "sh", "-ec", BOOT, "boot"),
            *(overlay, UNIT, image.rootfs / "opt/keysat", shared, ROOT / "packaging"),
        ],
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    log = shared / "log"
    return log.read_text() if log.exists() else booted.stdout + booted.stderr, shared


def test_commands_run_as_the_service_does_and_leave_nothing_to_root(
    told: tuple[str, Path],
) -> None:
    said, shared = told
    assert '"slug": "widget"' in said
    checks = dict(re.findall(r"^doctor (\w+) +(database|file modes|settings) ", said, re.MULTILINE))
    assert set(checks) == {"ok"}
    with apsw.Connection(str(shared / "keysat.db"), flags=apsw.SQLITE_OPEN_READONLY) as database:
        assert database.execute("SELECT slug FROM products").fetchall() == [("widget",)]


def test_what_installs_the_service_here_is_what_the_page_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    lines = [one for one in SCRIPT.splitlines() if one.startswith(("adduser", "install"))]
    assert len(lines) > 3
    assert [one for one in lines if one.replace("--quiet ", "") not in page] == []


def test_the_service_runs_with_no_rights_and_every_limit(told: tuple[str, Path]) -> None:
    said, _ = told
    status = dict(re.findall(r"^process (\w+):\t(.*)$", said, re.MULTILINE))
    assert "0" not in status["Uid"].split(), said
    assert {int(status[name], 16) for name in ("CapEff", "CapBnd", "CapPrm", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_a_killed_service_is_started_again_and_a_stopped_one_ends_well(
    told: tuple[str, Path],
) -> None:
    said, shared = told
    assert "killed NRestarts=1" in said
    assert "stopped Result=success" in said
    assert "stopped ExecMainStatus=0" in said
    assert re.findall(r"^state (.*)$", said, re.MULTILINE) == [
        "keysat 700 /var/lib/keysat",
        "keysat 600 /var/lib/keysat/keysat.db",
    ]
    with apsw.Connection(str(shared / "keysat.db"), flags=apsw.SQLITE_OPEN_READONLY) as database:
        assert database.pragma("integrity_check") == "ok"


def test_a_wrong_setting_stops_the_service_instead_of_starting_it_again_and_again(
    told: tuple[str, Path],
) -> None:
    said, _ = told
    assert "misled ActiveState=failed" in said
    assert "misled NRestarts=0" in said
    assert "misled ExecMainStatus=6" in said
