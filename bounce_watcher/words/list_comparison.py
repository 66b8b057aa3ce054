"""Why a target's list differs from ours, in English."""

from collections.abc import Mapping

from bounce_watcher.model.list_comparison import Cause, DifferenceReason

_SENTENCES: Mapping[DifferenceReason, str] = {
    DifferenceReason.ERASED: "its address was erased",
    DifferenceReason.STOOD_THERE: "stood there once, which is why it is suppressed: see `suppressions remove`",
    DifferenceReason.ON_ITS_WAY: "on its way there",
    DifferenceReason.NEVER_TOLD: "was never told of it",
    DifferenceReason.TOLD_AND_NOT_LISTED: "was told of it and does not list it",
    DifferenceReason.NEVER_TAKEN: "never took it",
    DifferenceReason.REFUSED: "did not take it",
    DifferenceReason.HELD_BACK: "its suppression is held back here",
    DifferenceReason.RELEASE_ON_ITS_WAY: "its release is on its way there",
    DifferenceReason.NOT_OURS: "not from here",
    DifferenceReason.LISTED_AFTER_RELEASE: "not from here: it was listed after our release",
    DifferenceReason.RELEASE_TAKEN: "not from here: it took our release",
    DifferenceReason.RELEASE_JUST_TAKEN: "it took our release just now",
    DifferenceReason.OTHER_STREAM: "suppressed here in a stream that it is not told of",
    DifferenceReason.NOT_RELEASED: "told from here and not released here",
    DifferenceReason.LISTED_AT_ANOTHER_TIME: "not from here: it was listed at another time",
    DifferenceReason.RELEASE_NOT_TAKEN: "released here, which it did not take",
}


def difference(it: Cause) -> str:
    return f"{_SENTENCES[it.why]}: {it.answer}" if it.answer else _SENTENCES[it.why]
