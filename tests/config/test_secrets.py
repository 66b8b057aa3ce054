"""Where secrets come from, and that they are shown nowhere."""

from pathlib import Path

import pytest

from bounce_watcher.config import Settings
from tests.config.samples import OLDER, SIGNING, TOKEN_KEY, accepted, mailbox, oauth2, refused, rest, webhook
from tests.families import for_each

WAYS = ["", "_file", "_env", "_credential"]


def kept(way: str, key: str, value: str, folder: Path) -> tuple[str, dict[str, str]]:
    """The line of the file and the environment by which `key` gets `value`."""
    (folder / "kept").write_text(value + "\n")
    (folder / "kept").chmod(0o600)
    line = {
        "": f'{key} = "{value}"', "_file": f'{key}_file = "kept"', "_env": f'{key}_env = "KEPT"',
        "_credential": f'{key}_credential = "kept"',
    }[way]
    return line, {"KEPT": value, "CREDENTIALS_DIRECTORY": str(folder)} if way in ("_env", "_credential") else {}


def password(settings: Settings) -> str:
    secret = settings.mailboxes[0].password
    assert secret is not None
    return secret.get_secret_value()


@pytest.mark.parametrize("way", WAYS)
def test_a_password(way: str, tmp_path: Path) -> None:
    line, environ = kept(way, "password", " spaces stay ", tmp_path)
    settings = accepted(mailbox("- password", line), environ, tmp_path)
    assert password(settings) == " spaces stay "
    assert settings.warnings == ()


@pytest.mark.parametrize("way", WAYS)
def test_secrets_of_oauth2(way: str, tmp_path: Path) -> None:
    line, environ = kept(way, "client_secret", "of the app", tmp_path)
    account = accepted(oauth2("- client_secret", line), environ, tmp_path).mailboxes[0].oauth2
    assert account is not None
    assert account.client_secret is not None
    assert account.client_secret.get_secret_value() == "of the app"

    line, environ = kept(way, "refresh_token", "1//x", tmp_path)
    account = accepted(oauth2('grant = "refresh_token"', line), environ, tmp_path).mailboxes[0].oauth2
    assert account is not None
    assert account.refresh_token is not None
    assert account.refresh_token.get_secret_value() == "1//x"


@pytest.mark.parametrize("way", WAYS)
def test_a_signing_secret(way: str, tmp_path: Path) -> None:
    line, environ = kept(way, "secret", SIGNING, tmp_path)
    [target] = accepted(webhook("- secret", line), environ, tmp_path).webhooks
    assert [secret.get_secret_value() for secret in target.secrets] == [SIGNING]


@pytest.mark.parametrize("way", WAYS)
def test_a_token_key(way: str, tmp_path: Path) -> None:
    line, environ = kept(way, "token_key", TOKEN_KEY, tmp_path)
    settings = accepted(rest("[attribution]", line, 'return_path = "r@example.com"'), environ, tmp_path)
    assert settings.attribution.token_keys == (TOKEN_KEY.encode(),)


@pytest.mark.parametrize("way", WAYS)
def test_the_address_of_a_database(way: str, tmp_path: Path) -> None:
    line, environ = kept(way, "url", "postgresql://me:pw@db/bounces", tmp_path)
    settings = accepted(rest("[database]", line), environ, tmp_path)
    assert settings.database_url.get_secret_value() == "postgresql+psycopg://me:pw@db/bounces"


@pytest.mark.parametrize("way", WAYS[1:])
def test_several_older_ones_stand_one_a_line(way: str, tmp_path: Path) -> None:
    line, environ = kept(way, "old_secrets", f"{OLDER}\n\n{SIGNING}", tmp_path)
    [target] = accepted(webhook(line), environ, tmp_path).webhooks
    assert [secret.get_secret_value() for secret in target.secrets] == [SIGNING, OLDER, SIGNING]


def test_a_line_break_of_windows_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"hunter2\r\n")
    assert password(accepted(mailbox("- password", 'password_file = "kept"'), {}, tmp_path)) == "hunter2"


