"""bounce_watcher/policy/README.md: the machine that it draws, the table and the words that it shows."""

import re
from collections.abc import Iterator

from bounce_watcher.config.keys import table_of
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import History, RecipientRecord, State
from bounce_watcher.model.verdict import Confidence, Reason
from bounce_watcher.policy.counting import DEFAULTS, CountRule
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.policy.transitions import MOVES, Move, after
from bounce_watcher.words.grounds import text
from tests.docs.pages import ROOT, blocks, spans
from tests.policy.samples import RECIPIENT, failure, history, march, replay

PAGE = (ROOT / "bounce_watcher" / "policy" / "README.md").read_text()
DRAWING, WORDS = (block.text for block in blocks(PAGE, ""))
_ARROW = re.compile(r"│(?P<left>◀?)─+ (?P<move>\w+) ─+(?P<right>▶?)│")


def drawn() -> Iterator[tuple[State, Move, State]]:
    """The arrows between the lines of life under the names of the states."""
    heading, *lines = DRAWING.splitlines()
    names = [match.group() for match in re.finditer(r"\w+", heading)]
    columns = [match.start() for match in re.finditer("│", lines[-1])]
    states = {column: State(name) for column, name in zip(columns, names, strict=True)}
    for line in lines:
        arrow = _ARROW.search(line)
        assert arrow, line
        assert bool(arrow["left"]) != bool(arrow["right"]), line
        left, right = states[arrow.start()], states[arrow.end() - 1]
        yield (left, Move(arrow["move"]), right) if arrow["right"] else (right, Move(arrow["move"]), left)


def test_the_drawing_is_the_table() -> None:
    arrows = list(drawn())
    assert len(arrows) == len(MOVES)
    assert {(state, move): to for state, move, to in arrows} == MOVES


def test_the_names_stand_above_their_lines() -> None:
    heading, *lines = DRAWING.splitlines()
    for name, line in zip(re.finditer(r"\w+", heading), re.finditer("│", lines[-1]), strict=True):
        assert name.start() <= line.start() < name.end()


def test_every_state_can_be_reached_and_left_and_every_move_is_drawn() -> None:
    arrows = list(drawn())
    assert {state for state, _, _ in arrows} == {to for _, _, to in arrows} == set(State)
    assert {move for _, move, _ in arrows} == set(Move)


def test_a_move_that_is_not_drawn_changes_nothing() -> None:
    for state in State:
        for move in Move:
            assert after(state, move) is MOVES.get((state, move), state)


def test_nothing_lifts_a_suppression_but_a_person_an_outage_and_time() -> None:
    assert {move for state, move in MOVES if state is State.SUPPRESSED} == {Move.HOLD, Move.RELEASE, Move.EXPIRE}


def test_the_table_names_each_reason_beside_its_rule() -> None:
    rows = [row for row in re.findall(r"^\| (.*) \| `([\w-]+)` \| .* \|$", PAGE, re.MULTILINE) if "`" in row[0]]
    told = {reason: CountRule(rule) for names, rule in rows for reason in re.findall(r"`(\w+)`", names)}
    assert told == {str(reason): rule for reason, rule in DEFAULTS.items()}


def test_the_keys_are_keys() -> None:
    tables = {span.strip("[]").removeprefix("policy.") for span in spans(PAGE) if span.startswith("[policy.")}
    keys = {span.partition(" = ")[0] for span in spans(PAGE) if " = " in span}
    assert tables >= {"reasons", "confirm", "soft", "evidence", "expiry"}
    assert keys == {"complaint_scope", "hard_scope", "mode"}
    assert tables | keys <= set(table_of(PolicySettings).keys)


def test_the_words_are_those_of_the_policy() -> None:
    policy = PolicySettings()
    full = [failure(Reason.MAILBOX_FULL, march(day)) for day in (2, 9, 17)]
    lapsed = History(
        RecipientRecord(RECIPIENT, "news", released_at=march(24), expiry_level=1, expired_reason="mailbox_full")
    )
    delivered = History(RecipientRecord(RECIPIENT, "news", answered_until=march(3)))
    guess = failure(Reason.INVALID_RECIPIENT, march(2), confidence=Confidence.GUESS)
    said = [
        text(replay(full, policy)[1][-1].grounds),
        text(decide(failure(Reason.INVALID_DOMAIN, march(2)), history(), policy).grounds),
        text(decide(failure(Reason.INVALID_RECIPIENT, march(2)), history(), policy).grounds),
        text(decide(guess, history(), policy).grounds),
        text(decide(failure(Reason.MAILBOX_FULL, march(30)), lapsed, policy).grounds),
        text(decide(failure(Reason.INVALID_RECIPIENT, march(2), evidence=Evidence.PROSE), history(), policy).grounds),
        text(decide(failure(Reason.BAD_REPUTATION, march(2)), history(), policy).grounds),
        text(decide(failure(Reason.MAILBOX_FULL, march(2)), delivered, policy).grounds),
        text(decide(failure(Reason.MAILBOX_FULL, march(2, 20)), history(full[0]), policy).grounds),
    ]
    assert WORDS.splitlines() == said
