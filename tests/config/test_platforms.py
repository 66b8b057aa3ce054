"""[[platform]]: keys that all kinds have, and keys of one kind."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.outbox.platforms.sendgrid import SendGrid
from tests.families import for_each

BASE = '[[platform]]\nname = "news"\nkind = "sendgrid"\n'
NEEDED = 'api_key = "secret-key"\n'


def refused(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        parse(text, "config.toml", {})
    return error.value.problems


def test_common_keys_and_those_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret-key\n")
    (tmp_path / "key").chmod(0o600)
    text = BASE + ('api_key_file = "key"\nstreams = ["news", "offers"]\ntimeout = "5s"\nrate = 2\nsubuser = "shop"\n'
                   'url = "https://api.eu.sendgrid.com"\nallow_hosts = ["api.eu.sendgrid.com"]\n')
    assert parse(text, "config.toml", {}, tmp_path).platforms == (
        SendGrid(
            name="news", streams=("news", "offers"), timeout=timedelta(seconds=5), rate=2.0,
            url="https://api.eu.sendgrid.com", allow_hosts=frozenset({"api.eu.sendgrid.com"}),
            api_key=SecretStr("secret-key"), subuser="shop",
        ),
    )


@for_each(
    ("text", "problem"),
    [
        (BASE, 'line 1: platform[news].api_key: missing: kind = "sendgrid" needs it'),
        ('[[platform]]\nname = "news"\nkind = "sendgrit"\n' + NEEDED,
         'line 3: platform[news].kind: "sendgrit" is not known here: did you mean "sendgrid"?'),
        ('[[platform]]\nname = "news"\n' + NEEDED, 'line 1: platform[news].kind: missing: add kind = "sendgrid"'),
        (BASE + 'api_kez = "secret-key"\n', "line 4: platform[news].api_kez: unknown: did you mean api_key?"),
        (BASE + NEEDED + 'streamz = ["a"]\n', "line 5: platform[news].streamz: unknown: did you mean streams?"),
        (BASE + NEEDED + "zork = 1\n",
         'line 5: platform[news].zork: unknown: remove it. Known to kind = "sendgrid": api_key, api_key_file, '
         "api_key_env, api_key_credential, subuser"),
        (BASE + "api_key = 3\n", "line 4: platform[news].api_key: must be text in quotes, not a whole number"),
        (BASE + 'api_key_env = "KEY"\n',
         "line 4: platform[news].api_key_env: there is no environment variable KEY: set it where the program is "
         "started"),
        (BASE + NEEDED + "subuser = true\n", "line 5: platform[news].subuser: must be text in quotes, not true or "
                                             "false"),
        (BASE + NEEDED + 'timeout = "1h"\n', "line 5: platform[news].timeout: 1h is out of range: from 1s to 5m"),
        (BASE + NEEDED + "rate = 0\n", "line 5: platform[news].rate: 0.0 is out of range: from 0.001 to 10000.0"),
        (BASE + NEEDED + 'streams = ["a", "a"]\n',
         'line 5: platform[news].streams: "a" is in the list twice: remove one'),
        (BASE + NEEDED + 'url = "https://api.example.com/?key=1"\n',
         "line 5: platform[news].url: holds a query, after which no API path can follow: remove it"),
        (BASE + NEEDED + 'url = "http://api.example.com"\n',
         "line 5: platform[news].url: plain http is allowed only for this machine (127.0.0.1, ::1, localhost): "
         "use https://"),
        (BASE + NEEDED + BASE + NEEDED,
         'line 6: [[platform]] #2: name: "news" is already the name of an earlier [[platform]]: choose another'),
        ('[platform]\nname = "news"\n',
         "line 1: platform: there can be several, so each heading has double brackets: [[platform]]"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, problem: str) -> None:
    assert refused(text) == (problem,)


def test_a_platform_and_a_webhook_may_not_share_a_name() -> None:
    secret = "whsec_" + "A" * 43 + "="
    webhook = f'[[webhook]]\nname = "news"\nurl = "https://platform.example.com/hook"\nsecret = "{secret}"\n'
    assert refused(webhook + BASE + NEEDED) == (
        'line 6: [[platform]] #1: name: "news" is already the name of an earlier [[webhook]]: choose another',
    )


def test_no_secret_in_its_repr() -> None:
    assert "secret-key" not in repr(parse(BASE + NEEDED, "config.toml", {}))
