"""`python -m tests.bench [poll|analysis|hostile|simulate|start|batched|paced|pages] [--messages N] [--runs N]`: costs.

Every figure is a ratio to something well known, measured in the same run on the same machine. `poll`, what
draining a mailbox costs against merely reading it:

- *bare fetch*: imapclient as it comes, FETCH of every message's UID, INTERNALDATE and BODY.PEEK[] in batches of 500;
- *poll*: `bounce-watcher poll` as a user runs it, from the start of the process to its end: fetched, analysed,
  written to SQLite, moved to its folder.

`analysis`, what one core understands in a second of its own time:

- *analyse*: `pipeline.analyse` with the rules of the package;
- *flufl.bounce*: `all_failures` of `email.message_from_bytes`, which tells addresses and nothing else.

`hostile`, how the time for mail that was made to take long grows with its size: four times the size takes four times
the time, what is quadratic sixteen times. A jump is no fault in itself, as beyond a bound of size another way may be
taken: status 1 where anything takes more than ten times as long and more than 10 µs a byte.

`simulate`, what it takes to replay a stored history of `--messages` events under another policy, by `bounce-watcher
simulate` as a user runs it on SQLite: seconds, and the largest memory of the process.

`start`, the CPU time that a short command takes, and a Tab, beside `import sqlalchemy, pydantic`: nearly all of it is
imports.

`batched` and `paced`, what it takes to put `--messages` suppressions on a platform's list, by calls of a thousand or by
single ones of which 50 a second are allowed, for a service that is killed five times on the way: seconds, calls in a
second of the clock, the largest memory and the CPU time of the service.

`pages`, what each page of the dashboard takes over a past of `--messages` events, on SQLite and on PostgreSQL, beside
a request that asks nobody, and by which indexes: status 1 where one takes more than 200 ms at the median. `--ledger
FILE` keeps the past for another time; `--only TEXT` asks for those pages alone whose address holds it.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from email import message_from_bytes
from functools import partial
from pathlib import Path

from flufl.bounce import all_failures
from imapclient import IMAPClient

from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.pipeline import Toolkit, analyse
from tests.bench_pages import pages
from tests.integration.hostile import ATTACKS
from tests.integration.test_volume import PACE, delivered_while_killed
from tests.ledger.past import fill_history
from tests.mail import mailbag
from tests.outbox.platforms.vendor import serving
from tests.outbox.platforms.vendors import vendor_classes
from tests.pipeline.floods import PLACES, floods
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


def seconds(work: Callable[[], object]) -> float:
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


def polls(contents: list[bytes], runs: int) -> None:
    ratios = []
    for _ in range(runs):
        bare, polled = once(contents)
        ratios.append(polled / bare)
        rates = f"bare fetch {len(contents) / bare:8.0f}/s   poll {len(contents) / polled:8.0f}/s"
        print(f"{rates}   ratio {ratios[-1]:.2f}", flush=True)
    print(f"poll / bare fetch: {statistics.median(ratios):.2f} (median of {runs})")


def analysis(contents: list[bytes], runs: int) -> None:
    toolkit = Toolkit(load_builtin())
    ratios = []
    for _ in range(runs):
        ours = rate(lambda content: analyse(content, toolkit), contents)
        theirs = rate(lambda content: all_failures(message_from_bytes(content)), contents)
        ratios.append(ours / theirs)
        print(f"analyse {ours:8.0f}/s   flufl.bounce {theirs:8.0f}/s   ratio {ratios[-1]:.2f}", flush=True)
    print(f"analyse / flufl.bounce: {statistics.median(ratios):.2f} (median of {runs})")


def rate(work: Callable[[bytes], object], contents: list[bytes]) -> float:
    """Messages in a second of this process's CPU time."""
    begun = time.process_time()
    for content in contents:
        work(content)
    return len(contents) / (time.process_time() - begun)


GROWTH, TOLERATED = 4, 10
FLOOD_BYTES = 16 * 1024
SECONDS_A_BYTE = 10e-6
UNMEASURABLE = 0.002
"""Seconds below which nothing is told by a ratio."""


def hostile(runs: int) -> bool:
    """Whether the time grows with the size; the worst are printed."""
    toolkit = Toolkit(load_builtin())
    rows = []
    for name, small, large in hostile_pairs():
        analyse(small, toolkit)  # what is made at first use
        ratio, seconds = min(growth(small, large, toolkit) for _ in range(runs))
        rows.append((ratio, seconds, name, len(large)))
    print(f"{len(rows)} kinds of hostile mail, each at a size and at {GROWTH} times that; the worst of them:")
    for ratio, seconds, name, size in sorted(rows, reverse=True)[:15]:
        print(f"time x {ratio:4.1f}   {seconds:6.3f} s for {size / 1024:7.0f} KiB   {name}")
    slowest = max(rows, key=lambda row: row[1] / row[3])
    print(f"most time a byte: {slowest[1] / slowest[3] * 1e6:.1f} µs, {slowest[2]}")
    return all(ratio <= TOLERATED or seconds / size <= SECONDS_A_BYTE for ratio, seconds, _, size in rows)


