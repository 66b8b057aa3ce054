"""What an operator's rule file must prove, and what its writer is told."""


import pytest

from bounce_watcher.classification.classify import classify_reply
from bounce_watcher.classification.rule_check import check
from bounce_watcher.classification.ruleset import load_builtin, load_rules
from bounce_watcher.model.verdict import Reason
from tests.cost import least
from tests.families import for_each

ONE = 'text = ["parked"]\nexamples = ["parked"]\n'
PARKED = 'text = ["mailbox is parked"]\nexamples = ["550 this mailbox is parked"]'


def rule(more: str = PARKED, id: str = "own.parked", reason: str = "mailbox_disabled") -> str:
    return f'[[rule]]\nid = "{id}"\nreason = "{reason}"\nsource = "a test"\n{more}\n'


def problems(*files: str) -> tuple[str, ...]:
    found = check(tuple((f"{number}.toml", content) for number, content in enumerate(files, 1)))
    return tuple(map(str, found.problems))


def test_a_sound_rule_passes_and_judges() -> None:
    own = (("own.toml", rule()),)
    assert check(own) == ((), ())
    assert classify_reply("550 Mailbox is PARKED", load_rules(own)).rule == "own.parked"


def test_no_address_of_an_example_gets_into_a_log() -> None:
    [problem] = problems(rule('text = ["parked"]\nexamples = ["550 <ada@example.org> zzz"]'))
    assert "zzz" in problem
    assert "ada" not in problem


def test_without_rules_of_ones_own_ours_stand_alone() -> None:
    assert load_rules(()) is load_builtin()


@for_each(("more", "told"), [
    ('text = ["parked"]\nexamples = ["550 user unknown"]', "does not win its example “550 user unknown”, "
                                                           "'common.no-such-user' does, which says invalid_recipient"),
    ('text = ["parked"]\nexamples = ["zzz"]', "does not win its example “zzz”, nor does any other"),
    (ONE + 'not_examples = ["parked cars"]', "wins what it must not, “parked cars”"),
    ('any = ["parked", "at rest"]\nexamples = ["parked"]', "has no example with 'at rest'"),
    ('text = ["pa"]\nexamples = ["pa"]', "looks for 'pa', too short"),
    ('text = ["a@example.org"]\nexamples = ["a@example.org"]', "addresses in a reply are not read"),
    ('status = ["5.1.1"]\nremote = ["example.org"]\nexamples = ["550 5.1.1 x"]', "says a hard reason by numbers"),
    ('text = ["550"]\nexamples = ["550 zzz"]', "says a hard reason by numbers"),
    ('any = ["parked", "5.1.1"]\nexamples = ["parked", "5.1.1"]', "says a hard reason by numbers"),
    ('text = ["parked"]', "it has no examples"),
    (ONE + 'regex = "(?=x)"', "regex is none that RE2 takes"),
    (ONE + 'regex = "("', "regex is none that RE2 takes"),
    (ONE + 'remote = ["*.example.org"]', "remote '*.example.org' is not of the form"),
    ('text = ["\\u0301"]\nexamples = ["parked"]', "text holds a phrase of nothing but accents"),
])
def test_what_a_rule_is_refused_for(more: str, told: str) -> None:
    first, *_ = problems(rule(more))
    assert first.startswith("1.toml: rule 'own.parked': ")
    assert told in first


@pytest.mark.parametrize(("content", "told"), [
    ("[rule]\nid = 'own.x'\n", "head it with double brackets, [[rule]]"),
    ('scope = "common"\n', "the file has an unknown key 'scope'"),
    ("source = 3\n", "source is missing"),
    ("x = " + "[" * 5_000, "nested too deeply"),
    ("x = " + "1" * 5_000, "no TOML"),
    (rule(id="Own"), "id must be words in small letters"),
    (rule(id=f"own.{'x' * 97}"), "id has more than 100 characters"),
    (rule(id="status.own"), "id begins like the verdicts by numbers"),
    (rule(id="google.no-such-user"), "the id stands in google.toml too"),
])
def test_what_a_file_is_refused_for(content: str, told: str) -> None:
    assert told in problems(content)[0]


def test_every_fault_of_every_rule_and_file_is_told_at_once() -> None:
    broken = rule('text = "x"\nstatus = ["5.1"]\ncolour = "red"', id="own.broken", reason="mailbox_ful")
    told = problems(broken + rule('text = ["parked"]\nexamples = ["zzz"]'), "scope = ", rule(id="google.no-such-user"))
    assert [problem.split(": ")[0] for problem in told] == ["1.toml"] * 5 + ["2.toml", "3.toml", "1.toml"]
    assert all("\n" not in problem for problem in told)


