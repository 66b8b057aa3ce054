"""`python -m tests.bench [--messages N] [--runs N]`: what draining a mailbox costs, against merely reading it.

Every figure is a ratio to something measured in the same run on the same machine:

- *bare fetch*: imapclient as it comes, FETCH of every message's UID, INTERNALDATE and BODY.PEEK[] in batches of 500;
- *poll*: `bounce-watcher poll` as a user runs it, from the start of the process to its end: fetched, analysed,
  written to SQLite, moved to its folder.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from imapclient import IMAPClient

from tests.mail import mailbag
from tests.servers.dovecot import PASSWORD, Dovecot, Layout, running

BATCH = 500
USER = "bounces"


def fill(dovecot: Dovecot, contents: list[bytes]) -> None:
    dovecot.deliver(USER, contents)
    with connected(dovecot) as client:  # Dovecot numbers the mail and builds its index at the first look
        client.select_folder("INBOX")


def connected(dovecot: Dovecot) -> IMAPClient:
    client = IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False)
    client.login(USER, PASSWORD)
    return client


def bare_fetch(dovecot: Dovecot, count: int) -> None:
    with connected(dovecot) as client:
        client.select_folder("INBOX", readonly=True)
        uids = client.search("ALL")
        fetched = 0
        for start in range(0, len(uids), BATCH):
            fetched += len(client.fetch(uids[start : start + BATCH], ["INTERNALDATE", "BODY.PEEK[]"]))
    assert fetched == count, f"{fetched} of {count} fetched"


def poll(dovecot: Dovecot, root: Path, count: int) -> None:
    config = root / "config.toml"
    config.write_text(f"""
[database]
url = "sqlite:///{root}/ledger.db"
[log]
level = "warning"
[[mailbox]]
name = "returns"
host = "127.0.0.1"
port = {dovecot.imap_port}
security = "none"
username = "{USER}"
password = "{PASSWORD}"
""")
    subprocess.run([sys.executable, "-m", "bounce_watcher", "-c", str(config), "poll"], check=True)
    left = len(dovecot.messages(USER))
    assert left == 0, f"{left} of {count} messages are left"


def seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def once(contents: list[bytes]) -> tuple[float, float]:
    """Seconds of a bare fetch and of a poll over the same mailbox, one after the other."""
    with tempfile.TemporaryDirectory() as root, running(Layout()) as dovecot:
        fill(dovecot, contents)
        bare_fetch(dovecot, len(contents))  # the page cache is warm for both
        bare = seconds(lambda: bare_fetch(dovecot, len(contents)))
        return bare, seconds(lambda: poll(dovecot, Path(root), len(contents)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    contents = [content for content, _ in mailbag(arguments.messages, recipients=arguments.messages // 2)]
    mean = sum(map(len, contents)) / len(contents)
    print(f"{len(contents)} messages of {mean:.0f} bytes at the mean")
    ratios = []
    for _ in range(arguments.runs):
        bare, polled = once(contents)
        ratios.append(polled / bare)
        rates = f"bare fetch {len(contents) / bare:8.0f}/s   poll {len(contents) / polled:8.0f}/s"
        print(f"{rates}   ratio {ratios[-1]:.2f}", flush=True)
    print(f"poll / bare fetch: {statistics.median(ratios):.2f} (median of {arguments.runs})")


if __name__ == "__main__":
    main()
