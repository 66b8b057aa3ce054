"""The engine: what wins when several rules match, and what a rule file must not say."""

import re
from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType

import pytest

from bounce_watcher.classification.rule import Circumstances, Precedence
from bounce_watcher.classification.rule_file import read_rules
from bounce_watcher.classification.ruleset import Ruleset, load_builtin
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.fields import EnhancedStatus
from tests.families import for_each

NOTHING = Circumstances()


def rule(id: str, reason: str, more: str) -> str:
    return f'[[rule]]\nid = "{id}"\nreason = "{reason}"\nsource = "a test"\nexamples = ["x"]\n{more}\n'


def from_toml(files: Mapping[str, str], operator: Mapping[str, str] = MappingProxyType({})) -> Ruleset:
    """The rules of shipped files, each with its own `scope`, and of an operator's, which win over them."""
    shipped = (read_rules(name, content) for name, content in sorted(files.items()))
    own = (read_rules(name, content, Precedence.OPERATOR) for name, content in sorted(operator.items()))
    return Ruleset(chain.from_iterable((*shipped, *own)))


def ruleset(*rules: str, scope: str = "common", operator: str = "") -> Ruleset:
    files = {"shipped.toml": f'scope = "{scope}"\n' + "".join(rules)}
    return from_toml(files, {"own.toml": operator} if operator else {})


def winner(rules: Ruleset, text: str, told: Circumstances = NOTHING) -> str | None:
    match = rules.find(text, told)
    return match.rule.id if match else None


def test_all_of_text_must_occur() -> None:
    rules = ruleset(rule("a.b", "spam", 'text = ["blue", "green"]'))
    assert winner(rules, "a green and a blue word") == "a.b"
    assert winner(rules, "a green word") is None


def test_one_of_any_and_none_of_unless() -> None:
    rules = ruleset(rule("a.b", "spam", 'text = ["mail"]\nany = ["blue", "green"]\nunless = ["red"]'))
    assert winner(rules, "green mail") == "a.b"
    assert winner(rules, "mail") is None
    assert winner(rules, "green mail, red letters") is None


def test_an_unless_on_top_of_a_file_counts_for_all_its_rules() -> None:
    files = {"shipped.toml": 'scope = "common"\nunless = ["red"]\n' + rule("a.b", "spam", 'text = ["mail"]')}
    rules = from_toml(files)
    assert winner(rules, "mail") == "a.b"
    assert winner(rules, "mail in red letters") is None


def test_case_accents_quotes_and_spacing_do_not_count() -> None:
    rules = ruleset(rule("a.b", "mailbox_full", """text = ["boîte pleine d'eau"]"""))
    assert winner(rules, "550 BOITE   Pleine d\u2019eau") == "a.b"


def test_a_phrase_begins_at_the_start_of_a_word() -> None:
    rules = ruleset(rule("a.b", "spam", 'text = ["spam"]'))
    assert winner(rules, "it is spammy (spam)") == "a.b"
    assert winner(rules, "mail from antispam.example.org") is None


def test_scripts_without_spaces_match_anywhere() -> None:
    rules = ruleset(rule("a.b", "invalid_recipient", 'text = ["不存在"]'))
    assert winner(rules, "550 收件人不存在") == "a.b"


def test_addresses_are_no_evidence() -> None:
    rules = ruleset(rule("a.b", "spam", 'text = ["spam"]'), rule("a.c", "virus", 'text = ["virus"]'))
    assert winner(rules, "550 <spam@virus.example>: no") is None


def test_the_longest_text_wins_inside_a_file() -> None:
    rules = ruleset(rule("a.short", "spam", 'text = ["rejected"]'), rule("a.long", "virus", 'text = ["rejected for"]'))
    assert winner(rules, "rejected for something") == "a.long"


def test_more_conditions_win_over_the_same_text() -> None:
    rules = ruleset(
        rule("a.plain", "spam", 'text = ["rejected"]'),
        rule("a.with-code", "virus", 'text = ["rejected"]\ncode = ["55x"]'),
    )
    assert winner(rules, "rejected", Circumstances(code=554)) == "a.with-code"
    assert winner(rules, "rejected", Circumstances(code=450)) == "a.plain"


