"""The menu of every page: the pages, and how much waits behind each."""

from dataclasses import dataclass

from bounce_watcher.web.context import WebContext


@dataclass(frozen=True, slots=True)
class Badges:
    """The numbers in the menu: current `problems` of the service, open `incidents`, deliveries that `gave_up`, and
    groups of unrecognised messages that wait for `review`."""

    problems: int
    incidents: int
    gave_up: int
    review: int


def badges(context: WebContext) -> Badges:
    to_do = context.ledger.lists.to_do()
    return Badges(len(context.state().troubles), to_do.alerts, to_do.dead, to_do.review)
