"""`python -m tests.receivers SHEET [KIND]`: which claims of a sheet about receivers' replies the rules contradict.

SHEET is a Markdown file with tables. A row has a cell with the marks of a reply in backticks (alternatives), maybe a
cell with the reply's code, status, stage and receiver, and a cell that names our reasons; where no cell does, the
heading above the table does. A row that names several reasons allows each. Each mark is classified as the reply that
its row describes. Printed are the claims whose verdict is none of the allowed reasons, worst kind first.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from bounce_watcher.classification.classify import classify_reply
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.verdict import BounceType, Reason, Verdict

REASONS = {str(reason): reason for reason in Reason}
MARKS = frozenset({"marker", "text", "key words", "key", "token", "phrase", "what it looks like", "code", "words"})
OUR_REASON = frozenset({"reason", "our reason", "what it is"})
NO_MARKS = frozenset({"note", "src", "c", "#", "why it matters", "in the wild", "registered meaning"})

# What a heading or a cell calls a receiver, and a host of it: rules of one receiver ask for its host.
HOSTS = {
    "microsoft": "mx.mail.protection.outlook.com", "consumer": "mx.olc.protection.outlook.com",
    "google": "gmail-smtp-in.l.google.com", "yahoo": "mta5.am0.yahoodns.net", "apple": "mx01.mail.icloud.com",
    "united internet": "mx00.gmx.net", "t-online": "mx00.t-online.de", "interia": "mx.poczta.interia.pl",
    "qq 5": "mx3.qq.com", "sina": "mx.sina.com.cn", "rambler": "mx.rambler.ru", "sfr": "smtp-in.sfr.fr",
    "docomo": "mfsmax.docomo.ne.jp", "vade": "mx.vadesecure.com",
}
STAGES = {
    "greeting": "{} refused to talk to me", "MAIL FROM": "{} (in reply to MAIL FROM command)",
    "RCPT": "{} (in reply to RCPT TO command)", "end of DATA": "{} (in reply to end of DATA command)",
    "after DATA": "{} (in reply to end of DATA command)", "HELO": "{} (in reply to EHLO command)",
}


class Kind(StrEnum):
    """How a verdict contradicts a claim, worst first."""

    FALSE_HARD = "a good address called dead"
    MISSED_HARD = "a dead address called alive"
    TYPE = "another bounce type"
    REASON = "another reason"
    UNKNOWN = "no verdict"


@dataclass(frozen=True, slots=True)
class Claim:
    """One mark of one row. `line` is the row's number in the sheet."""

    line: int
    reply: str
    remote: str | None
    allowed: frozenset[Reason]
    certainty: str


def claims(sheet: str) -> Iterator[Claim]:
    """Yields what the tables of a sheet claim."""
    heading, columns = "", list[str]()
    for number, (line, after) in enumerate(pairwise([*sheet.splitlines(), ""]), start=1):
        if line.startswith("#"):
            heading = line
        elif not line.startswith("|"):
            columns = []
        elif re.match(r"\|[\s:|-]+$", after):
            columns = [cell.casefold() for cell in cells(line)]
        elif not re.match(r"\|[\s:|-]+$", line):
            yield from claims_of_row(number, heading, columns, cells(line))


def cells(row: str) -> list[str]:
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def claims_of_row(number: int, heading: str, columns: Sequence[str], row: Sequence[str]) -> Iterator[Claim]:
    named = dict(zip(columns, row, strict=False))
    saying = next((named[name] for name in columns if name in OUR_REASON), heading)
    allowed = frozenset(REASONS[word] for word in re.findall(r"[a-z]+(?:_[a-z]+)*", saying) if word in REASONS)
    if not allowed or "text after" in saying or "inner" in saying:
        return
    by_language = bool(columns) and columns[0] in OUR_REASON
    of_marks = [name for name in columns if name in MARKS or (by_language and name not in OUR_REASON | NO_MARKS)]
    rest = " ".join(cell for name, cell in named.items() if name not in OUR_REASON and name not in {"note", *of_marks})
    for mark in (mark for name in of_marks for mark in marks(named[name])):
        reply = as_reply(mark, rest)
        yield Claim(number, reply, host(f"{heading} {rest}"), allowed, named.get("c", ""))


def marks(cell: str) -> Iterator[str]:
    """Yields the alternatives of a cell. Marks that a plus sign joins are parts of one reply; brackets hold remarks."""
    parts = re.split(r"(`[^`]*`)", cell)
    joined = list[str]()
    depth = 0
    for between, part in zip(parts[::2], [*parts[1::2], ""], strict=True):
        depth += between.count("(") - between.count(")")
        if joined and not re.search(r"\+|^ ?(?:…|with|then|and) ?$", between):
            yield " ".join(joined)
            joined = []
        if part and depth <= 0:
            joined.append(part.strip("`"))


def as_reply(mark: str, rest: str) -> str:
    """Returns the reply of a mark, with what the row says of its code, its status and its stage."""
    text = mark.replace("…", "x ").strip()
    if not re.match(r"[245]\d\d\b", text):
        code = re.search(r"\b[45]\d\d\b(?!\.)", rest)
        status = re.search(r"\b[45]\.\d+\.\d+\b", rest)
        if status and not re.search(r"\b[45]\.\d+\.\d+\b", text):
            text = f"{status[0]} {text}"
        said = re.match(r"([45])\.\d", text)
        text = f"{code[0] if code else '451' if said and said[1] == '4' else '550'} {text}"
    stage = next((form for word, form in STAGES.items() if word in rest), "{}")
    return stage.format(text)


def host(words: str) -> str | None:
    """Returns the host that answers: that of a receiver known by its name, else one in a domain that the row names."""
    told = words.casefold()
    known = next((host for name, host in reversed(HOSTS.items()) if name in told), None)
    domain = re.search(r"(?<![\w.@/-])(?:[a-z0-9-]+\.)+[a-z]{2,}(?![\w/-])", told)
    return known or (f"mx.{domain[0]}" if domain else None)


def contradiction(claim: Claim, verdict: Verdict) -> Kind | None:
    types = {reason.bounce_type for reason in claim.allowed}
    if verdict.reason in claim.allowed:
        return None
    if verdict.reason is Reason.UNKNOWN:
        return Kind.UNKNOWN
    if verdict.bounce_type is BounceType.HARD and BounceType.HARD not in types:
        return Kind.FALSE_HARD
    if types == {BounceType.HARD} and verdict.bounce_type is not BounceType.HARD:
        return Kind.MISSED_HARD
    return Kind.REASON if verdict.bounce_type in types else Kind.TYPE


def main(path: str, wanted: str = "") -> None:
    ruleset, found = load_builtin(), defaultdict[Kind, list[str]](list)
    claimed = list(claims(Path(path).read_text(encoding="utf-8")))
    for claim in claimed:
        verdict = classify_reply(claim.reply, ruleset, claim.remote)
        if kind := contradiction(claim, verdict):
            asked = "/".join(sorted(claim.allowed))
            said = f"{asked} -> {verdict.reason} [{verdict.rule}]"
            found[kind].append(f"{claim.line}{claim.certainty[:1]:>2}  {said}  {claim.reply}")
    for kind in Kind:
        print(f"{kind}: {len(found[kind])}")
        if wanted.upper() in ("ALL", kind.name):
            print("\n".join(f"  {line}" for line in found[kind]))
    print(f"{len(claimed)} claims, {len(claimed) - sum(map(len, found.values()))} agree")


if __name__ == "__main__":
    main(*sys.argv[1:])