def test_operator_over_receiver_over_common_over_weak() -> None:
    common = {
        "c.toml": 'scope = "common"\n'
        + rule("c.c", "spam", 'text = ["some long words of refusal"]')
        + rule("c.weak", "policy", 'text = ["some long words of refusal here"]\nweak = true')
    }
    receiver = {"r.toml": 'scope = "receiver"\n' + rule("r.r", "virus", 'text = ["some long words"]')}
    operator = {"o.toml": rule("o.o", "mailbox_full", 'text = ["some"]')}
    text = "some long words of refusal here"
    assert winner(from_toml(common), text) == "c.c"
    assert winner(from_toml(common | receiver), text) == "r.r"
    assert winner(from_toml(common | receiver, operator), text) == "o.o"


def test_among_common_words_hard_yields_and_a_named_cause_beats_a_symptom() -> None:
    rules = ruleset(
        rule("a.hard", "invalid_recipient", 'text = ["user unknown in the table"]'),
        rule("a.symptom", "system_error", 'text = ["temporary failure"]'),
        rule("a.named", "auth_failure", 'text = ["dmarc"]'),
    )
    assert winner(rules, "user unknown in the table") == "a.hard"
    assert winner(rules, "temporary failure, user unknown in the table") == "a.symptom"
    assert winner(rules, "temporary failure of dmarc, user unknown in the table") == "a.named"


@for_each(
    ("condition", "told", "holds"),
    [
        ('status = ["5.1.1"]', Circumstances(status=EnhancedStatus(5, 1, 1)), True),
        ('status = ["5.1.1"]', Circumstances(status=EnhancedStatus(5, 1, 10)), False),
        ('status = ["5.1.1"]', Circumstances(), False),
        ('status = ["x.1.1"]', Circumstances(status=EnhancedStatus(4, 1, 1)), True),
        ('status = ["5.7.x"]', Circumstances(status=EnhancedStatus(5, 7, 515)), True),
        ('status = ["5.7.606-649"]', Circumstances(status=EnhancedStatus(5, 7, 649)), True),
        ('status = ["5.7.606-649"]', Circumstances(status=EnhancedStatus(5, 7, 650)), False),
        ('code = ["4xx"]', Circumstances(code=421), True),
        ('code = ["4xx"]', Circumstances(code=550), False),
        ('remote = ["example.org"]', Circumstances(remote="mx.example.org"), True),
        ('remote = ["example.org"]', Circumstances(remote="notexample.org"), False),
        ('remote = ["example.org"]', Circumstances(), False),
        ('reporter = ["example.org"]', Circumstances(reporter="example.org"), True),
        ('stage = ["RCPT"]', Circumstances(stage="RCPT"), True),
        ('stage = ["RCPT"]', Circumstances(stage="DATA"), False),
    ],
)
def test_conditions(condition: str, told: Circumstances, holds: bool) -> None:
    assert (winner(ruleset(rule("a.b", "spam", f'text = ["no"]\n{condition}')), "no", told) is not None) == holds


def test_a_rule_may_rest_on_circumstances_alone() -> None:
    rules = ruleset(rule("a.b", "spam", 'remote = ["example.org"]\nstatus = ["5.6.1"]'))
    assert winner(rules, "refused", Circumstances(EnhancedStatus(5, 6, 1), remote="mx.example.org")) == "a.b"
    assert winner(rules, "refused", Circumstances(EnhancedStatus(5, 6, 1))) is None


def test_a_regex_is_tried_once_its_text_occurs() -> None:
    rules = ruleset(rule("a.b", "rate_limited", 'text = ["code"]\nregex = "code_1[0-3]"'))
    assert winner(rules, "refused CODE_12") == "a.b"
    assert winner(rules, "refused CODE_14") is None


def test_the_quote_is_the_replys_own_spelling() -> None:
    match = ruleset(rule("a.b", "spam", 'text = ["second", "first"]')).find("550 FIRST and Second", NOTHING)
    assert match is not None
    assert match.quote == "FIRST … Second"


def test_a_quote_of_another_script_falls_back_to_the_rules_spelling() -> None:
    match = ruleset(rule("a.b", "spam", 'text = ["gross"]')).find("550 groß, ﬁn", NOTHING)
    assert match is not None
    assert match.quote == "gross"


def test_an_empty_ruleset_finds_nothing() -> None:
    assert Ruleset(()).find("anything", NOTHING) is None


