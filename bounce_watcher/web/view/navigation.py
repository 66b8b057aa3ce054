"""What stands in the menu of every page: the pages, and how much waits behind each."""

from dataclasses import dataclass

from bounce_watcher.web.context import WebContext


@dataclass(frozen=True, slots=True)
class Badges:
    """`problems` of the service just now, `incidents` under way, deliveries that `gave_up`; groups of what was not
    recognised that wait for `review`."""

    problems: int
    incidents: int
    gave_up: int
    review: int


def badges(context: WebContext) -> Badges:
    to_do = context.ledger.lists.to_do()
    return Badges(len(context.state().troubles), to_do.alerts, to_do.dead, to_do.review)
