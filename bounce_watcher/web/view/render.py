"""Pages from templates. The templates escape all values, and a missing name is an error."""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from bounce_watcher.words import formatting
from bounce_watcher.words.grounds import text

FOR_EVER = "public, max-age=31536000, immutable"

@dataclass(frozen=True, slots=True)
class Asset:
    """A file that browsers cache for good: its address changes with its content."""

    name: str
    media_type: str
    content: bytes
    digest: str

    @property
    def path(self) -> str:
        return f"/static/{self.digest}/{self.name}"


@cache
def assets() -> Mapping[str, Asset]:
    """Returns the files in `static`, by name."""
    found = {}
    for file in files("bounce_watcher.web").joinpath("static").iterdir():
        content = file.read_bytes()
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        found[file.name] = Asset(file.name, kind, content, hashlib.sha256(content).hexdigest()[:16])
    return found


def asset(digest: str, name: str) -> Response:
    """Returns a static file, or 404. A request with an older digest gets today's file, which browsers must not keep."""
    found = assets().get(name)
    if found is None:
        return Response("no such file", 404)
    keep = FOR_EVER if digest == found.digest else "no-store"
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": keep})


def html(template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    text = _environment().get_template(template).render(values)
    return Response(text, status, media_type="text/html")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bounce_watcher.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = lambda name: assets()[name].path
    environment.globals["formatting"] = formatting
    environment.filters.update(
        harmless=formatting.harmless, number=formatting.number, reason=formatting.reason, iso=formatting.iso,
        moment=formatting.moment,
        because=text,
    )
    return environment