def test_a_file_may_be_named_absolutely(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("hunter2")
    assert password(accepted(mailbox("- password", f'password_file = "{tmp_path}/kept"'))) == "hunter2"


def test_a_file_that_everybody_may_read_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("hunter2")
    (tmp_path / "kept").chmod(0o644)
    settings = accepted(mailbox("- password", 'password_file = "kept"'), {}, tmp_path)
    assert tuple(map(str, settings.warnings)) == (
        f'mailbox[returns].password_file: "{tmp_path}/kept" can be read by every user of this machine: chmod 600 it',
    )


def test_a_refusal_names_the_key_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("not a signing secret")
    [problem] = refused(webhook("- secret", 'secret_file = "kept"'), {}, tmp_path)
    assert problem.startswith("line 9: webhook[platform].secret_file: a webhook secret begins with whsec_")


EVERY_SECRET = {
    "database": ("[database]", 'url = "postgresql://me:HIDDEN-database@db/bounces"'),
    "tokens": ("[attribution]", 'token_key = "HIDDEN-key-of-the-tokens"', 'token_old_keys = ["HIDDEN-older-key"]',
               'return_path = "r@example.com"'),
    "web": ("[web]", 'token = "HIDDEN-web-token-of-ours"'),
    "signing": ("[[webhook]]", 'name = "p"', 'url = "https://p.example/x"',
                'secret = "whsec_HIDDENHIDDENHIDDENHIDDENHIDDENHI"',
                'old_secrets = ["whsec_HIDDENhiddenHIDDENHIDDENHIDDENHI"]'),
}
ALL_SECRETS = (
    oauth2('client_secret = "HIDDEN-app"', 'refresh_token = "HIDDEN-refresh"')
    + mailbox('name = "other"', 'password = "HIDDEN-password"', 'folder = "Other"')
    + "\n".join(line for lines in EVERY_SECRET.values() for line in lines)
)


def test_settings_show_no_secret() -> None:
    settings = accepted(ALL_SECRETS)
    assert "HIDDEN" not in repr(settings) + str(settings)
    assert len(settings.attribution.token_keys) == 2


@for_each("text", [
    pytest.param(ALL_SECRETS.replace("HIDDEN-database@db", "HIDDEN/database@db"), id="database"),
    pytest.param(ALL_SECRETS.replace("postgresql:", "mysql:"), id="kind of database"),
    pytest.param(ALL_SECRETS.replace("whsec_", "whsec-"), id="signing"),
    pytest.param(ALL_SECRETS.replace("return_path", "retrun_path"), id="tokens"),
    pytest.param(ALL_SECRETS.replace("\npassword = ", "\npasword = "), id="misspelt"),
    pytest.param(ALL_SECRETS.replace("\nsecret = ", "\nzzzz = "), id="unknown"),
    pytest.param(ALL_SECRETS.replace("\ntoken = ", "\nport = "), id="of another table"),
    pytest.param(ALL_SECRETS.replace("HIDDEN-web-token-of-ours", "HIDDEN-web"), id="weak"),
    pytest.param(ALL_SECRETS.replace('password = "HIDDEN-password"', 'password = ["HIDDEN-password"]'), id="list"),
    pytest.param(ALL_SECRETS.replace('password = "HIDDEN-password"', 'password = {x = "HIDDEN"}'), id="table"),
    pytest.param(ALL_SECRETS.replace('old_keys = ["HIDDEN', 'old_keys = [1, "HIDDEN'), id="in list"),
    pytest.param(ALL_SECRETS.replace('password = "HIDDEN-password"', 'password = "HIDDEN-password'), id="quote"),
    pytest.param(ALL_SECRETS.replace('password = "HIDDEN-password"', "password = HIDDEN-password"), id="no quotes"),
    pytest.param(ALL_SECRETS.replace("https://p.example", "https://HIDDEN:HIDDEN@p.example"), id="in a web address"),
    pytest.param(ALL_SECRETS.replace("https://p.example/x", "http://p.example/HIDDEN"), id="in a path"),
    pytest.param(ALL_SECRETS.replace('password = "HIDDEN-', 'password_env = "HIDDEN-'), id="mixed up"),
])
def test_refusals_show_no_secret(text: str) -> None:
    assert text != ALL_SECRETS
    problems = refused(text)
    assert problems
    assert "HIDDEN" not in " ".join(problems)


def test_a_credential_is_found_beside_the_file_where_systemd_gives_none(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "imap").write_text("hunter2\n")
    text = mailbox("- password", 'password_credential = "imap"')
    assert password(accepted(text, {}, tmp_path)) == "hunter2"
    other = tmp_path / "given"
    other.mkdir()
    (other / "imap").write_text("swordfish\n")
    assert password(accepted(text, {"CREDENTIALS_DIRECTORY": str(other)}, tmp_path)) == "swordfish"
