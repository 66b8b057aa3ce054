"""What an analysing process must ask the service, as it has neither our token keys nor a network.

A message on the connection begins with its kind, one byte. The worker sends READY once. Then, for each page that it is
given, it sends any number of questions, each of which is answered, and DONE.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from multiprocessing.connection import Connection

from bounce_watcher.attribution.dkim import KeyOf
from bounce_watcher.attribution.return_path import claims, fits
from bounce_watcher.attribution.settings import AttributionSettings

READY, DONE, ARE_OURS, DKIM_KEY = b"r", b"d", b"t", b"k"

MAX_NAME = 1024
MAX_CLAIMS = 4000
MAX_CLAIM = 1024
"""Limits: characters of a DKIM key's name, claims per question, and bytes of what one claim is about.

What is longer is not ours.
"""

_NO, _YES = b"0", b"1"
_WITHIN, _BETWEEN = b" ", b"\n"
_WRITTEN = re.compile(r"[a-z2-7]{1,64}")

Claim = tuple[bytes, str]
"""What is signed, and the signature found with it."""


class Answers:
    """The side that has keys and network. Thread-safe. It trusts nothing that it is asked."""

    def __init__(self, settings: AttributionSettings, key_of: KeyOf) -> None:
        self._keys = settings.token_keys
        self._domains = settings.own_domains
        self._key_of = key_of
        self._lock = threading.Lock()

    def __call__(self, message: bytes) -> bytes:
        """Answers a question. Raises ValueError if it is no question."""
        kind, asked = message[:1], message[1:]
        if kind == ARE_OURS and len(asked) <= MAX_CLAIMS * MAX_CLAIM * 3:
            return b"".join(map(self._is_ours, asked.split(_BETWEEN)[:MAX_CLAIMS]))
        if kind == DKIM_KEY and len(asked) <= MAX_NAME:
            return self._dkim_key(asked.decode("ascii"))
        raise ValueError("no question")

    def _is_ours(self, claim: bytes) -> bytes:
        written, _, data = claim.decode("ascii").partition(_WITHIN.decode())
        return _YES if fits(self._keys, bytes.fromhex(data), written) else _NO

    def _dkim_key(self, name: str) -> bytes:
        """Looks up keys of our own domains only: a DNS query is itself a message to whoever runs the domain."""
        if name.partition("._domainkey.")[2] not in self._domains:
            return _NO
        with self._lock:
            record = self._key_of(name)
        return _NO if record is None else _YES + record.encode("utf-8", "replace")


class Questions:
    """The side without keys and network: a `KeyHolder`, and `dkim_key` as the pipeline calls it."""

    def __init__(self, connection: "Connection[bytes, bytes]") -> None:
        self._connection = connection
        self._known: dict[Claim, bool] = {}

    def ask_ahead(self, contents: Iterable[bytes]) -> None:
        """Asks at once about all mail of a page: one question per mail would wait for the service each time."""
        seen = dict.fromkeys(claim for content in contents for claim in islice(claims(content), MAX_CLAIMS))
        self._known = self._asked([claim for claim in seen if len(claim[0]) <= MAX_CLAIM][:MAX_CLAIMS])

    def fits(self, data: bytes, written: str) -> bool:
        claim = (data, written)
        if not _WRITTEN.fullmatch(written) or len(data) > MAX_CLAIM:
            return False
        if claim not in self._known:
            self._known |= self._asked([claim])
        return self._known[claim]

    def dkim_key(self, name: str) -> str | None:
        if len(name) > MAX_NAME:
            return None
        answer = self._ask(DKIM_KEY + name.encode("ascii"))
        return answer[1:].decode() if answer.startswith(_YES) else None

    def _asked(self, asked: list[Claim]) -> dict[Claim, bool]:
        if not asked:
            return {}
        lines = (written.encode("ascii") + _WITHIN + data.hex().encode("ascii") for data, written in asked)
        told = self._ask(ARE_OURS + _BETWEEN.join(lines))
        return {claim: told[number:number + 1] == _YES for number, claim in enumerate(asked)}

    def _ask(self, question: bytes) -> bytes:
        self._connection.send_bytes(question)
        return self._connection.recv_bytes()


def without_secrets(settings: AttributionSettings) -> AttributionSettings:
    """Returns the settings that an analysing process is given: without token keys."""
    return replace(settings, token_keys=())
