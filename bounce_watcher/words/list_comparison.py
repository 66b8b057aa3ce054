"""Why a target's list differs from ours, in English."""

from collections.abc import Mapping

from bounce_watcher.model.list_comparison import Cause, Why

_SENTENCES: Mapping[Why, str] = {
    Why.ERASED: "its address was erased: nobody can tell it",
    Why.STOOD_THERE: "stood there once, which is why it is suppressed: see `suppressions remove`",
    Why.ON_ITS_WAY: "on its way there",
    Why.NEVER_TOLD: "was never told of it",
    Why.TOLD_AND_NOT_LISTED: "was told of it and does not list it",
    Why.NEVER_TAKEN: "never took it",
    Why.REFUSED: "did not take it",
    Why.HELD_BACK: "its suppression is held back here",
    Why.RELEASE_ON_ITS_WAY: "its release is on its way there",
    Why.NOT_OURS: "not from here",
    Why.LISTED_AFTER_RELEASE: "not from here: it was listed after our release",
    Why.RELEASE_TAKEN: "not from here: it took our release",
    Why.RELEASE_JUST_TAKEN: "it took our release just now",
    Why.OTHER_STREAM: "suppressed here in a stream that it is not told of",
    Why.NOT_RELEASED: "told from here and not released here",
    Why.LISTED_AT_ANOTHER_TIME: "not from here: it was listed at another time",
    Why.RELEASE_NOT_TAKEN: "released here, which it did not take",
}


def difference(it: Cause) -> str:
    return f"{_SENTENCES[it.why]}: {it.answer}" if it.answer else _SENTENCES[it.why]
