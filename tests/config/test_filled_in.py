"""The example as a form: what is set is in force, what is not is not, and no explanation is lost."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.config import parse
from bounce_watcher.config.example import example, filled_in
from tests.config.samples import SIGNING

TEXT = example()
MAILBOX = {"name": "returns", "host": "imap.example.org", "username": "bounces", "password": "hunter2"}
WEBHOOK = {"name": "platform", "url": "https://platform.example.org/", "secret": SIGNING}


def test_it_is_the_file_that_people_are_shown() -> None:
    assert (Path(__file__).parents[2] / "config.example.toml").read_text() == TEXT


def test_nothing_set_means_what_an_empty_file_means() -> None:
    text = filled_in(TEXT, {}, "mine")
    assert parse(text, "filled in", {}) == parse("", "empty", {})


def test_what_is_set_means_what_the_same_keys_mean_alone() -> None:
    text = filled_in(TEXT, {
        "mailbox": MAILBOX, "webhook": WEBHOOK, "web": {"listen": "127.0.0.1:8026"}, "log": {"level": "debug"},
        "policy.soft": {"bounces": 4}, "policy": {"mode": "shadow", "protected": ["a@example.org", "@example.net"]},
        "service": {"workers": 3},
    }, "mine")
    alone = f"""
[[mailbox]]
name = "returns"
host = "imap.example.org"
username = "bounces"
password = "hunter2"
[[webhook]]
name = "platform"
url = "https://platform.example.org/"
secret = "{SIGNING}"
[web]
listen = "127.0.0.1:8026"
[log]
level = "debug"
[policy]
mode = "shadow"
protected = ["a@example.org", "@example.net"]
soft = {{ bounces = 4 }}
[service]
workers = 3
"""
    assert parse(text, "filled in", {}) == parse(alone, "alone", {})


def test_a_table_that_is_commented_out_comes_into_force_with_its_keys() -> None:
    oauth2 = {"grant": "refresh_token", "token_url": "https://tokens.example.org/", "client_id": "app",
              "refresh_token": "t"}
    text = filled_in(TEXT, {"mailbox": {k: v for k, v in MAILBOX.items() if k != "password"},
                            "mailbox.oauth2": oauth2}, "mine")
    (account,) = parse(text, "filled in", {}).mailboxes
    assert account.oauth2 is not None
    assert account.oauth2.client_id == "app"


def test_a_key_that_the_example_does_not_show_stands_in_its_table() -> None:
    text = filled_in(TEXT, {"platform": {"name": "n", "kind": "mailchimp", "audience": "0a1b2c3d4e"}}, "mine")
    assert tomllib.loads(text)["platform"] == [{"name": "n", "kind": "mailchimp", "audience": "0a1b2c3d4e"}]


def test_every_explanation_stays() -> None:
    explained = [line for line in TEXT[TEXT.index("# How to read"):].splitlines() if re.match(r"# ?[A-Z─ ]", line)]
    left = filled_in(TEXT, {"mailbox": MAILBOX}, "mine").splitlines()
    assert len(explained) > 150
    assert [line for line in explained if line not in left] == []


def test_a_table_that_is_none_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="letterbox"):
        filled_in(TEXT, {"letterbox": {}}, "mine")


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40), st.booleans(), st.integers(0, 10**9))
def test_any_value_comes_back_as_it_was(text: str, truth: bool, number: int) -> None:
    filled = filled_in(TEXT, {"mailbox": {"name": text, "idle": truth, "port": number, "folder": [text, text]}}, "mine")
    assert tomllib.loads(filled)["mailbox"] == [{"name": text, "idle": truth, "port": number, "folder": [text, text]}]
