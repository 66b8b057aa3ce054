"""From report to verdict: words over status over code, the last hop's before the wrapper's."""

from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.classification.classify import MAX_QUOTE, classify, classify_reply
from bounce_watcher.classification.rule import Precedence, Rule
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.fields import Action, EnhancedStatus, RecipientReport
from bounce_watcher.model.verdict import BounceType, Confidence, Reason, Verdict
from tests.families import for_each

RULES = load_builtin()
HOST = "host mx.example.org[192.0.2.7]"
SAID = f"{HOST} said: "
NO_NAME = "Host or domain name not found. Name service error for name=example.org type=MX: "
REFUSED = "delivery temporarily suspended: connect to mx.example.org[192.0.2.7]:25: Connection refused"

SILENCE = "connect to mx.example.org[192.0.2.7]:25: Connection timed out"


def judged(
    diagnostic: str | None = None,
    status: str = "",
    action: Action = Action.FAILED,
    remote_mta: str | None = None,
    stage: str | None = None,
) -> Verdict:
    report = RecipientReport(
        action=action,
        status=EnhancedStatus.find(status),
        diagnostic_code=diagnostic,
        remote_mta=remote_mta,
        stage=stage,
    )
    return classify(report, None, RULES)


@for_each(
    ("text", "reason"),
    [
        # a quota beats "user unknown", whatever the status
        ("552 5.1.1 <ada@example.org> user unknown: over quota", Reason.MAILBOX_FULL),
        # the sender's fault beats the recipient's
        ("550 5.1.1 <ada@example.org> refused, 192.0.2.7 is listed in list.example; user unknown", Reason.BLOCKLISTED),
        ("550 5.1.0 <ada@example.org>: Sender address rejected: User unknown in local table", Reason.SENDER_REJECTED),
        (
            "550 5.1.1 <ada@example.org>: Sender address rejected: undeliverable address:"
            " host mx.example.org[192.0.2.7] said: 550 5.1.1 User unknown (in reply to RCPT TO command)",
            Reason.SENDER_REJECTED,
        ),
        (
            "SMTP error from remote mail server after RCPT TO:<bea@example.org>: 550-Verification failed for"
            " <ada@example.org> 550-Response: 550-5.1.1 The email account that you tried to reach does not exist."
            " 550 Sender verify failed",
            Reason.SENDER_REJECTED,
        ),
        # a named reputation beats a rate, a rate a policy, spam a policy
        ("421 4.7.0 rate limited for the very low reputation of the sending IP address", Reason.BAD_REPUTATION),
        ("450 4.7.1 local policy: rate limit exceeded", Reason.RATE_LIMITED),
        ("550 5.7.1 rejected as spam due to policy reasons", Reason.SPAM),
        # 5.7.1 is not always policy
        ("550 5.7.1 No such user!", Reason.INVALID_RECIPIENT),
        # words of a null MX beside the status that Exchange uses for unknown recipients
        ("556 5.1.10 Recipient address has a null MX", Reason.DOMAIN_REFUSES_MAIL),
        ("550 5.1.10 Recipient ada@example.org not found by SMTP address lookup", Reason.INVALID_RECIPIENT),
        # one phrase apart
        (f"{NO_NAME}Host not found", Reason.INVALID_DOMAIN),
        (f"{NO_NAME}Host not found, try again", Reason.NETWORK_ERROR),
        # numbers only
        ("550 5.2.2 nope", Reason.MAILBOX_FULL),
        ("550 nope", Reason.UNKNOWN),
        ("450 nope", Reason.MAILBOX_UNAVAILABLE),
        ("", Reason.UNKNOWN),
    ],
)
def test_words_over_status_over_code(text: str, reason: Reason) -> None:
    assert classify_reply(text, RULES).reason is reason


