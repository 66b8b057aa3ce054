"""A machine of its own for a server whose paths are compiled in: this one's files, with the server's laid over them.

    enclosed(package, root, ["/usr/sbin/smtpd", "-d"], shared={"/var/spool/smtpd": root / "spool"})

gives the command that runs it there, in namespaces of its own. The machine is out.example.com and knows no other by
name. What the server writes is lost with it, save in the shared folders; its processes end with the first of them.
Wants root.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.relay import unavailable

# The overlay's upper layer can't lie within its lower one, "/": hence the tmpfs.
_SCRIPT = """
set -e
package=$1 own=$2 count=$3
shift 3
mount -t tmpfs -o mode=755 tmpfs "$own"
mkdir "$own/upper" "$own/work" "$own/view"
for folder in etc usr var; do [ ! -d "$package/$folder" ] || cp -a "$package/$folder" "$own/upper/"; done
mount -t overlay overlay -o "lowerdir=/,upperdir=$own/upper,workdir=$own/work" "$own/view"
hostname out.example.com
rm -f "$own/view/etc/hosts" "$own/view/etc/resolv.conf"
echo "127.0.0.1 out.example.com localhost" >"$own/view/etc/hosts"
echo "nameserver 127.0.0.1" >"$own/view/etc/resolv.conf"
mount --rbind /dev "$own/view/dev"
mount -t proc proc "$own/view/proc"
while [ "$count" -gt 0 ]; do
    mkdir -p "$own/view$1"
    mount --bind "$2" "$own/view$1"
    shift 2
    count=$((count - 1))
done
exec chroot "$own/view" "$@"
"""


def enclosed(package: Path, root: Path, command: Sequence[str], shared: Mapping[str, Path]) -> list[str]:
    """`package` is the unpacked package, `root` a folder for the mounts; `shared` folders are seen from both sides."""
    if subprocess.run(["unshare", "--mount", "--uts", "--pid", "--fork", "true"], check=False).returncode:
        unavailable("the kernel grants no namespaces")
    own = root / "own"
    own.mkdir(exist_ok=True)
    mounts = [str(part) for pair in shared.items() for part in pair]
    return [
        "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "sh", "-c", _SCRIPT, "sh",
        str(package), str(own), str(len(shared)), *mounts, *command,
    ]
