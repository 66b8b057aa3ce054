"""The pages of the dashboard, each a module with its routes."""

from collections.abc import Sequence

from starlette.routing import Route

from bounce_watcher.web.pages import (
    acts,
    bulk,
    delivery,
    events,
    find,
    incidents,
    log,
    many_deliveries,
    opt_outs,
    outbox,
    overview,
    pausing,
    protecting,
    providers,
    read_again,
    recipient,
    recipients,
    review,
    rulings,
    sessions,
    settings,
    sign_in,
    streams,
    undo,
    working,
)

ROUTES: Sequence[Route] = (
    *sign_in.ROUTES, *overview.ROUTES, *providers.ROUTES, *streams.ROUTES, *recipients.ROUTES, *bulk.ROUTES,
    *recipient.ROUTES, *protecting.ROUTES, *acts.ROUTES, *read_again.ROUTES, *events.ROUTES, *find.ROUTES, *log.ROUTES,
    *incidents.ROUTES, *rulings.ROUTES, *undo.ROUTES, *outbox.ROUTES, *many_deliveries.ROUTES, *pausing.ROUTES,
    *delivery.ROUTES, *opt_outs.ROUTES, *review.ROUTES, *settings.ROUTES, *sessions.ROUTES, *working.ROUTES,
)
"""A delivery's id may be any word, so its page comes behind the others of the outbox; so does a group's in Review."""