@for_each(
    "text",
    [
        "450 4.7.1 too many unknown users from your host",
        "550 your domain does not exist",
        "553 the domain in your From does not exist",
        "550 the IP address is invalid",
        "550 5.7.1 your account has been disabled for sending",
        "550 message headers contain an invalid address",
        "501 invalid address syntax in MAIL FROM",
        "535 5.7.8 invalid user or password",
        "421 4.4.2 recipient host not found, try again",
        "451 account lookup: record not found",
        "550 5.2.1 too many messages for this account, disabled for an hour",
        "550 mailbox takes no mail from unknown senders",
        "554 5.7.1 <ada@example.org>: Recipient address rejected: Blocked by the administrator",
        "452 4.1.1 <ada@example.org> requested action aborted: try again later",
        "552 5.1.1 <ada@example.org> mailbox full",
        "550 5.1.0 <ada@example.org> sender rejected",
        "550 the domain is not local to us",
        "550 5.7.1 account locked: too many failed logins",
        "454 no such user for SMTP AUTH",
        "550 user you claim to be does not exist",
        "550 sending email address could not be found",
        "550 the reply address is not valid",
        "550 Return address does not exist",
        "550 address not found in whitelist",
        "450 recipient unknown yet, verification in progress",
        "450 address unknown, try again later",
        "451 4.2.0 Mailbox has an invalid format",
        "550 5.7.1 recipient is not local and relaying is off",
        "550 this protocol is no longer active, write to postmaster@example.org",
        "521 your host does not accept mail so we refuse yours",
    ],
)
def test_words_that_only_look_hard(text: str) -> None:
    assert classify_reply(text, RULES).bounce_type is not BounceType.HARD


def test_the_last_hops_words_win_over_the_wrappers() -> None:
    verdict = judged("550 5.0.350 Message rejected as spam -> 552 5.2.2 Mailbox full", "5.0.350")
    assert (verdict.reason, str(verdict.status), verdict.code) == (Reason.MAILBOX_FULL, "5.2.2", 552)


def test_the_last_hops_status_wins_over_the_wrappers_words() -> None:
    verdict = judged("the message was considered spam? no: host mx.example.org[192.0.2.7] said: 550 5.2.2 nope")
    assert verdict.reason is Reason.MAILBOX_FULL


def test_the_wrapper_speaks_where_the_last_hop_says_nothing() -> None:
    verdict = judged("mail loop detected: host mx.example.org[192.0.2.7] said: 550 nope", "5.0.0")
    assert verdict.reason is Reason.MAIL_LOOP


def test_the_reports_status_stands_where_the_reply_has_none() -> None:
    assert str(judged("550 nope", "5.1.1").status) == "5.1.1"
    assert judged("550 nope", "5.1.1").reason is Reason.INVALID_RECIPIENT


def test_a_generic_or_contradicted_field_yields_to_the_reply() -> None:
    assert str(judged("550 5.1.1 nope", "5.0.0").status) == "5.1.1"
    assert str(judged("552 5.2.2 nope", "5.1.1").status) == "5.2.2"
    assert str(judged("550 5.0.0 nope", "5.1.1").status) == "5.1.1"


def test_a_report_without_a_diagnostic_is_judged_by_its_status() -> None:
    verdict = judged(None, "5.1.1")
    assert (verdict.reason, verdict.rule, verdict.code) == (Reason.INVALID_RECIPIENT, "status.5.1.1", None)


def test_retries_that_ran_out_say_what_the_last_words_say_else_that_they_expired() -> None:
    assert judged("451 4.0.0 nope", "4.0.0").reason is Reason.MESSAGE_EXPIRED
    assert judged("452 4.2.2 Over quota", "4.2.2").reason is Reason.MAILBOX_FULL
    assert judged(REFUSED, "4.4.1").reason is Reason.NETWORK_ERROR
    assert judged("retry timeout exceeded", "4.0.0").reason is Reason.MESSAGE_EXPIRED
    assert judged("451 4.0.0 nope", "4.0.0", Action.DELAYED).reason is Reason.SYSTEM_ERROR


