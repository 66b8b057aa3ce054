"""The pages of the dashboard, each a module with its routes."""

from collections.abc import Sequence

from starlette.routing import Route

from bounce_watcher.web.pages import account
from bounce_watcher.web.pages.incidents import decisions
from bounce_watcher.web.pages.incidents import listing as incidents
from bounce_watcher.web.pages.outbox import delivery, many_deliveries, targets
from bounce_watcher.web.pages.recipients import acts, events, recipient
from bounce_watcher.web.pages.recipients import listing as recipients
from bounce_watcher.web.pages.review import groups, opt_outs
from bounce_watcher.web.pages.shared import many
from bounce_watcher.web.pages.statistics import overview, providers, streams

ROUTES: Sequence[Route] = (
    *account.ROUTES, *overview.ROUTES, *providers.ROUTES, *streams.ROUTES, *recipients.ROUTES, *recipient.ROUTES,
    *acts.ROUTES, *events.ROUTES, *incidents.ROUTES, *decisions.ROUTES, *targets.ROUTES, *many_deliveries.ROUTES,
    *delivery.ROUTES, *opt_outs.ROUTES, *groups.ROUTES, *many.ROUTES,
)
"""A delivery's id may be any word, so its page comes after the others of the outbox; so does a group's in Review."""
