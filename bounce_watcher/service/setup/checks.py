"""The doctor's findings, one thing at a time."""

from collections.abc import Mapping
from dataclasses import dataclass

from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.errors import BounceWatcherError


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked. `fix` is what to do: required if not `ok`, advice if it is."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def failed(about: About, failure: BounceWatcherError) -> Check:
    detail = failure.problem if failure.about == about else failure.headline
    return Check(str(about), False, detail, failure.fix or FIXES[about.kind])


FIXES: Mapping[AboutKind, str] = {
    AboutKind.MAILBOX: "check host, port and security, and that the server is up and reachable from here",
    AboutKind.ANALYSIS: "see that this machine has memory and processes left",
    AboutKind.DATABASE: "check url under [database], and that the server is up and reachable from here",
    AboutKind.SCHEMA: "bounce-watcher db upgrade",
    AboutKind.WEBHOOK: "check url, ca_file, and that the platform is up and reachable from here",
    AboutKind.PLATFORM: "check the keys of its table, and that it is up and reachable from here",
    AboutKind.NOTIFIER: "check its url, and that the mail server or chat is up and reachable from here",
}
"""For failures that carry no fix of their own."""
