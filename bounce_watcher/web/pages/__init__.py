"""The pages of the dashboard, each a module with its routes."""

from collections.abc import Sequence

from starlette.routing import Route

from bounce_watcher.web.pages import events, overview, settings, sign_in

ROUTES: Sequence[Route] = (*sign_in.ROUTES, *overview.ROUTES, *events.ROUTES, *settings.ROUTES)
