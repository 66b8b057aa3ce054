"""Every kind of platform has its page, README leads to each, and what a page shows can be used as it stands."""

import re
import tomllib
from pathlib import Path

from bounce_watcher.config import parse
from bounce_watcher.outbox.platforms import kinds, platform_class
from tests.config.samples import SIGNING
from tests.docs.pages import README, ROOT, blocks
from tests.families import for_each

FOLDER = ROOT / "bounce_watcher" / "outbox" / "platforms"
PAGES = sorted(FOLDER.glob("*.md"))
SECRETS = {
    "mailchimp": "0123456789abcdef0123456789abcdef-us21",
    "redis": "rediss://redis.example.org:6379/0",
    "sql": "postgresql://shop:secret@db.example.org/shop",
}
"""Of kinds that look at the form of theirs."""


def with_secrets(text: str, folder: Path, kind: str) -> Path:
    """Every file that a page names as a secret's is there."""
    for name in re.findall(r'_file = "([^"]+)"', text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SIGNING if "webhook" in name else SECRETS.get(kind, "secret-of-a-page"))
        path.chmod(0o600)
    return folder


@for_each("page", PAGES, ids=lambda page: page.stem)
def test_readme_leads_to_it(page: Path) -> None:
    assert f"(bounce_watcher/outbox/platforms/{page.name})" in README


@for_each("kind", kinds())
def test_its_page_shows_a_table_that_loads(kind: str, tmp_path: Path) -> None:
    page = (FOLDER / f"{kind}.md").read_text()
    tables = [block.text for block in blocks(page, "toml") if f'kind = "{kind}"' in block.text]
    assert tables
    for table in tables:
        platforms = tomllib.loads(table)["platform"]
        made = parse(table, kind, {}, with_secrets(table, tmp_path, kind)).platforms
        assert len(made) == len(platforms)
        assert any(isinstance(each, platform_class(kind)) for each in made)
