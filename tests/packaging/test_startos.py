"""The package for StartOS: type-checked, bundled, and its own tests run. ``make startos-check``."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tests.support.image import Image
from tests.support.tree import ROOT

PACKAGE: Final = ROOT / "packaging" / "startos"
BUILD_SECONDS: Final = 600
"""For fetching, bundling and a server that is started twice, beside everything else."""

LOCALES: Final = {"en_US", "es_ES", "de_DE", "pl_PL", "fr_FR"}
ICON_BYTES_MAX: Final = 40 << 10
BUNDLE_BYTES_MAX: Final = 4_000_000
"""Source of all three: the sheet of the package format."""

pytestmark = pytest.mark.timeout(BUILD_SECONDS)


def run(*words: str, **variables: str) -> str:
    done = subprocess.run(  # noqa: S603  the words are the test's own
        words,
        cwd=PACKAGE,
        env=os.environ | {"KEYSAT_TEST_PYTHON": sys.executable} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def bundle() -> Path:
    lock, installed = PACKAGE / "package-lock.json", PACKAGE / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run("npm", "ci", "--silent")
        installed.touch()
    for script in ("check", "lint", "prettier:check", "build"):
        run("npm", "run", "--silent", script)
    return PACKAGE / "javascript" / "index.js"


@pytest.fixture(scope="session")
def manifest(bundle: Path) -> dict[str, Any]:
    shown = f"const it = require({str(bundle)!r}); console.log(JSON.stringify([Object.keys(it).sort(), it.manifest]))"
    exported, manifest = msgspec.json.decode(run("node", "--eval", shown))
    assert exported == ["actions", "createBackup", "init", "main", "manifest", "uninit"]
    return dict(manifest)


def only(pattern: str) -> Path:
    (found,) = PACKAGE.glob(pattern)
    return found


def test_the_bundle_works_as_startos_would_run_it(bundle: Path, image: Image) -> None:
    assert bundle.stat().st_size <= BUNDLE_BYTES_MAX
    said = run("sh", "test/run.sh", **image.variables)
    counts = {
        name: int(count) for name, count in re.findall(r"^# ([a-z]+) (\d+)$", said, re.MULTILINE)
    }
    assert counts["pass"] > 25
    assert [counts[name] for name in ("fail", "cancelled", "skipped", "todo")] == [0] * 4
    # What the package and the service print is the log of the box: no admin key, license or password.
    assert re.findall(r"[0-9a-f]{64}|LIC1-\w{8}|correct horse", said) == []


def test_the_manifest_says_what_is_packed(manifest: dict[str, Any]) -> None:
    expected = {
        "id": "keysat",
        "title": "Keysat",
        "license": "MIT",
        "donationUrl": None,
        "volumes": ["main"],
        "sdkVersion": "2.0.9",
        "osVersion": "0.4.0-beta.10",
        "satisfies": [],
        "gitHash": None,
        "images": {
            "main": {
                "source": {"dockerBuild": {"workdir": "../..", "dockerfile": "../oci/Dockerfile"}},
                "arch": ["x86_64", "aarch64"],
                "emulateMissingAs": None,
                "nvidiaContainer": False,
            }
        },
        "hardwareRequirements": {"device": [], "ram": None, "arch": ["x86_64", "aarch64"]},
    }
    assert {name: manifest[name] for name in expected} == expected
    assert manifest["packageRepo"] == manifest["upstreamRepo"]
    btcpay = manifest["dependencies"]["btcpayserver"]
    assert list(manifest["dependencies"]) == ["btcpayserver"]
    assert (btcpay["optional"], btcpay["s9pk"]) == (False, None)
    # The type-check lets these through; the platform does not know them, or gives them a power.
    assert {"alerts", "docsUrls", "nestedRuntime"} & set(manifest) == set()
    powers = ("hardwareAcceleration", "virtualNetworking", "userspaceFilesystems", "plugins")
    assert [name for name in powers if manifest[name]] == []


def test_the_version_is_the_projects_and_goes_up_only(manifest: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    upstream, _, revision = manifest["version"].partition(":")
    spelled = re.sub(r"-(alpha|beta|rc)\.", lambda match: match[1].replace("alpha", "a"), upstream)
    assert spelled.replace("beta", "b") == project["version"]
    assert revision.isdecimal()
    assert manifest["canMigrateFrom"] == f"<={manifest['version']}"
    assert manifest["canMigrateTo"] == f"={manifest['version']}"


def test_every_word_of_the_listing_is_there_in_every_language(manifest: dict[str, Any]) -> None:
    described = manifest["description"]
    texts = [(described["short"], 80), (described["long"], 500), (manifest["releaseNotes"], 5000)]
    for text, chars_max in [*texts, (manifest["dependencies"]["btcpayserver"]["description"], 80)]:
        assert set(text) == LOCALES
        assert [lang for lang, said in text.items() if not 0 < len(said) <= chars_max] == []


def test_the_packer_finds_every_file_it_needs() -> None:
    assert only("icon.*").stat().st_size <= ICON_BYTES_MAX
    assert only("LICENSE*").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (PACKAGE / "instructions.md").stat().st_size > 1000
    assert list((PACKAGE / "assets").iterdir())
    manifest = (PACKAGE / "startos" / "manifest" / "index.ts").read_text(encoding="utf-8")
    assert re.findall(r".*id:.*", manifest) == ["  id: 'keysat',"]
    assert (PACKAGE / "../oci").resolve() == ROOT / "packaging" / "oci"


def test_the_lock_names_no_host_and_pins_the_sdk() -> None:
    lock = (PACKAGE / "package-lock.json").read_text(encoding="utf-8")
    assert re.findall(r"https?://|git\+|file:/", lock) == []
    packages = msgspec.json.decode(lock)["packages"]
    wanted = msgspec.json.decode((PACKAGE / "package.json").read_bytes())
    assert wanted["private"] is True
    assert "version" not in wanted
    assert wanted["dependencies"] == {"@start9labs/start-sdk": "2.0.9"}
    assert packages["node_modules/@start9labs/start-sdk"]["version"] == "2.0.9"
    unhashed = [
        name
        for name, entry in packages.items()
        if name and not entry.get("inBundle") and not entry["integrity"].startswith("sha512-")
    ]
    assert unhashed == []


def test_the_release_targets_are_known_where_workflows_ask(bundle: Path) -> None:
    def targets(*words: str) -> Sequence[str]:
        return run("make", "--silent", "--no-print-directory", *words, MAKEFLAGS="").split()

    assert targets("print-TARGETS") == targets("-C", str(ROOT), "print-TARGETS") == ["x86", "arm"]
