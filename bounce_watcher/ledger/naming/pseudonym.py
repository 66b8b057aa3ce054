"""Pseudonyms for addresses in figures for outsiders: one address has one pseudonym, and none leads back.

HMAC-SHA256 under a key that the ledger generates for itself and that is in no export. The domain stays readable, as
figures are about providers; a person who alone has a domain is recognisable by it.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

from sqlalchemy import Engine

from bounce_watcher.ledger.db.types import recipient_key
from bounce_watcher.ledger.keyring import secret
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.optout import OptOut

R = TypeVar("R")

_NAMED = ("id", "recipient", "sender", "final_recipient", "sent_message_id")
_WORDS = ("diagnostic", "quote", "doubt", "last_answer", "because", "grounds")


def pseudonyms(engine: Engine) -> Callable[[str], str]:
    """Returns a function that gives a text its pseudonym: `h:` and 20 hexadecimal digits, and @domain if the text is an
    address."""
    key = secret(engine, "pseudonym")

    def named(text: str) -> str:
        compared = recipient_key(text)
        digest = hmac.new(key, compared.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:20]
        _, at, domain = compared.rpartition("@")
        return f"h:{digest}{at}{domain if at else ''}"

    return named


def hidden(row: R, name: Callable[[str], str]) -> R:
    """Returns a row of a list in the form for outsiders: pseudonyms where it identifies a person, and no free text.

    Text of a report may contain an address, and so may what people write. The id of an event is a hash made from one.
    """
    changes: dict[str, object] = {}
    for each in fields(cast(Any, row)):
        value = getattr(row, each.name)
        if each.name in _WORDS:
            changes[each.name] = None
        elif each.name == "formerly":
            changes[each.name] = ()
        elif each.name in _NAMED and isinstance(value, str) and (each.name != "id" or isinstance(row, BounceEvent)):
            changes[each.name] = name(value)
        elif isinstance(value, OptOut):
            changes[each.name] = hidden(value, name)
    return cast(R, replace(cast(Any, row), **changes))
