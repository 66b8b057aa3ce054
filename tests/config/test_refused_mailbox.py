"""Mailboxes that must not load, each for its own reason."""

from pathlib import Path

from tests.config.samples import MAILBOX, OAUTH2, Case, mailbox, oauth2, refused
from tests.families import for_each

CASES = [
    Case("mailbox-without-host", mailbox("- host"),
         'line 1: mailbox[returns].host: missing: add host = "imap.example.com"'),
    Case("mailbox-without-login", mailbox("- password"),
         'line 1: mailbox[returns].password: missing: add password_file = "…", or a [mailbox.oauth2] table'),
    Case("mailbox-with-two-logins", MAILBOX+OAUTH2,
         "line 5: mailbox[returns].password: is set together with [mailbox.oauth2]: keep only one way to log in"),
    Case("host-with-scheme", mailbox('host = "imaps://imap.example.com"'),
         'line 3: mailbox[returns].host: must be the host alone, without "imaps://" or a path, such as '
         '"imap.example.com"'),
    Case("host-with-port", mailbox('host = "imap.example.com:993"'),
         "line 3: mailbox[returns].host: must be the host alone: the port goes into its own key, such as "
         "port = 993"),
    Case("host-of-nonsense", mailbox('host = "imap example"'),
         'line 3: mailbox[returns].host: "imap example" is not a host name: write it as "imap.example.com"'),
    Case("port-out-of-range", mailbox("port = 99999"),
         "line 6: mailbox[returns].port: 99999 is out of range: from 1 to 65535"),
    Case("port-as-text", mailbox('port = "993"'),
         "line 6: mailbox[returns].port: must be a whole number without quotes, not text"),
    Case("port-as-truth", mailbox('port = true'),
         "line 6: mailbox[returns].port: must be a whole number without quotes, not true or false"),
    Case("plain-text-over-the-network", mailbox('security = "none"'),
         'line 6: mailbox[returns].security: "none" would send the password unencrypted; it is allowed only for '
         'this machine (127.0.0.1, ::1, localhost): use "tls" or "starttls"'),
    Case("plain-text-to-a-private-address", mailbox('security = "none"', 'host = "192.168.1.5"'),
         'line 6: mailbox[returns].security: "none" would send the password unencrypted; it is allowed only for '
         'this machine (127.0.0.1, ::1, localhost): use "tls" or "starttls"'),
    Case("unknown-security", mailbox('security = "startls"'),
         'line 6: mailbox[returns].security: "startls" is not known here: did you mean "starttls"?'),
    Case("name-with-a-space", mailbox('name = "my returns"'),
         'line 2: [[mailbox]] #1: name: "my returns" is not a valid name: use 1 to 64 letters (a-z, A-Z), digits, '
         "dots, hyphens or _"),
    Case("name-twice", MAILBOX+mailbox('username = "other@example.com"'),
         'line 7: [[mailbox]] #2: name: "returns" is already the name of an earlier [[mailbox]]: choose another'),
    Case("folder-watched-twice", MAILBOX+mailbox('name = "again"'),
         'line 6: mailbox[again].folder: "INBOX" of this account is already watched by mailbox[returns]: use '
         "another folder"),
    Case("username-empty", mailbox('username = " "'),
         "line 4: mailbox[returns].username: is empty"),
    Case("username-with-line-break", mailbox('username = "a\\nb"'),
         "line 4: mailbox[returns].username: contains a line break or another control character: remove it"),
    Case("processed-into-the-source", mailbox('processed_folder = "inbox"'),
         'line 6: mailbox[returns].processed_folder: "INBOX" is also in `folder`, so settled mail would be read '
         "again: use another folder"),
    Case("review-is-processed", mailbox('review_folder = "Bounces/Processed"'),
         'line 6: mailbox[returns].review_folder: "Bounces/Processed" is already the processed_folder: use '
         "another folder"),
    Case("no-folder", mailbox('folder = []'),
         "line 6: mailbox[returns].folder: is an empty list: name at least one"),
    Case("folder-twice", mailbox('folder = ["INBOX", "Inbox"]'),
         'line 6: mailbox[returns].folder: "INBOX" is in the list twice: remove one'),
    Case("folder-with-leading-slash", mailbox('folder = "/Returns"'),
         'line 6: mailbox[returns].folder: "/Returns" begins or ends with "/": write the levels as '
         '"Bounces/Processed"'),
    Case("poll-too-often", mailbox('poll_every = "0s"'),
         "line 6: mailbox[returns].poll_every: 0s is out of range: from 1s to 1d"),
    Case("duration-without-unit", mailbox('poll_every = "60"'),
         'line 6: mailbox[returns].poll_every: "60" is not a duration: write a whole number and one unit, '
         'such as "45s", "10m", "6h" or "14d"'),
    Case("duration-as-number", mailbox('timeout = 30'),
         'line 6: mailbox[returns].timeout: must be a duration in quotes with its unit, such as "45s", '
         '"10m", "6h" or "14d", not a whole number'),
    Case("duration-of-two-units", mailbox('timeout = "1m30s"'),
         'line 6: mailbox[returns].timeout: "1m30s" is not a duration: write a whole number and one unit, '
         'such as "45s", "10m", "6h" or "14d"'),
    Case("deadline-below-timeout", mailbox('pass_deadline = "10s"'),
         "line 6: mailbox[returns].pass_deadline: 10s for a whole pass is shorter than timeout (30s) for "
         "one answer: make it longer"),
    Case("idle-as-word", mailbox('idle = "yes"'),
         "line 6: mailbox[returns].idle: must be true or false without quotes, not text"),
    Case("size-too-small", mailbox('max_message_bytes = "32KiB"'),
         "line 6: mailbox[returns].max_message_bytes: 32KiB is out of range: from 64KiB to 256MiB"),
    Case("size-in-words", mailbox('page_bytes = "16 megabytes"'),
         'line 6: mailbox[returns].page_bytes: "16 megabytes" is not a size: write a number of bytes, or '
         '"512KiB", "1MiB", "1GiB"'),
    Case("page-of-none", mailbox('page_messages = 0'),
         "line 6: mailbox[returns].page_messages: 0 is out of range: from 1 to 1000"),
    *(
        Case(f"authserv-id-{name}", mailbox(f'trusted_authserv_id = "{value}"'),
             f'line 6: mailbox[returns].trusted_authserv_id: "{value}" is not a server name: write what comes '
             'before the first ";" of Authentication-Results in mail of this mailbox, such as "mx.example.com"')
        for name, value in {
            "with-results": "mx.example.com; none", "with-version": "mx.example.com 1", "is-address": "a@example.com",
            "of-nothing": ".",
        }.items()
    ),
    Case("authserv-id-twice", mailbox('trusted_authserv_id = ["mx.example.com", "MX.Example.com"]'),
         'line 6: mailbox[returns].trusted_authserv_id: "mx.example.com" is in the list twice: remove one'),
    Case("authserv-id-of-none", mailbox("trusted_authserv_id = []"),
         "line 6: mailbox[returns].trusted_authserv_id: is an empty list: name at least one"),
    Case("authserv-id-no-text", mailbox("trusted_authserv_id = true"),
         'line 6: mailbox[returns].trusted_authserv_id: must be text in quotes, not true or false'),
    Case("ca-file-missing", mailbox('ca_file = "no-such.pem"'),
         'line 6: mailbox[returns].ca_file: "{folder}/no-such.pem" cannot be read: no such file or '
         "directory"),
    Case("ca-file-not-pem", mailbox('ca_file = "not-pem.txt"'),
         'line 6: mailbox[returns].ca_file: "{folder}/not-pem.txt" holds no certificate in PEM form '
         "(-----BEGIN …)"),
    Case("oauth2-without-secret", oauth2("- client_secret"),
         'line 5: mailbox[returns].oauth2.client_secret: missing: grant = "client_credentials" needs it; add '
         'client_secret_file = "…"'),
    Case("oauth2-without-refresh-token", oauth2('grant = "refresh_token"'),
         'line 5: mailbox[returns].oauth2.refresh_token: missing: grant = "refresh_token" needs it; add '
         'refresh_token_file = "…"'),
    Case("oauth2-plain-http", oauth2('token_url = "http://login.example.com/token"'),
         "line 7: mailbox[returns].oauth2.token_url: plain http is allowed only for this machine (127.0.0.1, ::1, "
         "localhost): use https://"),
    Case("oauth2-unknown-grant", oauth2('grant = "client_credential"'),
         'line 6: mailbox[returns].oauth2.grant: "client_credential" is not known here: did you mean '
         '"client_credentials"?'),
    Case("oauth2-unknown-mechanism", oauth2('mechanism = "plain"'),
         'line 10: mailbox[returns].oauth2.mechanism: "plain" is not known here: write one of "xoauth2", '
         '"oauthbearer"'),
]


@for_each("case", CASES, ids=lambda case: case.name)
def test_is_refused_for_its_own_reason_alone(case: Case, tmp_path: Path) -> None:
    (tmp_path / "not-pem.txt").write_text("no certificate")
    assert refused(case.text, folder=tmp_path) == (case.problem.replace("{folder}", str(tmp_path)),)
