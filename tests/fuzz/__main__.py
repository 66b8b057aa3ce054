"""`python -m tests.fuzz [SECONDS] [--seeds FOLDER]…`: coverage-guided search for bytes that break `analyse`.

Wants the extra `fuzz` (atheris, which is libFuzzer for Python). Only bounce_watcher is instrumented. Every input must
keep `tests.pipeline.invariant`, take no more time than its length allows, and no more memory than a worker may.

It begins at the samples of tests/corpus and with the words of the trade, and goes on where the last run ended: what
reached new code is kept in build/fuzz/corpus. Ends with status 0 when the time is over; an input that breaks something
ends it at once and is written to build/fuzz/ under the name that is printed.
"""

import argparse
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bounce_watcher"]):
    from bounce_watcher.classification.ruleset import load_builtin
    from bounce_watcher.pipeline import Toolkit, analyse

from bounce_watcher.attribution.settings import AttributionSettings
from tests.corpus.golden import samples
from tests.pipeline.invariant import check

ROOT = Path(__file__).resolve().parents[2] / "build" / "fuzz"

MAX_BYTES = 64 * 1024
"""Of one input: what takes quadratic time takes minutes at this length."""

BASE_SECONDS, SECONDS_A_BYTE = 0.1, 10e-6
"""CPU time that an input may take, instrumented: twenty times what the samples take."""

HANGS_AFTER = 20
"""Seconds after which libFuzzer ends an input that does not return."""

MAX_MEBIBYTES = 1024
"""Of the whole process: libFuzzer keeps its corpus in it too."""

TOOLKIT = Toolkit(load_builtin(), AttributionSettings("returns@example.com", (b"k" * 32,)))


def keeps_its_promise(content: bytes) -> None:
    allowed = BASE_SECONDS + SECONDS_A_BYTE * len(content)
    taken = _seconds(content)
    if taken > allowed:  # the first time something may have been compiled or collected
        taken = min(_seconds(content) for _ in range(3))
    assert taken <= allowed, f"{taken:.2f} s for {len(content)} bytes"


def _seconds(content: bytes) -> float:
    begun = time.process_time()
    analysis = analyse(content, TOOLKIT)
    taken = time.process_time() - begun
    check(analysis)
    return taken


def write_seeds(folder: Path, others: list[Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples():
        (folder / sample.name.replace("/", "-")).write_bytes(sample.content)
    for other in others:
        for path in sorted(path for path in other.rglob("*.eml") if path.stat().st_size <= MAX_BYTES):
            (folder / f"{other.name}-{path.name}").write_bytes(path.read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=int, default=60)
    parser.add_argument("--seeds", type=Path, action="append", default=[], help="a folder of .eml files too")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs have reached")
    arguments = parser.parse_args()
    kept, seeds = ROOT / "corpus", ROOT / "seeds"
    kept.mkdir(parents=True, exist_ok=True)
    for old in kept.iterdir() if arguments.fresh else ():
        old.unlink()
    write_seeds(seeds, arguments.seeds)
    flags = {
        "max_total_time": arguments.seconds,
        "max_len": MAX_BYTES,
        "timeout": HANGS_AFTER,
        "rss_limit_mb": MAX_MEBIBYTES,
        "artifact_prefix": f"{ROOT}/",
        "dict": Path(__file__).with_name("words.dict"),
        "print_final_stats": 1,
    }
    options = [f"-{name}={value}" for name, value in flags.items()]
    atheris.Setup([sys.argv[0], *options, str(kept), str(seeds)], keeps_its_promise)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
