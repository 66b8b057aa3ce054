"""A flood of unproven reports at the shell: what is said of it before, what an import tells, how it is decided."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from bounce_watcher.cli.framework.asking import Asker
from bounce_watcher.cli.start.init_mailbox import Options
from bounce_watcher.cli.start.init_steps import _ask_key
from bounce_watcher.config import load
from bounce_watcher.model.finding import Evidence
from bounce_watcher.policy.guards.flood import BOUNCES
from bounce_watcher.policy.guards.limits import FloodSettings
from bounce_watcher.service.setup import writing
from bounce_watcher.service.setup.doctor import examine
from bounce_watcher.service.setup.writing import ConfigDraft
from tests.cli.conftest import TOKENS, USER_UNKNOWN, Program
from tests.mail import START, Letter, postfix

MANY = 60
SAID = "anyone who knows your recipients' addresses can forge bounces that suppress them, at most 120 a day and 600 in"
CAP = FloodSettings().source


@pytest.fixture
def reports(program: Program) -> Path:
    """From one host within an hour, each of an address at a provider of its own."""
    folder = program.folder / "reports"
    folder.mkdir()
    for n in range(MANY):
        address = f"good{n}@d{n}.example"
        letter = Letter(n, address, USER_UNKNOWN.format(address), START + n * timedelta(seconds=30))
        (folder / f"{n}.eml").write_text(postfix(letter))
    program.config.write_text(program.config.read_text() + "[policy.guard]\nenabled = false\n")
    return folder


def states(program: Program) -> dict[str, int]:
    rows = program.ledger("suppressions", "list", "--json").rows
    return {state: sum(row["state"] == state for row in rows) for state in ("suppressed", "pending")}


def test_an_import_tells_of_what_is_held_and_how_to_decide(program: Program, reports: Path) -> None:
    done = program.ledger("import", str(reports))
    assert states(program) == {"suppressed": CAP, "pending": MANY - CAP}
    (alert,) = program.ledger("alerts", "list", "--json").rows
    assert (alert["alert"], alert["held"], alert["state"]) == ("flood", MANY - CAP, "raised")
    assert f"{MANY - CAP} suppressions held: {MANY - CAP} reports held since 2 March 2026" in done.out
    assert f"see alerts held {alert['id']}, then alerts confirm {alert['id']}" in done.out


def test_what_is_held_is_looked_through_and_confirmed(program: Program, reports: Path) -> None:
    program.ledger("import", str(reports))
    (alert,) = program.ledger("alerts", "list", "--json").rows
    held = program.ledger("alerts", "held", alert["id"], "--json").rows
    assert {row["recipient"] for row in held} == {f"good{n}@d{n}.example" for n in range(CAP, MANY)}
    (event,) = program.ledger("events", "list", "--recipient", held[0]["recipient"], "--json").rows
    assert event["counted"].startswith("held back in a flood: unproven")
    assert event["client_ip"] == "198.51.100.7"
    done = program.ledger("alerts", "confirm", alert["id"], "--because", "an old list")
    assert f"suppressed: {MANY - CAP} suppressions" in done.out
    assert states(program) == {"suppressed": MANY, "pending": 0}


def test_an_alert_that_is_not_there(program: Program, reports: Path) -> None:
    assert "there is no alert 'x'" in program.ledger("alerts", "held", "x").complaint


def test_an_import_that_a_person_vouches_for(program: Program, reports: Path) -> None:
    done = program.ledger("import", "--trusted", str(reports))
    assert states(program) == {"suppressed": MANY, "pending": 0}
    assert "held" not in done.out


def test_the_configuration_without_a_key_says_what_that_means(program: Program) -> None:
    told = program.ledger("check-config").out
    assert f"warning: attribution.token_key is not set, so {SAID}" in told
    assert "sign your return paths" in told
    (check,) = (check for check in examine(load(program.config)) if check.name == "proof")
    assert check.ok
    assert SAID in check.detail
    assert "sign your return paths" in check.fix


def test_the_configuration_with_a_key_has_nothing_to_say(program: Program) -> None:
    program.config.write_text(program.config.read_text() + TOKENS)
    assert "suppress them" not in program.ledger("check-config").out
    assert not [check for check in examine(load(program.config)) if check.name == "proof"]


def test_a_key_beside_evidence_that_proves_nothing_says_so(program: Program) -> None:
    program.config.write_text(program.config.read_text() + TOKENS + '[policy.evidence]\nhard = "report"\n')
    assert f"[policy.evidence] asks for less than a signature, so {SAID}" in program.ledger("check-config").out


def options(sign: bool | None) -> Options:
    names = dict.fromkeys(each.name for each in fields(Options))
    return Options(**{**names, "sign": sign})  # type: ignore[arg-type]  # nothing else is asked for


@pytest.mark.parametrize(("sign", "has_key", "grade"), [
    (None, True, Evidence.REPORT), (True, True, Evidence.TOKEN), (False, False, Evidence.REPORT),
])
def test_init_makes_a_key_and_loses_no_genuine_bounce(
    tmp_path: Path, sign: bool | None, has_key: bool, grade: Evidence
) -> None:
    """By default what is not signed counts until a person says that all is signed."""
    draft = ConfigDraft(by_credential=False)
    draft.put("attribution", return_path="returns@bounces.example.com")
    _ask_key(Asker(attended=False), options(sign), draft)
    for name, secret in draft.secrets.items():
        (tmp_path / "secrets").mkdir(exist_ok=True)
        (tmp_path / "secrets" / name).write_text(secret)
        (tmp_path / "secrets" / name).chmod(0o600)
    config = tmp_path / "config.toml"
    config.write_text(writing.written(draft.tables))
    config.chmod(0o600)
    settings = load(config)
    assert bool(settings.attribution.token_keys) is has_key
    assert settings.policy.evidence_hard is settings.policy.evidence_complaint is grade


def test_the_numbers_leave_room_for_the_first_mailing_of_a_list() -> None:
    """What config.example.toml says: a list of 5,000, of which 2 % are dead."""
    assert int(FloodSettings().day * BOUNCES) >= 5_000 * 0.02
