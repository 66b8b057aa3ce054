"""What a server lets its user do in a folder, if it reports that: rights (RFC 4314) and quotas (RFC 9208)."""

import contextlib
from dataclasses import dataclass

from imapclient import IMAPClient
from imapclient.imap_utf7 import encode

from bounce_watcher.intake.imap.failures import CommandRefused, refusals
from bounce_watcher.model.obstacles import Quota

REMOVE = frozenset("te")
"""The rights to mark a message \\Deleted and to expunge it. MOVE needs both as well (RFC 6851 section 5)."""
MARK = frozenset("w")
INSERT = frozenset("i")
CREATE = frozenset("k")

_OBSOLETE = {"d": REMOVE, "c": CREATE}
"""RFC 4314 section 2.1.1: the letters of RFC 2086. Some servers give them in addition to the newer letters, if the user
has one of these; some give them instead."""

_IN_ORDER = "wikte"
"""The letters of RFC 4314 section 2.1, in the order in which we report them."""


@dataclass(frozen=True, slots=True)
class Rights:
    """A user's rights. `letters` are those of RFC 4314; None if the server does not report them."""

    letters: frozenset[str] | None = None

    def missing(self, needed: frozenset[str]) -> tuple[str, ...]:
        """Returns those of `needed` that the user does not have; none if the rights are unknown."""
        return () if self.letters is None else tuple(letter for letter in _IN_ORDER if letter in needed - self.letters)


def rights_in(client: IMAPClient, folder: str) -> Rights:
    """Asks by MYRIGHTS if the server offers ACL. If the server refuses, the rights are unknown."""
    if not client.has_capability("ACL"):
        return Rights()
    with contextlib.suppress(CommandRefused), refusals():
        return read_rights(client.wire.myrights(quoted(folder))[1][-1])
    return Rights()


def read_rights(answer: object) -> Rights:
    """Reads an untagged answer such as b'"Bounces/Processed" lrswite'. The name may come before it as a literal."""
    text = answer.decode("ascii", "replace") if isinstance(answer, bytes) else ""
    letters = frozenset((text.split() or [""])[-1].strip('"').lower())
    for obsolete, newer in _OBSOLETE.items():
        if obsolete in letters and not letters & newer:
            letters |= newer
    return Rights(letters) if text.strip() else Rights()


def quoted(folder: str) -> bytes:
    """Returns a folder's name encoded and quoted for a command (RFC 3501 sections 5.1.3 and 9)."""
    name: bytes = encode(folder)
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def quotas_of(client: IMAPClient, folder: str) -> tuple[Quota, ...]:
    """Asks by GETQUOTAROOT if the server offers QUOTA. Returns nothing if the server refuses."""
    if not client.has_capability("QUOTA"):
        return ()
    try:
        with refusals():
            _, found = client.get_quota_root(quoted(folder))
    except (CommandRefused, ValueError, TypeError, LookupError):
        return ()
    return tuple(Quota(_text(each.quota_root), _text(each.resource).upper(), each.usage, each.limit) for each in found)


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
