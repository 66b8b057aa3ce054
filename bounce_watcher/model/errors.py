"""What can go wrong, told apart by what the caller should do about it."""


class BounceWatcherError(Exception):
    """Base of all errors of ours. `str()` is one line: what is wrong, with what, and the mend."""


class TemporaryFailure(BounceWatcherError):
    """The same call may succeed later: a server away, a time-out, a lock. Nothing was lost; try again."""


class PermanentFailure(BounceWatcherError):
    """The same call will fail again until a person changes something: a refused log-in, a missing schema."""


class ConfigError(BounceWatcherError):
    """A configuration that must not be used.

    `problems` holds every fault found, one line each: the key, what is wrong, the mend.
    """

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("; ".join(f"{source}: {problem}" for problem in problems))
