"""What the doctor finds, one thing at a time."""

from collections.abc import Mapping
from dataclasses import dataclass

from bounce_watcher.model.errors import BounceWatcherError


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `mend` is what to do: needed where not `ok`, advice where it is."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def failed(name: str, failure: BounceWatcherError) -> Check:
    """The text of a failure of ours says what is wrong and, behind the last semicolon, the mend."""
    text = str(failure).removeprefix(f"{name}: ")
    detail, _, mend = text.rpartition("; ")
    return Check(name, False, detail or mend, mend if detail else MENDS[name.partition(" ")[0]])


MENDS: Mapping[str, str] = {
    "mailbox": "check host, port and security, and that the server is up and reachable from here",
    "analysis": "see that this machine has memory and processes left",
    "database": "check url under [database], and that the server is up and reachable from here",
    "schema": "bounce-watcher db upgrade",
    "webhook": "check url, ca_file, and that the platform is up and reachable from here",
    "platform": "check the keys of its table, and that it is up and reachable from here",
    "notifier": "check its url, and that the mail server or chat is up and reachable from here",
}
"""For failures that tell no mend of their own."""
