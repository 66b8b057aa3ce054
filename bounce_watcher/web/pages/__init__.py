"""The pages of the dashboard, each a module with its routes."""

from collections.abc import Sequence

from starlette.routing import Route

from bounce_watcher.web.pages.account import log, sessions, settings, sign_in
from bounce_watcher.web.pages.account import progress as working
from bounce_watcher.web.pages.incidents import listing as incidents
from bounce_watcher.web.pages.incidents import rulings, undo
from bounce_watcher.web.pages.outbox import delivery, many_deliveries, pausing
from bounce_watcher.web.pages.outbox import targets as outbox
from bounce_watcher.web.pages.recipients import acts, bulk, events, find, protecting, read_again, recipient
from bounce_watcher.web.pages.recipients import listing as recipients
from bounce_watcher.web.pages.review import groups as review
from bounce_watcher.web.pages.review import opt_outs
from bounce_watcher.web.pages.statistics import overview, providers, streams

ROUTES: Sequence[Route] = (
    *sign_in.ROUTES, *overview.ROUTES, *providers.ROUTES, *streams.ROUTES, *recipients.ROUTES, *bulk.ROUTES,
    *recipient.ROUTES, *protecting.ROUTES, *acts.ROUTES, *read_again.ROUTES, *events.ROUTES, *find.ROUTES, *log.ROUTES,
    *incidents.ROUTES, *rulings.ROUTES, *undo.ROUTES, *outbox.ROUTES, *many_deliveries.ROUTES, *pausing.ROUTES,
    *delivery.ROUTES, *opt_outs.ROUTES, *review.ROUTES, *settings.ROUTES, *sessions.ROUTES, *working.ROUTES,
)
"""A delivery's id may be any word, so its page comes after the others of the outbox; so does a group's in Review."""
