"""The image of Keysat as a folder, and programs that run in it as a container runs them."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

NEEDED: Final = ("mmdebstrap", "buildah", "unshare", "chroot", "tar2sqfs")
"""What building it and running in it takes, beside root; .ci/packages brings them."""

_ENTER: Final = """
root=$1; data=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$data" "$root/data"
exec chroot --userspec="$USERSPEC" "$root" env -i -C /data "$@"
"""
"""Makes the container: nothing but /data and /tmp can be written, and ids are those of the image."""


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the image says about how it wants to be run."""

    workdir: str
    user: str
    entrypoint: list[str]
    cmd: list[str]
    env: list[str]
    healthcheck: list[str]


@dataclass(frozen=True, kw_only=True)
class Image:
    """The root file system and the configuration, as ``packaging/oci/build-rootfs`` lays them out."""

    rootfs: Path
    config_path: Path
    config: ImageConfig

    @property
    def variables(self) -> dict[str, str]:
        """Name the image to a program that runs it too."""
        return {
            "KEYSAT_ROOTFS": str(self.rootfs),
            "KEYSAT_IMAGE_CONFIG": str(self.config_path),
        }

    @property
    def user_ids(self) -> tuple[int, int]:
        """The user and group that the image's name for its user stands for."""
        for line in (self.rootfs / "etc/passwd").read_text(encoding="utf-8").splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == self.config.user:
                return int(uid), int(gid)
        raise LookupError(self.config.user)

    def make_data_folder(self, parent: Path) -> Path:
        """Make what is to be mounted at /data, the property of the image's user."""
        folder = parent / "data"
        folder.mkdir(mode=0o700)
        os.chown(folder, *self.user_ids)
        return folder

    def start(
        self, *words: str, data: Path, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Run words as the first process of a container; it ends with the process returned."""
        uid, gid = self.user_ids
        settings = [*self.config.env, *(f"{k}={v}" for k, v in (variables or {}).items())]
        return subprocess.Popen(  # noqa: S603  the words are the test's own
            [
                *("unshare", "--mount", "--propagation", "private", "--pid", "--fork"),
                *("--kill-child", "sh", "-ec", _ENTER, "enter", str(self.rootfs), str(data)),
                *settings,
                *words,
            ],
            env={"PATH": os.environ["PATH"], "USERSPEC": f"{uid}:{gid}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(
        self, *words: str, data: Path, variables: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run words to their end in a container; give the exit status and what was said."""
        with self.start(*words, data=data, variables=variables) as process:
            said, _ = process.communicate(timeout=60)
        return process.returncode, said


def first_process_of(container: subprocess.Popen[str]) -> int:
    """Return the id outside of what has the id 1 inside."""
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    return int(children.read_text(encoding="ascii").split()[0])
