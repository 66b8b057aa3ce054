"""What a decision on many at once would come to: rehearsed, counted, told in sentences, and held to when it is made."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException

from bounce_watcher.ledger.rulings import Left, Ruled, Wanted
from bounce_watcher.model.ledger import NoticeType, Occurrence, OutboxItem, State, Suppression
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.announcing import announcer
from bounce_watcher.web import shown
from bounce_watcher.web.listing import Column, Download
from bounce_watcher.web.shown import counted, harmless, number
from bounce_watcher.web.visit import Visit

MOST_HERE = 20_000
"""Recipients that are decided on in the browser at once; more take too long for a page."""
SAMPLE = 10

Announce = Callable[[Occurrence], Sequence[OutboxItem]]


def wanted(visit: Visit, because: str, announce: Announce, included: Iterable[Left] = ()) -> Wanted:
    return Wanted(because, visit.now, announce, visit.house.settings.policy, frozenset(included))


class Listener:
    """Announces as the service would, and counts what each target would be told."""

    def __init__(self, visit: Visit) -> None:
        self._announce = announcer(visit.house.settings)
        self._is_shadow = visit.house.settings.policy.mode is Mode.SHADOW
        self._told: Counter[tuple[NoticeType, str]] = Counter()

    def __call__(self, occurrence: Occurrence) -> Sequence[OutboxItem]:
        items = self._announce(occurrence)
        self._told.update((item.type, item.target) for item in items)
        return items

    def hear(self, kind: NoticeType, standing: Iterable[Suppression]) -> None:
        """As if these were told so; of what is only held back nobody is."""
        for each in standing:
            if each.state is State.SUPPRESSED:
                self(Occurrence(kind, each.since, each.recipient, each.stream, 1, {}))

    def sentences(self, held: int = 0) -> tuple[str, ...]:
        """What would be sent; `held` is how many would be released of whom nobody was told."""
        if self._is_shadow:
            return ("Nothing: in watch-only mode nobody is told.",)
        told = tuple(
            f"{number(many)} × {kind.value} to {harmless(target, 80)}"
            for (kind, target), many in sorted(self._told.items())
        )
        untold = (f"For the {number(held)} held nothing is sent: nobody was told of them.",) if held else ()
        return (*told, *untold) or ("Nothing: nobody was told of it, or no target wants to hear of it.",)


@dataclass(slots=True)
class Outline:
    """`changed` is how many would be decided on, `was` where they stand, `left` why others stay as they are.

    `sample` are some of those who change, `spared` some of those who stay. `more`: there are too many for a page.
    """

    changed: int = 0
    was: Counter[State] = field(default_factory=Counter)
    left: Counter[Left] = field(default_factory=Counter)
    sample: list[Ruled] = field(default_factory=list)
    spared: list[Ruled] = field(default_factory=list)
    seen: str = ""
    more: bool = False

    @property
    def held(self) -> int:
        """Of those who change, how many were held: nobody was told of them."""
        return self.was[State.PENDING]


def too_many(done: str, shell: str) -> HTTPException:
    """What a form is answered where its preview would have shown the command for the shell."""
    return HTTPException(422, f"More than {number(MOST_HERE)} addresses are {done} at the shell: {shell}")


def outline(rehearsed: Iterable[Ruled]) -> Outline:
    """Goes through a rehearsal; `seen` is a digest of all of it."""
    found, seen = Outline(), hashlib.sha256()
    for place, each in enumerate(rehearsed):
        if place == MOST_HERE:
            found.more = True
            break
        seen.update(f"{each.recipient}\0{each.stream}\0{each.was}\0{each.state}\0{each.left}\n".encode(
            "utf-8", "replace"))
        if each.left is None:
            found.changed += 1
            found.was[each.was] += 1
        else:
            found.left[each.left] += 1
        some = found.sample if each.left is None else found.spared
        if len(some) < SAMPLE:
            some.append(each)
    found.seen = seen.hexdigest()
    return found


def sampled(found: Outline) -> Iterator[str]:
    """Some of those who would change, in a line each."""
    for each in found.sample:
        was, now = shown.STATES[each.was][0], shown.STATES[each.state][0]
        yield f"{_named(each)}: {shown.reason(each.reason) if each.reason else 'no report'}; {was}, then {now}"
    if found.changed > len(found.sample):
        yield f"and {number(found.changed - len(found.sample))} more"


def _named(each: Ruled) -> str:
    return f"{harmless(each.recipient, 320)} ({harmless(each.stream, 80)})"


LEFT: Mapping[Left, str] = {
    Left.COMPLAINT: "complained about a mail", Left.BY_HAND: "suppressed by hand",
    Left.PROTECTED: "protected", Left.FORGOTTEN: "forgotten: no target knows it by its hash",
}


def spared(found: Outline) -> Iterator[str]:
    """Who would stay as they are, by why, and some of them by name."""
    for left, many in found.left.items():
        yield f"{counted(many, 'suppression')} left out: {LEFT[left]}."
    for each in found.spared:
        if each.left not in {None, Left.FORGOTTEN}:
            yield f"{_named(each)}: {LEFT[each.left]}" if each.left else ""
    if (hidden := sum(found.left.values()) - len(found.spared)) > 0:
        yield f"and {number(hidden)} more"


DOWNLOAD: Download[Ruled] = Download("decided", (
    Column("Address", lambda each: each.recipient),
    Column("Stream", lambda each: each.stream),
    Column("Reason", lambda each: each.reason),
    Column("State", lambda each: shown.STATES[each.was][0]),
    Column("Would be", lambda each: shown.STATES[each.state][0]),
    Column("Left out because", lambda each: each.left and LEFT[each.left]),
), lambda each: {
    "id": f"{each.recipient}/{each.stream}", "type": "decided", "recipient": each.recipient, "stream": each.stream,
    "reason": each.reason, "was": each.was, "state": each.state, "left": each.left,
})
