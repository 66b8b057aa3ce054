"""`python -m tests.container`: the image is built on Debian's packages, run by podman and tried out, as root.

What else is given goes to pytest. The tests run in a network of their own: no port of this machine is taken and no
firewall changed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.container import kept

PROGRAMS = {
    "podman": "podman", "runc": "runc", "mmdebstrap": "mmdebstrap", "ip": "iproute2",
    "catatonit": "catatonit",
    "dovecot": "dovecot-imapd dovecot-lmtpd",
}
"""And the packages of Debian that they come with."""
ALONE = ("unshare", "--net", "--mount", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def missing() -> str:
    """In one line what keeps this from running, "" for nothing."""
    packages = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if packages:
        return f"missing: apt-get install --no-install-recommends {' '.join(packages)}"
    return "" if os.getuid() == 0 else "only root may do this: sudo .venv/bin/python -m tests.container"


def main() -> int:
    if fault := missing():
        print(fault, file=sys.stderr)
        return 2
    kept.make()
    tests = Path(__file__).with_name("image.py")
    command = (*ALONE, sys.executable, "-m", "pytest", str(tests), "--timeout", "600", *sys.argv[1:])
    return subprocess.run(command, cwd=kept.ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
