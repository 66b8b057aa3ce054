"""Changes in three steps: a preview with its own address, a form that carries what the person saw, a result.

A form carries the digest of what its preview showed. If the data has changed since, the person must look again.
"""

from starlette.exceptions import HTTPException

from bounce_watcher.web.request import PageRequest

MOST_UNCOUNTED = 1000
"""Above this number, a person must type the number before a change."""
LONGEST_REASON = 500


def because(request: PageRequest, *, required: bool) -> str:
    """Returns the reason that a person gave. Raises HTTPException if it is missing or too long."""
    told = " ".join(request.form.get("because", "").split())
    if required and not told:
        raise HTTPException(422, "give a reason: it is kept in the log")
    if len(told) > LONGEST_REASON:
        raise HTTPException(422, f"the reason is longer than {LONGEST_REASON} characters")
    return told


def demand_seen(request: PageRequest, seen: str, count: int = 1) -> None:
    """Raises HTTPException 409 if the preview showed something else, 422 if the number of many was not typed."""
    if request.form.get("seen") != seen:
        raise HTTPException(409, "the data changed since this preview: reload it, nothing was changed")
    if count > MOST_UNCOUNTED and request.form.get("count", "").replace(",", "").strip() != str(count):
        raise HTTPException(422, f"type {count:,} to confirm: nothing was changed")
