"""The program `bounce-watcher`: runs a command line, and says on one line what went wrong.

Exit status: 0 done, 1 the work failed, 2 wrong usage or configuration, 130 interrupted.

Worker processes import this module again, so the commands are imported in `main` only.
"""

import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Sequence

from bounce_watcher.cli.framework.output import ReaderGoneError, WrongUsage, complain
from bounce_watcher.model.errors import BounceWatcherError, ConfigError
from bounce_watcher.model.schema import SchemaMismatch
from bounce_watcher.words import differences

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130

OBJECTS_BETWEEN_COLLECTIONS = 10_000
"""Python's own 700 lets a small command search for garbage a hundred times while it imports what stays anyway."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns the exit status."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    from bounce_watcher.cli.commands import run
    from bounce_watcher.cli.framework.options import Invocation

    given = list(sys.argv[1:] if arguments is None else arguments)
    invocation = Invocation()
    try:
        status = run(given or ["--help"], invocation)
        sys.stdout.flush()
        return status
    except (ReaderGoneError, BrokenPipeError):
        with contextlib.suppress(OSError, ValueError):  # an open file for the interpreter's last flush
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if invocation.debug:
            traceback.print_exc()
        return _explain(error)


def _explain(error: Exception) -> int:
    """Prints one line per problem. Returns the exit status."""
    if isinstance(error, ConfigError):
        for problem in error.problems:
            complain(f"{error.source}: {problem}")
        return WRONG_USAGE
    if isinstance(error, SchemaMismatch):
        for each in error.differences:
            complain(differences.told(each))
    if isinstance(error, BounceWatcherError):
        complain(str(error))
        return WRONG_USAGE if isinstance(error, WrongUsage) else FAILED
    if type(error).__name__ == "Abort":
        return INTERRUPTED
    if hasattr(error, "format_message"):  # the command line library's usage errors have it
        context = getattr(error, "ctx", None)
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        complain(f"{message}; see: {context.command_path if context else 'bounce-watcher'} --help")
        return WRONG_USAGE
    if isinstance(error, OSError):
        name = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        complain(f"{name}{error.strerror or error}")
    else:
        complain(f"internal error: {type(error).__name__}: {error}; run it again with --debug and report the output")
    return FAILED
