"""What ties a report to our own sending."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AttributionSettings:
    """`return_path` is the plain address that tokens ride on; `token_keys` the signing keys, the newest first.

    `own_domains` are the From and DKIM domains of what we send. An empty `token_keys` means: no token is ours.
    """

    return_path: str | None = None
    token_keys: tuple[bytes, ...] = field(default=(), repr=False)
    own_domains: frozenset[str] = frozenset()
