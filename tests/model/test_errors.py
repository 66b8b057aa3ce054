"""What is wrong, with what, and the fix are fields of an error: nobody takes its text apart."""

import copy
import pickle

import pytest

from bounce_watcher.intake.imap.connection import LoginRefused
from bounce_watcher.model.about import LEDGER, About, AboutKind
from bounce_watcher.model.errors import Advice, BounceWatcherError, ConfigError, PermanentFailure, TemporaryFailure

RETURNS = About(AboutKind.MAILBOX, "returns")


@pytest.mark.parametrize(("error", "text", "headline"), [
    (TemporaryFailure("no answer; none at all"), "no answer; none at all", "no answer; none at all"),
    (PermanentFailure("no schema", "upgrade", about=LEDGER), "ledger: no schema; upgrade", "ledger: no schema"),
    (LoginRefused("refused", Advice.CREDENTIALS, about=RETURNS, is_for_password=True),
     "mailbox returns: refused; check username and password",
     "mailbox returns: refused"),
    (ConfigError("a.toml", ("x: bad", "y: worse")), "a.toml: x: bad; a.toml: y: worse",
     "a.toml: x: bad; a.toml: y: worse"),
])
def test_an_error_tells_all_in_one_line_and_keeps_it_in_copies(
    error: BounceWatcherError, text: str, headline: str
) -> None:
    for it in (error, copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert (str(it), it.headline) == (text, headline)
        assert (type(it), vars(it)) == (type(error), vars(error))
