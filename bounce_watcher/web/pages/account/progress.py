"""The progress page of a long task. It reloads by itself, and leads to the outcome when the task is over."""

from starlette.responses import Response

from bounce_watcher.web.request import PageRequest, get, see

LOOKS_AGAIN = 5
"""Seconds. This needs no script. Readers can switch it off, because a page that reloads moves under them."""
_STILL = "still"


def working(request: PageRequest) -> Response:
    work = request.context.jobs.of(request.path["name"])
    if work is not None and work.is_over and work.trouble is None:
        return see(work.leads_to)
    is_moving = work is not None and not work.is_over and not request.query.get(_STILL)
    title = "No task running" if work is None else "Task interrupted" if work.is_over else "In progress"
    page = request.page("working.html", title, work=work, heading=title, is_moving=is_moving, seconds=LOOKS_AGAIN,
                      still=f"{request.url_path}?{_STILL}=1")
    if is_moving:
        page.headers["Refresh"] = str(LOOKS_AGAIN)
    return page


ROUTES = (get("/working/{name}", working),)
