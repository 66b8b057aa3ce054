"""What is wrong, in one line of English."""

from bounce_watcher.model.faults import ErrorRaised, Fault, FilingBlocked, NotAccepted
from bounce_watcher.words import obstacles


def describe(fault: Fault) -> str:
    """Describes what is wrong in one line, with its fix at the end if there is one."""
    match fault:
        case ErrorRaised(_, problem, fix, about):
            return "; ".join(filter(None, (f"{about}: {problem}" if about else problem, fix)))
        case NotAccepted(_, answer):
            return answer
        case FilingBlocked(about, found):
            return obstacles.told(about, found)
