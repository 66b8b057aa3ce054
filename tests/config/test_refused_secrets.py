"""Secrets that cannot be had, each refused for its own reason."""

from pathlib import Path

from tests.config.samples import Case, mailbox, refused, rest
from tests.families import for_each

CASES = [
    Case("password-twice", mailbox('password_env = "IMAP_PASSWORD"'),
         "line 6: mailbox[returns].password_env: is set together with password: keep only one source of the secret"),
    Case("password-empty", mailbox('password = ""'),
         "line 5: mailbox[returns].password: is empty: write the secret, or remove the key"),
    Case("password-number", mailbox('password = 12345'),
         "line 5: mailbox[returns].password: must be text in quotes, not a whole number"),
    Case("password-file-missing", mailbox('- password', 'password_file = "no-such-file"'),
         'line 5: mailbox[returns].password_file: "{folder}/no-such-file" cannot be read: no such file or '
         "directory"),
    Case("password-file-empty", mailbox('- password', 'password_file = "empty.txt"'),
         'line 5: mailbox[returns].password_file: the file "{folder}/empty.txt" is empty: put the secret into it'),
    Case("password-file-folder", mailbox('- password', 'password_file = "."'),
         'line 5: mailbox[returns].password_file: "{folder}" cannot be read: is a directory'),
    Case("password-file-binary", mailbox('- password', 'password_file = "binary"'),
         'line 5: mailbox[returns].password_file: "{folder}/binary" is not UTF-8 text: save it in that encoding'),
    Case("password-env-unset", mailbox('- password', 'password_env = "NOT_SET"'),
         "line 5: mailbox[returns].password_env: there is no environment variable NOT_SET: set it where "
         "the program is started"),
    Case("password-env-is-the-password", mailbox('- password', 'password_env = "hunter2!"'),
         "line 5: mailbox[returns].password_env: there is no environment variable: set it where the "
         "program is started"),
    Case("password-env-empty", mailbox('- password', 'password_env = "EMPTY"'),
         "line 5: mailbox[returns].password_env: the environment variable EMPTY is empty: put the secret into it"),
    Case("credential-without-systemd", mailbox('- password', 'password_credential = "imap"'),
         "line 5: mailbox[returns].password_credential: there is no $CREDENTIALS_DIRECTORY: systemd sets "
         "it for a unit with LoadCredential=imap:…; outside systemd use the _file key"),
    Case("credential-with-path", mailbox('- password', 'password_credential = "../imap"'),
         "line 5: mailbox[returns].password_credential: must be the name that LoadCredential= gives it, "
         "without a path: for a path use the _file key"),
    Case("token-old-keys-text", rest("[attribution]", 'token_old_keys = "x"'),
         'line 7: attribution.token_old_keys: must be a list in brackets, such as ["…", "…"], not text'),
]


@for_each("case", CASES, ids=lambda case: case.name)
def test_is_refused_for_its_own_reason_alone(case: Case, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    problems = refused(case.text, {"EMPTY": "\n"}, tmp_path)
    assert problems == (case.problem.replace("{folder}", str(tmp_path)),)


def test_a_credential_that_systemd_does_not_pass(tmp_path: Path) -> None:
    problems = refused(mailbox("- password", 'password_credential = "imap"'), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert problems == (
        "line 5: mailbox[returns].password_credential: there is no credential of that name: "
        "add LoadCredential= to the unit, see systemd.exec(5)",
    )


def test_a_secret_file_of_absurd_size(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 100_000)
    [problem] = refused(mailbox("- password", 'password_file = "large"'), folder=tmp_path)
    assert problem.endswith('large" is larger than 64 KiB: name the file with the secret')
