"""What a process that analyses mail must ask for, as it has neither our token keys nor a network, and who answers.

A message on the connection begins with its kind, one byte. The worker sends READY once, then, for each page that it is
given, any number of questions, each of which is answered, and DONE.
"""

import threading
from dataclasses import replace
from multiprocessing.connection import Connection

from bounce_watcher.attribution.attribute import no_key
from bounce_watcher.attribution.dkim import KeyOf
from bounce_watcher.attribution.return_path import fits
from bounce_watcher.attribution.settings import AttributionSettings

READY, DONE, IS_OURS, DKIM_KEY = b"r", b"d", b"t", b"k"

MAX_QUESTION = 16 * 1024
"""Bytes. Longer tokens and names are none of ours."""

_NO, _YES = b"0", b"1"
_BETWEEN = b"\0"


class Answers:
    """The side that has keys and network. Thread-safe. It believes nothing of what it is asked by."""

    def __init__(self, settings: AttributionSettings, key_of: KeyOf) -> None:
        self._keys = settings.token_keys
        self._domains = settings.own_domains
        self._key_of = key_of
        self._lock = threading.Lock()

    def __call__(self, message: bytes) -> bytes:
        """Raises ValueError where it is no question."""
        kind, asked = message[:1], message[1:]
        if len(asked) > MAX_QUESTION or kind not in {IS_OURS, DKIM_KEY}:
            raise ValueError("no question")
        return self._is_ours(asked) if kind == IS_OURS else self._dkim_key(asked.decode("ascii"))

    def _is_ours(self, asked: bytes) -> bytes:
        written, _, data = asked.partition(_BETWEEN)
        return _YES if fits(self._keys, data, written.decode("ascii")) else _NO

    def _dkim_key(self, name: str) -> bytes:
        """Keys of our own domains alone are looked up: a name is a message to whoever answers for it."""
        if name.partition("._domainkey.")[2] not in self._domains:
            return _NO
        with self._lock:
            record = self._key_of(name)
        return _NO if record is None else _YES + record.encode("utf-8", "replace")


class Questions:
    """The side that has neither: a `KeyHolder`, and `dkim_key` as the pipeline asks it."""

    def __init__(self, connection: "Connection[bytes, bytes]") -> None:
        self._connection = connection

    def fits(self, data: bytes, written: str) -> bool:
        return self._ask(IS_OURS + written.encode("ascii") + _BETWEEN + data) == _YES

    def dkim_key(self, name: str) -> str | None:
        answer = self._ask(DKIM_KEY + name.encode("ascii"))
        return answer[1:].decode() if answer.startswith(_YES) else None

    def _ask(self, question: bytes) -> bytes:
        if len(question) > MAX_QUESTION:
            return _NO
        self._connection.send_bytes(question)
        return self._connection.recv_bytes()


def without_secrets(settings: AttributionSettings) -> AttributionSettings:
    """What a process that analyses is given."""
    return replace(settings, token_keys=())


def asking(settings: AttributionSettings, questions: Questions, *, has_keys: bool) -> tuple[AttributionSettings, KeyOf]:
    """What the pipeline is given there: as if the keys were at hand. `settings` are those `without_secrets`."""
    looks_up = settings.dkim_dns and settings.own_domains
    return replace(settings, key_holder=questions if has_keys else None), questions.dkim_key if looks_up else no_key
