#!/bin/sh
# Tests the bundle as StartOS would run it: root, its own mounts, network and processes, and a stub
# of start-container. Nothing is left on this machine, whatever happens.
#
# KEYSAT_ROOTFS, KEYSAT_IMAGE_CONFIG: the folder of the image's root file system and a JSON file
# {workdir,user,entrypoint,cmd,env}, as packaging/oci/build-rootfs writes them. Without them this machine's own files take its place, and the
# repository's .venv what the image installs.
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" != inside ]; then
  test "$(id -u)" = 0 || { echo "run.sh mounts things and must be run by root" >&2; exit 1; }
  exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private \
    sh test/run.sh inside "$@"
fi
shift

REPOSITORY=$(cd ../.. && pwd)
export KEYSAT_TEST_PYTHON="${KEYSAT_TEST_PYTHON:-$REPOSITORY/.venv/bin/python}"
export KEYSAT_TEST_ROOTFS=/media/work/rootfs KEYSAT_TEST_CHECK_MS=200

# The bridge of a real box, on loopback.
ip link set lo up
ip address add 10.0.3.1/24 dev lo

lower="${KEYSAT_ROOTFS:-/}"
mount -t tmpfs tmpfs /media
mkdir -p /media/startos/volumes/main /media/startos/images /media/startos/backup
cd /media
mkdir -p work/rootfs work/rootfs.upper work/rootfs.work work/bin.upper work/bin.work
mount -t overlay overlay work/rootfs \
  -o "lowerdir=$lower,upperdir=work/rootfs.upper,workdir=work/rootfs.work"

if [ -z "${KEYSAT_ROOTFS:-}" ]; then
  grep -q ^keysat: work/rootfs/etc/passwd ||
    echo keysat:x:10001:10001::/data:/usr/sbin/nologin >>work/rootfs/etc/passwd
  grep -q ^keysat: work/rootfs/etc/group || echo keysat:x:10001: >>work/rootfs/etc/group
  mkdir -p work/rootfs/data
  # The unprivileged user must get to the repository and its Python, wherever they are; only the
  # copy is opened.
  for folder in "$REPOSITORY" "$(dirname "$(realpath "$KEYSAT_TEST_PYTHON")")"; do
    while [ "$folder" != / ]; do
      chmod o+x "work/rootfs$folder"
      folder=$(dirname "$folder")
    done
  done
  KEYSAT_IMAGE_CONFIG=/media/work/image.json
  cat >"$KEYSAT_IMAGE_CONFIG" <<END
{"workdir": "/data", "user": "keysat", "entrypoint": [],
 "cmd": ["$KEYSAT_TEST_PYTHON", "-m", "keysat_cli", "serve"],
 "env": ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"]}
END
fi
export KEYSAT_IMAGE_CONFIG

# The SDK starts it without a PATH, so it must be in /usr/bin; its Python is the one that is here.
{
  echo "#!$(command -v python3) -IS"
  sed 1d "$OLDPWD/test/start-container"
} >work/bin.upper/start-container
chmod +x work/bin.upper/start-container
mount -t overlay overlay /usr/bin \
  -o "lowerdir=/usr/bin,upperdir=work/bin.upper,workdir=work/bin.work"
# The SDK gives a new container a tenth of a second to show a process 1, too little on a busy machine.
mount -t proc proc work/rootfs/proc

cd "$OLDPWD"
exec node --test --test-reporter=tap --test-concurrency=1 \
  test/package.test.mjs test/service.test.mjs "$@"