@for_each(
    ("diagnostic", "status", "action", "reason"),
    [
        (SILENCE, "4.4.1", Action.FAILED, Reason.MESSAGE_EXPIRED),
        (SILENCE, "4.4.1", Action.DELAYED, Reason.NETWORK_ERROR),
        (SILENCE, "5.4.1", Action.FAILED, Reason.NETWORK_ERROR),
        ("554 4.4.7 Message expired: <421 4.4.2 Connection lost>", "4.4.7", Action.FAILED, Reason.MESSAGE_EXPIRED),
        ("550 5.4.316 Message expired, connection refused", "5.4.316", Action.FAILED, Reason.MESSAGE_EXPIRED),
        ("450 4.2.2 Over quota, message timed out", "4.4.7", Action.FAILED, Reason.MAILBOX_FULL),
        ("Connection timed out", "", Action.FAILED, Reason.NETWORK_ERROR),
    ],
)
def test_silence_until_the_retries_ran_out_is_no_answer(
    diagnostic: str, status: str, action: Action, reason: Reason
) -> None:
    assert judged(diagnostic, status, action).reason is reason


@for_each(
    ("words", "supported"),
    [
        ("550 User unknown", Confidence.SURE),
        ("550 Unknown user ada", Confidence.SURE),
        ("550 mailbox unavailable", Confidence.LIKELY),
    ],
)
def test_what_filters_say_as_well_is_a_guess_without_a_status_or_the_command_beside_it(
    words: str, supported: Confidence
) -> None:
    verdict = judged(words)
    assert (verdict.reason, verdict.confidence) == (Reason.INVALID_RECIPIENT, Confidence.GUESS)
    told = judged(words, "5.1.1")
    assert (told.reason, told.confidence) == (Reason.INVALID_RECIPIENT, supported)
    assert judged(words, stage="RCPT").reason is Reason.INVALID_RECIPIENT
    assert classify_reply(words, RULES).reason is Reason.INVALID_RECIPIENT
    assert judged(words, stage="DATA").reason is Reason.RECIPIENT_FILTERED


@for_each("words", [
    "User unknown in virtual alias table", "[User unknown]", "Mailbox does not exist", "no account by that name here",
    "The recipient was not found in the directory", "User ada not listed in Domino Directory",
    "Dieses Postfach existiert nicht.",
])
def test_words_of_a_look_up_are_about_the_address_but_before_it_was_named_or_after_the_data(words: str) -> None:
    assert judged(words).reason is Reason.INVALID_RECIPIENT
    assert judged(words, stage="MAIL").reason is Reason.SENDER_REJECTED


@for_each(
    ("diagnostic", "reason"),
    [
        (f"{SAID}550 5.1.1 User unknown (in reply to RCPT TO command)", Reason.INVALID_RECIPIENT),
        (f"{SAID}550 5.1.1 User unknown (in reply to MAIL FROM command)", Reason.SENDER_REJECTED),
        (f"{SAID}550 5.1.1 User unknown (in reply to end of DATA command)", Reason.RECIPIENT_FILTERED),
        (f"{SAID}550 5.1.1 nope (in reply to end of DATA command)", Reason.RECIPIENT_FILTERED),
        (f"{HOST} refused to talk to me: 554 user unknown", Reason.UNKNOWN),
        (f"{HOST} refused to talk to me: 521 5.3.2 example.org does not accept mail", Reason.DOMAIN_REFUSES_MAIL),
        (f"{SAID}550 invalid domain (in reply to EHLO command)", Reason.PROTOCOL_ERROR),
        ("550 5.1.8 invalid domain", Reason.SENDER_REJECTED),
        ("535 5.7.8 user not found", Reason.SECURITY),
    ],
)
def test_the_stage_counts_where_it_is_known(diagnostic: str, reason: Reason) -> None:
    assert judged(diagnostic).reason is reason


def test_where_the_stage_makes_another_reason_of_the_words_both_are_told() -> None:
    verdict = judged("550 5.1.1 User unknown", stage="MAIL")
    assert (verdict.reason, verdict.said, verdict.stage) == (Reason.SENDER_REJECTED, Reason.INVALID_RECIPIENT, "MAIL")
    plain = judged("550 5.1.1 User unknown", stage="RCPT")
    assert (plain.reason, plain.said, plain.stage) == (Reason.INVALID_RECIPIENT, None, None)


