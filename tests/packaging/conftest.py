"""The image, built once for every test that asks for it; KEYSAT_ROOTFS gives one that is there."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.support.image import NEEDED, Image, ImageConfig
from tests.support.left_out import need_programs, need_root
from tests.support.tree import ROOT

BUILD_SECONDS: Final = 600
"""For a build beside other tests; the first test that asks for the image waits for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "image" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    need_root()
    need_programs(*NEEDED)
    if "KEYSAT_ROOTFS" in os.environ:
        rootfs = Path(os.environ["KEYSAT_ROOTFS"])
        config_path = Path(os.environ["KEYSAT_IMAGE_CONFIG"])
    else:
        folder = tmp_path_factory.mktemp("image")
        _build(folder)
        rootfs, config_path = folder / "rootfs", folder / "config.json"
    config = msgspec.json.decode(config_path.read_bytes(), type=ImageConfig)
    return Image(rootfs=rootfs, config_path=config_path, config=config)


def _build(folder: Path) -> None:
    done = subprocess.run(  # noqa: S603  the words are the test's own
        [ROOT / "packaging/oci/build-rootfs", folder],
        env=os.environ | {"PYTHON": sys.executable},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
