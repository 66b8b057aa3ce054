"""The options of `init`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line gives. What is None is asked for, or its proposal is taken."""

    address: str | None
    host: str | None
    security: str | None
    username: str | None
    password_file: str | None
    ca_file: Path | None
    trust_certificate: str | None
    tenant: str | None
    token_url: str | None
    scope: str | None
    client_id: str | None
    client_secret_file: str | None
    refresh_token_file: str | None
    folder: str | None
    stream: str | None
    return_path: str | None
    sign: bool | None
    webhook: str | None
    platform: str | None
    platform_key: list[str]
    shadow: bool | None
    listen: str | None
    web: bool | None
    database: str | None
    systemd: bool | None
    systemd_dir: Path
