"""For the build alone: writes what the program is made of into the wheel, as CycloneDX (ECMA-424) where PEP 770 has it.

The list is `requirements-all.lock`, with what only an extra brings, so it tells the versions that this release was
tested and locked with. By hand, as a library for it would bring eight more packages to each machine that builds; the
tests hold it to CycloneDX's own schema.
"""

import json
import re
import uuid
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCK = "requirements-all.lock"
NAME = "bounce-watcher.cdx.json"

_PIN = re.compile(r"^([\w.-]+)==([\w.+!-]+)(?: ; ([^\\\n]+?))? *\\?$", re.MULTILINE)
_NAME = re.compile(r"[\w.-]+")


class BomHook(BuildHookInterface):  # type: ignore[type-arg]  # its configuration has no type
    """Found by hatchling through pyproject.toml."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        made = Path(self.directory) / NAME
        made.parent.mkdir(parents=True, exist_ok=True)
        project = self.metadata.core
        wanted = [*project.dependencies, *project.optional_dependencies["all"]]
        made.write_text(bill(project.name, project.version, wanted, (Path(self.root) / LOCK).read_text()))
        build_data["sbom_files"].append(str(made))


def bill(name: str, version: str, wanted: list[str], lock: str) -> str:
    """The same for the same: no clock, and a serial number that is made of what it says."""
    parts = [_part(*pin) for pin in _PIN.findall(lock)]
    whole = _part(name, version, "") | {"type": "application"}
    direct = {_plain(found[0]) for each in wanted if (found := _NAME.match(each))}
    content = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": whole, "lifecycles": [{"phase": "build"}]},
        "components": parts,
        "dependencies": [{
            "ref": whole["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts if part["name"] in direct],
        }],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True)).urn
    return json.dumps({**content, "serialNumber": serial}, indent=1, sort_keys=True) + "\n"


def _part(name: str, version: str, marker: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{_plain(name)}@{version}"
    part = {"type": "library", "name": _plain(name), "version": version, "purl": purl, "bom-ref": purl}
    return part | ({"properties": [{"name": "bounce-watcher:marker", "value": marker}]} if marker else {})


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