def test_a_tie_between_two_of_ones_own_is_told() -> None:
    pattern = PARKED + '\nregex = "is parked"'
    assert "to the same words as 'own.parked'" in problems(rule(), rule(id="own.full", reason="mailbox_full"))[0]
    assert "to the same words as 'own.parked'" in problems(rule(pattern), rule(pattern, "own.full", "mailbox_full"))[0]


def test_an_example_is_judged_as_from_a_server_that_meets_the_conditions() -> None:
    more = 'remote = ["example.org"]\nreporter = ["example.com"]\nstage = ["DATA"]\ncode = ["55x"]'
    assert problems(rule(f"{PARKED}\n{more}")) == ()


def test_what_a_rule_takes_from_ours_is_a_warning() -> None:
    taking = rule('text = ["user unknown"]\nexamples = ["550 user unknown"]', reason="system_error")
    checked = check((("own.toml", taking),))
    assert checked.problems == ()
    [warning] = [each for each in checked.warnings if "'common.no-such-user'" in each]
    assert warning == (
        "own.toml: rule 'own.parked' takes “User unknown” from our rule 'common.no-such-user' "
        "(invalid_recipient → system_error)"
    )
    agreeing = rule('text = ["user unknown"]\nexamples = ["550 user unknown"]', reason="invalid_recipient")
    assert not any("'common.no-such-user'" in each for each in check((("own.toml", agreeing),)).warnings)


def test_no_regular_expression_of_an_operator_is_slow() -> None:
    own = (("own.toml", rule('text = ["aaa"]\nregex = "(a+)+$"\nexamples = ["550 aaaa"]')),)
    assert check(own).problems == ()
    rules = load_rules(own)
    assert classify_reply(reply := "550 " + "a" * 4_000 + "!", rules).reason is Reason.UNKNOWN
    assert least(lambda _: classify_reply(reply, rules), 1.0) <= 1.0


def test_a_reply_of_no_charset_goes_by_a_regular_expression_too() -> None:
    own = (("own.toml", rule('text = ["parked"]\nregex = "parked.*9"\nexamples = ["550 parked 9"]')),)
    assert classify_reply("550 parked \ud800\udcff 9", load_rules(own)).rule == "own.parked"


def test_a_rule_may_say_that_nothing_is_known() -> None:
    own = (("own.toml", rule('text = ["user unknown"]\nexamples = ["550 user unknown"]', reason="unknown")),)
    assert check(own).problems == ()
    assert classify_reply("550 user unknown", load_rules(own)).reason is Reason.UNKNOWN


KEYS = (
    "id", "reason", "text", "any", "unless", "status", "code", "remote", "reporter", "stage", "regex", "weak", "source",
    "examples", "not_examples",
)  # fmt: skip
VALUES = (
    "1", "1.5", "true", '""', '" "', '"\\n"', '"\\u0000"', '"("', '"x{99999}"', "[]", "[1]", '[""]', '["\\u0000"]',
    '["\\n"]', '["."]', '["x.x.x"]', '["5.999.999"]', '["9xx"]', '[["x"]]', "{}", "[{}]", "1979-05-27",
    '["\\U0010ffff"]', '["' + "x " * 5_000 + '"]',
)  # fmt: skip
SOUND = {"reason": '"spam"', "source": '"x"', "text": '["parked"]', "examples": '["550 parked"]'}


@for_each("key", KEYS)
def test_whatever_a_key_holds_the_answer_is_problems_of_one_line(key: str) -> None:
    rules = [{"id": f'"own.r{number}"', **SOUND, key: value} for number, value in enumerate(VALUES)]
    tables = ["\n".join(f"{name} = {value}" for name, value in keys.items()) for keys in rules]
    in_rules = tuple((f"{number}.toml", f"[[rule]]\n{table}") for number, table in enumerate(tables))
    on_top = tuple((f"top{number}.toml", f"{key} = {value}") for number, value in enumerate(VALUES))
    told = tuple(map(str, check(in_rules + on_top).problems))
    assert len({problem.partition(":")[0] for problem in told}) > len(VALUES)
    assert all(len(problem.splitlines()) == 1 for problem in told)