def test_a_stage_told_beside_the_reply_counts_too() -> None:
    assert judged("550 User unknown", stage="DATA").reason is Reason.RECIPIENT_FILTERED
    assert judged("550 User unknown", stage="RCPT").reason is Reason.INVALID_RECIPIENT


def test_receivers_that_refuse_an_unknown_recipient_after_the_data_are_believed() -> None:
    diagnostic = "554 delivery error: dd This user doesn't have a example.org account (ada@example.org) [-9]"
    assert judged(diagnostic, stage="DOT").reason is Reason.INVALID_RECIPIENT


def test_the_server_that_spoke_is_known_from_the_field_or_from_the_words() -> None:
    text = "550 5.5.0 Requested action not taken: mailbox unavailable"
    assert classify_reply(text, RULES, "mx.protection.outlook.com").rule == "microsoft.consumer-mailbox"
    wrapped = f"host mx.protection.outlook.com[192.0.2.7] said: {text} (in reply to RCPT TO command)"
    assert judged(wrapped).rule == "microsoft.consumer-mailbox"
    assert judged(text, remote_mta="MX.Protection.Outlook.com").rule == "microsoft.consumer-mailbox"


@for_each(
    ("diagnostic", "confidence"),
    [
        ("550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in local recipient table", "sure"),
        (f"{SAID}550 <ada@example.org> no such mailbox here (in reply to RCPT TO command)", "sure"),
        ("550 The email account that you tried to reach does not exist. gsmtp", "sure"),
        ("550 no mailbox by that name is currently available", "likely"),
        ("550 5.1.1 zorp", "likely"),
        ("552 5.2.2 zorp", "likely"),
        (f"5.4.4 {NO_NAME}Host not found", "sure"),
        ("550 5.7.1 User unknown", "guess"),
        ("550 zorp", "guess"),
        ("550 5.0.0 zorp", "guess"),
        ("zorp", "guess"),
    ],
)
def test_a_verdict_is_as_sure_as_its_words_and_what_agrees_with_them(diagnostic: str, confidence: str) -> None:
    assert judged(diagnostic).confidence == confidence
    assert classify_reply(diagnostic, RULES).confidence == confidence


@for_each("rule", [rule for rule in RULES.rules if rule.precedence <= Precedence.HINT])
def test_a_weak_phrase_alone_is_a_guess(rule: Rule) -> None:
    for example in rule.examples:
        verdict = classify_reply(example, RULES)
        agrees = verdict.status is not None or rule.id.startswith("languages.")
        assert agrees or verdict.confidence is Confidence.GUESS, example


def test_a_verdict_names_its_rule_source_and_words() -> None:
    verdict = classify_reply("552 5.2.2 The Mailbox is FULL today", RULES)
    assert (verdict.rule, verdict.quote, verdict.code) == ("common.mailbox-full", "Mailbox is FULL", 552)
    assert verdict.source


@given(st.text(max_size=300), st.sampled_from([None, "5.1.1", "4.2.2", "5.0.0"]), st.sampled_from(list(Action)))
def test_classify_is_total(text: str, status: str | None, action: Action) -> None:
    verdict = judged(text, status or "", action)
    assert len(verdict.quote) <= MAX_QUOTE
    assert verdict.rule


BEFORE = ["CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL"]


@given(st.integers(400, 599), st.sampled_from(BEFORE), st.sampled_from(RULES.rules))
def test_nothing_said_before_the_recipient_is_hard_on_it(code: int, stage: str, rule: Rule) -> None:
    for example in rule.examples:
        verdict = judged(f"{code} {example}", stage=stage)
        if verdict.bounce_type is BounceType.HARD:
            # the stage in the example's own words wins over the one told beside it; a greeting may say RFC 7504's words
            assert "(in reply to RCPT" in example or verdict.reason is Reason.DOMAIN_REFUSES_MAIL
