"""The pages of what is not over HTTP: what they show loads, and names every key there is."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.outbox.change import COLUMNS
from bounce_watcher.outbox.platform import Platform
from bounce_watcher.outbox.platform_channel import connect
from bounce_watcher.outbox.platforms import platform_class
from bounce_watcher.outbox.platforms.csv import LIST_COLUMNS
from tests.docs.pages import blocks
from tests.families import for_each

FOLDER = Path(__file__).parents[3] / "bounce_watcher" / "outbox" / "platforms"
SECRETS = {
    "sql": ("postgresql://bounces:secret@db.example.com/shop?sslmode=verify-full",
            "mariadb://bounces:secret@db.example.com/shop?ssl_ca=/etc/ssl/certs/ca-certificates.crt",
            "sqlite:////var/lib/shop/shop.db"),
    "redis": ("rediss://bounces:secret@redis.example.com:6379/0", "redis://localhost/0",
              "unix:///run/redis/redis.sock?db=0"),
    "exec": ("",),
    "csv": ("",),
}
CASES = [(kind, secret) for kind, secrets in SECRETS.items() for secret in secrets]


@for_each(("kind", "secret"), CASES)
def test_its_table_loads(kind: str, secret: str, tmp_path: Path) -> None:
    page = (FOLDER / f"{kind}.md").read_text()
    assert secret.partition("?")[0].replace("secret", "…") in page
    (block,) = blocks(page, "toml")
    for name in re.findall(r'^\w+_file = "(.*)"', block.text, re.MULTILINE):
        (tmp_path / name).write_text(secret)
        (tmp_path / name).chmod(0o600)
    with_all = re.sub(r"^#(\w+ = )", r"\1", block.text, flags=re.MULTILINE)
    for text in (block.text, with_all):
        (platform,) = parse(text, "config.toml", {}, tmp_path).platforms
        assert platform.kind == kind
        connect(platform).close()


@pytest.mark.parametrize("kind", [*SECRETS, "http"])
def test_it_names_every_key_of_its_kind(kind: str) -> None:
    page = (FOLDER / f"{kind}.md").read_text()
    common = {field.name for field in fields(Platform)}
    missing = [field.name for field in fields(platform_class(kind))
               if field.name not in common | {"ca_file"} and not re.search(rf"\b{field.name}", page)]
    assert missing == []


def test_the_values_that_they_name_are_those_there_are() -> None:
    for kind in ("sql", "exec", "http", "csv", "redis"):
        page = (FOLDER / f"{kind}.md").read_text()
        assert [name for name in COLUMNS if not re.search(rf"\b{name}\b", page)] == [], kind
    page = (FOLDER / "csv.md").read_text()
    assert f"`{','.join(COLUMNS)}`" in page
    assert f"`{','.join(LIST_COLUMNS)}`" in page
