"""`python -m tests.paraphrase [COUNT] [--misses REASON]`: how much of the same said in other words is understood.

refusals.toml has sentences by language and reason. Each is said in many forms: with a reply code and status that give
nothing away, wrapped as mail servers wrap replies, in capitals, without accents, over several lines. Printed is the
share of verdicts with the right bounce type and with the right reason, by language, reason and confidence. A fifth of
the sentences is held out: rules are written without a look at which of them fail, so their share says how the rules do
on words that nobody has seen.
"""

import sys
import tomllib
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from bounce_watcher.classification.classify import classify
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.fields import Action, RecipientReport
from bounce_watcher.model.verdict import Reason, Verdict

SENTENCES = Path(__file__).parent / "recognition" / "refusals.toml"
REASONS = {str(reason): reason for reason in Reason}
ADDRESSES = ("ada@example.org", "<grace.hopper@mail.example.org>", "j.doe+list@sub.example.org")
Form = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Saying:
    """One sentence in one form, with the reason that it means."""

    language: str
    reason: Reason
    sentence: str
    text: str

    @property
    def is_held_out(self) -> bool:
        return zlib.crc32(self.sentence.encode()) % 5 == 0


def bare(text: str) -> str:
    """Returns the text without accents, as ASCII terminals of old print it."""
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


def over_lines(text: str) -> str:
    """Returns a reply of several lines, as a report joins them."""
    words = text.split()
    middle = len(words) // 2
    return f"550-{' '.join(words[:middle])} 550 {' '.join(words[middle:])}" if middle else text


WORDING: tuple[Form, ...] = (str, str, str.upper, bare, "{}.".format, "Error: {}".format, "{} !".format)
REPLY: tuple[Form, ...] = ("550 {}".format, "554 {}".format, "550 5.0.0 {}".format, over_lines, "550 #{}#".format, str)
WRAPPING: tuple[Form, ...] = (
    str,
    "host mx.example.org[192.0.2.7] said: {} (in reply to RCPT TO command)".format,
    "SMTP error from remote mail server after RCPT TO:<ada@example.org>: host mx.example.org [192.0.2.7]: {}".format,
    "Remote host said: {}".format,
)


def sentences() -> Iterator[tuple[str, Reason, str]]:
    for language, by_reason in tomllib.loads(SENTENCES.read_text(encoding="utf-8")).items():
        yield from ((language, REASONS[reason], each) for reason, said in by_reason.items() for each in said)


def sayings(count: int, seed: int = 1) -> Iterator[Saying]:
    """Yields `count` sayings; each sentence about as often as any other."""
    random, known = Random(seed), list(sentences())
    for number in range(count):
        language, reason, sentence = known[number % len(known)]
        text = sentence.format(to=random.choice(ADDRESSES))
        for forms in (WORDING, REPLY, WRAPPING):
            text = random.choice(forms)(text)
        yield Saying(language, reason, sentence, text)


def judged(saying: Saying) -> Verdict:
    return classify(RecipientReport(action=Action.FAILED, diagnostic_code=saying.text), None, load_builtin())


def main(count: str = "20000", *options: str) -> None:
    tally: defaultdict[str, Counter[str]] = defaultdict(Counter)
    missed: Counter[tuple[str, str, str]] = Counter()
    for saying in sayings(int(count)):
        verdict = judged(saying)
        outcome = {"asked": 1, "type": verdict.bounce_type is saying.reason.bounce_type,
                   "reason": verdict.reason is saying.reason, "silent": verdict.reason is Reason.UNKNOWN,
                   "false hard": verdict.bounce_type == "hard" and saying.reason.bounce_type != "hard"}
        group = "held out" if saying.is_held_out else "written for"
        names = (f"confidence {verdict.confidence}", f"language {saying.language}", f"reason {saying.reason}")
        for name in ("all", group, *names):
            tally[name].update({key: int(value) for key, value in outcome.items()})
        if not outcome["type"] and not saying.is_held_out:
            missed[saying.language, str(saying.reason), f"{saying.sentence} -> {verdict.reason} [{verdict.rule}]"] += 1
    for name, row in tally.items():
        share = partial(percent, row)
        print(f"{name:28} {row['asked']:6}  type {share('type')}  reason {share('reason')}"
              f"  silent {share('silent')}  false hard {row['false hard']}")
    if "--misses" in options:
        wanted = options[options.index("--misses") + 1]
        for (language, reason, said), times in sorted(missed.items()):
            if wanted in ("all", reason, language):
                print(f"{language} {reason} ×{times}: {said}")


def percent(row: Counter[str], key: str) -> str:
    return f"{100 * row[key] / row['asked']:5.1f}"


if __name__ == "__main__":
    main(*sys.argv[1:])