def test_operators_rules_stand_on_top_of_the_shipped_ones() -> None:
    from bounce_watcher.classification.ruleset import builtin_files

    own = rule("own.unknown-is-fine", "policy", 'text = ["user unknown"]')
    rules = from_toml(builtin_files(), {"own.toml": own})
    match = rules.find("550 5.1.1 user unknown", NOTHING)
    assert match is not None
    assert (match.rule.id, match.rule.precedence) == ("own.unknown-is-fine", Precedence.OPERATOR)
    assert len(rules.rules) == len(load_builtin().rules) + 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("scope = ", "no TOML"),
        ('source = "x"\n', "scope is missing"),
        ('scope = "receivers"\n', "scope is missing or unknown"),
        ('scope = "common"\nunless = "x"\n', "unless must be a list"),
        ('scope = "common"\nrules = 1\n', "unknown key 'rules'; did you mean 'rule'?"),
        (
            'scope = "common"\n' + rule("a.b", "spam", 'texts = ["x"]'),
            "it has an unknown key 'texts'; did you mean 'text'?",
        ),
        (
            'scope = "common"\n' + rule("a.b", "mailbox_ful", 'text = ["x"]'),
            "reason 'mailbox_ful' is unknown; did you mean 'mailbox_full'?",
        ),
        ('scope = "common"\n' + rule("a.b", "xyzzy", 'text = ["x"]'), "reason 'xyzzy' is unknown; known: "),
        ('scope = "common"\n' + rule("a.b", "spam", ""), "it matches everything"),
        ('scope = "common"\n' + rule("a.b", "spam", 'regex = "x"'), "regex stands alone"),
        ('scope = "common"\n' + rule("a.b", "spam", 'text = ["x"]\nregex = "("'), "regex does not compile"),
        ('scope = "common"\n' + rule("a.b", "spam", 'text = ["x"]\nregex = "x||y"'),
         "regex matches where nothing stands"),
        ('scope = "common"\n' + rule("a.b", "spam", 'text = "x"'), "text must be a list"),
        ('scope = "common"\n' + rule("a.b", "spam", 'text = [" "]'), "text must be a list"),
        ('scope = "common"\n' + rule("a.b", "spam", 'status = ["5.1"]'), "status '5.1' is not of the form"),
        ('scope = "common"\n' + rule("a.b", "spam", 'code = ["55"]'), "code '55' is not of the form"),
        ('scope = "common"\n' + rule("a.b", "spam", 'stage = ["RCPT TO"]'), "stage 'RCPT TO' is unknown"),
        ('scope = "common"\n' + rule("a.b", "spam", 'text = ["x"]\nweak = "yes"'), "weak must be true or false"),
        ('scope = "common"\n[[rule]]\nreason = "spam"\n', "rule number 1: id is missing"),
        (
            'scope = "common"\n[[rule]]\nid = "a.b"\nreason = "spam"\ntext = ["x"]\nexamples = ["x"]\n',
            "source is missing",
        ),
        ('scope = "common"\n[[rule]]\nid = "a.b"\nreason = "spam"\ntext = ["x"]\nsource = "x"\n', "it has no examples"),
    ],
)
def test_a_faulty_file_is_refused_with_its_mend(content: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)) as error:
        from_toml({"faulty.toml": content})
    assert str(error.value).startswith("faulty.toml: ")


def test_every_fault_of_a_file_is_told_at_once() -> None:
    content = 'scope = "common"\n' + rule("a.b", "spam", "") + rule("a.c", "no", 'text = ["x"]')
    with pytest.raises(ConfigError) as error:
        from_toml({"faulty.toml": content})
    assert len(error.value.problems) == 2


def test_two_rules_of_one_id_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"rule 'a\.b': the id stands in shipped\.toml too"):
        ruleset(rule("a.b", "spam", 'text = ["x"]'), rule("a.b", "spam", 'text = ["y"]'))


def test_a_tie_of_different_reasons_is_refused() -> None:
    one, other = rule("a.b", "spam", 'text = ["x", "y"]'), rule("a.c", "virus", 'text = ["y"]\nany = ["x"]')
    with pytest.raises(ConfigError, match=r"says virus to the same words as|says spam to the same words as"):
        ruleset(one, other)


def test_the_same_words_may_stand_twice_with_one_reason_or_in_other_circumstances() -> None:
    ruleset(
        rule("a.b", "spam", 'text = ["x"]'),
        rule("a.c", "spam", 'text = ["x"]'),
        rule("a.d", "virus", 'text = ["x"]\ncode = ["550"]'),
    )
