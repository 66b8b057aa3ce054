"""Samples on disk, and an analysis as the text that is kept beside each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bounce_watcher.model.finding import Analysis, RecipientVerdict

ROOT = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Sample:
    """One folder: `message.eml` as it came, `expected.toml` what it says, `README` where the form comes from."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.relative_to(ROOT).as_posix()

    @property
    def content(self) -> bytes:
        return (self.folder / "message.eml").read_bytes()

    @property
    def expectation(self) -> Path:
        return self.folder / "expected.toml"


def samples() -> list[Sample]:
    """Every sample: a folder named NNNN-… below that of its mail system."""
    return [Sample(folder) for folder in sorted(ROOT.glob("*/[0-9][0-9][0-9][0-9]-*"))]


def as_toml(analysis: Analysis) -> str:
    """An analysis as TOML; what is None stands out by absence."""
    sent = analysis.sent
    head = {"kind": analysis.kind, "feedback_type": analysis.feedback_type}
    told = {"message_id": sent.message_id, "from": sent.sender, "subject": sent.subject}
    tables = [_lines(head)]
    if any(told.values()):
        tables.append("[sent]\n" + _lines(told))
    tables += ["[[recipient]]\n" + _lines(_recipient(each)) for each in analysis.recipients]
    return "\n".join(tables)


def _recipient(judged: RecipientVerdict) -> dict[str, object]:
    finding, verdict = judged.finding, judged.verdict
    report = finding.report
    return {
        "recipient": report.recipient,
        "final_recipient": report.final_recipient if report.final_recipient != report.recipient else None,
        "action": report.action,
        "status": report.status,
        "diagnostic_type": report.diagnostic_type,
        "diagnostic": report.diagnostic_code,
        "remote_mta": report.remote_mta,
        "reporting_mta": finding.reporting_mta,
        "recognizer": finding.provenance.recognizer,
        "part": finding.provenance.part,
        "evidence": judged.attribution.evidence,
        "bounce_type": verdict.bounce_type if verdict else None,
        "reason": verdict.reason if verdict else None,
    }


def _lines(values: Mapping[str, object]) -> str:
    return "".join(
        f"{key} = {json.dumps(str(value), ensure_ascii=False)}\n" for key, value in values.items() if value is not None
    )