def hostile_pairs() -> Iterator[tuple[str, bytes, bytes]]:
    for attack in filter(lambda attack: attack.probe, ATTACKS):
        yield attack.name, attack.make(attack.probe), attack.make(GROWTH * attack.probe)
    for where in PLACES:
        pairs = zip(floods(FLOOD_BYTES, where), floods(GROWTH * FLOOD_BYTES, where), strict=True)
        yield from ((name, small, large) for (name, small), (_, large) in pairs)


def growth(small: bytes, large: bytes, toolkit: Toolkit) -> tuple[float, float]:
    """How many times as long the large one takes, and its seconds."""
    taken = [1 / rate(lambda content: analyse(content, toolkit), [content]) for content in (small, large)]
    return taken[1] / max(taken[0], UNMEASURABLE), taken[1]


def simulate(events: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        config = Path(root) / "config.toml"
        config.write_text(f'[database]\nurl = "sqlite:///{root}/ledger.db"\n[policy.soft]\nbounces = 4\n')
        config.chmod(0o600)
        fill_history(f"sqlite:///{root}/ledger.db", events, recipients=max(events // 4, 1))
        command = [sys.executable, "-m", "bounce_watcher", "-c", str(config), "simulate"]
        for _ in range(runs):
            taken = seconds(partial(subprocess.check_output, command))
            largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"simulate {events} events: {taken:6.1f} s   {events / taken:8.0f}/s   {largest:.0f} MiB", flush=True)


STARTS: Sequence[tuple[str, Sequence[str], Mapping[str, str]]] = (
    ("help", ("events", "list", "--help"), {}),
    ("list", ("suppressions", "list"), {}),
    ("Tab", (), {"_BOUNCE_WATCHER_COMPLETE": "complete_bash", "COMP_WORDS": "bounce-watcher events list --",
                 "COMP_CWORD": "3"}),
)
BESIDE = ("-c", "import sqlalchemy, pydantic")


def start(runs: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        config = Path(root) / "config.toml"
        config.write_text(f'[database]\nurl = "sqlite:///{root}/ledger.db"\n')
        config.chmod(0o600)
        fill_history(f"sqlite:///{root}/ledger.db", 100, recipients=25)
        for name, arguments, environ in STARTS:
            taken, ratios = [], []
            for _ in range(runs):
                beside = cpu_of_child(*BESIDE)
                command = ("-m", "bounce_watcher", *arguments)
                taken.append(cpu_of_child(*command, **environ, BOUNCE_WATCHER_CONFIG=str(config)))
                ratios.append(taken[-1] / beside)
            print(f"{name}: {statistics.median(taken):.2f} s of CPU, ratio {statistics.median(ratios):.2f}", flush=True)


def cpu_of_child(*arguments: str, **environ: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environ})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def killed(count: int, kind: str, rate: int) -> None:
    with tempfile.TemporaryDirectory() as folder, serving(vendor_classes()[kind]()) as vendor:
        start = time.monotonic()
        found = delivered_while_killed(vendor, Path(folder), count, f"rate = {rate}", kills=5)
        took = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = Counter(int(call.at) for call in vendor.calls).values()
    print(f"{count} suppressions in {took:.0f} s by {len(vendor.calls)} calls, {found.peak / 1024:.0f} MiB at most")
    print(f"calls in a second: {statistics.median(seconds):.0f} (median), {max(seconds)} (most)")
    spent = used.ru_utime + used.ru_stime
    print(f"CPU of the service: {1000 * spent / count:.2f} ms a suppression, six starts and all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    choices = ("poll", "analysis", "hostile", "simulate", "start", "batched", "paced", "pages")
    parser.add_argument("what", nargs="?", choices=choices, default="poll")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if arguments.what == "pages":
        with tempfile.TemporaryDirectory() as root:
            file = arguments.ledger or Path(root) / "ledger.db"
            sys.exit(0 if pages(arguments.messages, max(7, arguments.runs), file, arguments.only) else 1)
    if arguments.what == "hostile":
        sys.exit(0 if hostile(arguments.runs) else 1)
    if arguments.what == "simulate":
        simulate(arguments.messages, arguments.runs)
        return
    if arguments.what == "start":
        start(max(5, arguments.runs))
        return
    if arguments.what in ("batched", "paced"):
        killed(arguments.messages, *(("mailgun", 1000) if arguments.what == "batched" else ("ses", PACE)))
        return
    contents = [content for content, _ in mailbag(arguments.messages, recipients=arguments.messages // 2)]
    mean = sum(map(len, contents)) / len(contents)
    print(f"{len(contents)} messages of {mean:.0f} bytes at the mean")
    (polls if arguments.what == "poll" else analysis)(contents, arguments.runs)


if __name__ == "__main__":
    main()
