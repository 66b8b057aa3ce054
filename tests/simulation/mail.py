"""The model's reports as mail, written where they are analysed: in another process, for it takes as long."""

from collections.abc import Sequence
from dataclasses import dataclass

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.message import RawMessage
from bounce_watcher.service.analysis.worker import Analysed, analyse_all
from tests.simulation.letters import RETURNS, Letter, Writer, write
from tests.simulation.model import Origin, Report


@dataclass(frozen=True, slots=True)
class Mailed:
    """A report, and of which stream the mail was that it is about."""

    report: Report
    stream: str
    settings: AttributionSettings

    def content(self) -> bytes:
        report, recipient = self.report, self.report.recipient
        is_told = recipient.provider.writer is Writer.POSTFIX or report.origin is Origin.OTHERS_TOKEN
        has_original = is_told and report.origin is not Origin.FORWARDED_TOKEN
        letter = Letter(
            number=report.number, mail=report.mail, at=report.at, path=self._return_path(),
            recipient=recipient.address, original=recipient.address if has_original else None, reply=report.reply,
        )
        return write(letter, report.kind, recipient.provider.writer)

    def _return_path(self) -> str:
        report = self.report
        if not self.settings.token_keys or report.origin is Origin.NO_TOKEN:
            return RETURNS
        path = make_return_path(self.settings, report.holder.address, self.stream, f"n{report.day or 0}")
        return _damaged(path) if report.origin is Origin.DAMAGED_TOKEN else path


@dataclass(frozen=True, slots=True)
class Unwritten(RawMessage):
    """A message that has no content yet, but what it is to be written of."""

    mailed: Mailed | None = None

    def written(self) -> RawMessage:
        assert self.mailed is not None
        return RawMessage(self.source, self.mailed.content(), self.received_at, self.mailbox, self.stream)


def write_and_analyse(page: Sequence[RawMessage]) -> list[Analysed]:
    """What a worker of the analyser does here instead of `analyse_all`."""
    return analyse_all([raw.written() if isinstance(raw, Unwritten) else raw for raw in page])


def _damaged(path: str) -> str:
    """Another letter in the middle of the signature."""
    at = path.index("+") + 6
    return f"{path[:at]}{'b' if path[at] == 'a' else 'a'}{path[at + 1 :]}"
