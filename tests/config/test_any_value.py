"""Whatever stands behind a key, the answer is settings or problems in words: nothing else ever escapes."""

import re
import tomllib
from pathlib import Path

from bounce_watcher.config import parse
from bounce_watcher.config.keys import all_tables, known_keys
from bounce_watcher.model.errors import ConfigError
from tests.config.samples import MAILBOX, OAUTH2, WEBHOOK
from tests.families import for_each

ODD = [
    "0", "-1", "1.5", "inf", "nan", "true", "99999999999999999999999", '""', '" "', '"x"', '"\\u0000"', '"\\u202e"',
    '"/"', '"9999999999d"', '"٣s"', '"²s"', '"https://[::1"', '"https://[v1.x]/"', '"http://localhost:99999"', '"@"',
    '"a@b@c"', "[]", '[""]', "[1]", "[[]]", "[{}]", "{}", "{x = 1}",
    "2026-11-24", "2026-11-24T06:00:00Z", "06:00:00", '"' + "x" * 5000 + '"',
]
BASE = {"mailbox": MAILBOX, "mailbox.oauth2": MAILBOX + OAUTH2, "webhook": WEBHOOK}


def texts(names: tuple[str, ...], key: str, value: str) -> str:
    """A sound file but for one key of one table."""
    heading = ".".join(names)
    base = BASE.get(heading, f"[{heading}]\n" if heading else "")
    kept = re.sub(rf"^{key} = .*\n", "", base, flags=re.MULTILINE)
    return f"{kept}{key} = {value}\n"


KEYS = [(names, key) for names, table in all_tables() for key in known_keys(table)]


@for_each(("names", "key"), KEYS, ids=lambda part: part if isinstance(part, str) else ".".join(part))
def test_every_key_takes_or_refuses_every_value(names: tuple[str, ...], key: str, tmp_path: Path) -> None:
    for value in ODD:
        text = texts(names, key, value)
        tomllib.loads(text)
        try:
            parse(text, "config.toml", {"CREDENTIALS_DIRECTORY": str(tmp_path)}, tmp_path)
        except ConfigError as error:
            assert error.problems
            for problem in error.problems:
                assert problem.isprintable(), problem[:500]
                assert len(problem) < 500, problem[:500]
