"""Without its extras the program does all that needs none, and names the one that is missing where something does."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement

from bounce_watcher.extras import PACKAGES
from bounce_watcher.service.demo import stage
from tests.families import for_each
from tests.lock import EXTRAS, ROOT
from tests.packaging.test_lock import plain

MODULES = {"proxy-protocol": "proxyprotocol"}
"""Packages that are imported under another name than they are installed by."""
EVERYTHING = sorted({
    MODULES.get(plain(name), name) for wanted in EXTRAS.values() for name in (Requirement(each).name for each in wanted)
})
SAMPLE = next(iter(sorted((ROOT / "tests" / "corpus").rglob("*.eml"))))

WEBHOOK = """
[[webhook]]
name = "shop"
url = "https://shop.example/hook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""
REDIS = """
[[platform]]
name = "stream"
kind = "redis"
server = "redis://localhost/0"
stream_key = "suppressions"
"""
SES = """
[[platform]]
name = "amazon"
kind = "ses"
region = "eu-central-1"
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = "wJalrXUtnFEMI"
"""
MYSQL = """
[[platform]]
name = "shop"
kind = "sql"
database = "mysql://user:password@localhost/shop"
suppress = "UPDATE customer SET mail = 0 WHERE address = :recipient"
release = "UPDATE customer SET mail = 1 WHERE address = :recipient"
"""
NOTIFY = """
[[notify]]
name = "operator"
url = "mailtos://user:password@example.com"
"""


def without(packages: Sequence[str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The program in a process that can't import `packages`."""
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({list(packages)!r}))\n"
        "from bounce_watcher.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)


def config(folder: Path, *tables: str) -> Path:
    path = folder / "config.toml"
    path.write_text("".join([f'[database]\nurl = "sqlite:///{folder}/ledger.db"\n', *tables]))
    path.chmod(0o600)
    return path


def test_each_extra_is_known_by_a_package_of_its_own() -> None:
    assert {name: {plain(Requirement(each).name) for each in wanted} & {PACKAGES[name]}
            for name, wanted in EXTRAS.items()} == {name: {package} for name, package in PACKAGES.items()}


@for_each(("extra", "table", "command"), [
    ("redis", REDIS, "check-config"), ("redis", REDIS, "doctor"), ("redis", REDIS, "poll"), ("ses", SES, "poll"),
    ("mysql", MYSQL, "check-config"), ("notify", NOTIFY, "doctor"),
])
def test_a_table_that_needs_an_extra_says_which(extra: str, table: str, command: str, tmp_path: Path) -> None:
    done = without([PACKAGES[extra]], command, "-c", config(tmp_path, table))
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert f"needs the extra '{extra}': pip install 'bounce-watcher[{extra}]'" in line
    assert re.search(r"config.toml: line \d: (platform|notify)\[\w+\]\.\w+: ", line), line


def test_sqlite_and_postgresql_need_no_extra_for_mysql(tmp_path: Path) -> None:
    table = MYSQL.replace("mysql://", "postgresql://")
    assert without(EVERYTHING, "check-config", "-c", config(tmp_path, table)).returncode == 0


def test_the_demo_says_which(tmp_path: Path) -> None:
    done = without(["pymap"], "demo")
    assert (done.returncode, done.stderr) == (
        1, "bounce-watcher: the demo needs the extra 'demo': pip install 'bounce-watcher[demo]'\n"
    )


def test_who_asks_for_a_language_is_told_which(tmp_path: Path) -> None:
    done = without(["pycld2"], "review", "list", "--language", "de", "-c", config(tmp_path))
    assert (done.returncode, done.stderr) == (
        2, "bounce-watcher: --language needs the extra 'languages': pip install 'bounce-watcher[languages]'\n"
    )
    assert without(["pycld2"], "review", "list", "--language", "unknown", "-c", config(tmp_path)).returncode == 0


def test_without_any_extra_mail_is_classified(tmp_path: Path) -> None:
    done = without(EVERYTHING, "classify", "--json", SAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == without([], "classify", "--json", SAMPLE).stdout


def test_without_any_extra_a_configuration_is_checked(tmp_path: Path) -> None:
    done = without(EVERYTHING, "check-config", "-c", config(tmp_path, WEBHOOK))
    assert (done.returncode, done.stderr) == (0, "")


def test_without_any_extra_a_mailbox_is_polled_and_the_webhook_told() -> None:
    with stage() as here:
        done = without(EVERYTHING, "poll", "-c", here.config)
        assert (done.returncode, done.stderr) == (0, "")
        assert here.receiver.hooks
