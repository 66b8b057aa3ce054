"""The JSON Schema of grounds, which ships as `grounds.schema.json`.

After a change of the grounds: `python -m bounce_watcher.words.schema > bounce_watcher/words/grounds.schema.json`.

Each field name is described once: a name means the same thing everywhere.
"""

import json
import sys
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from bounce_watcher.model.grounds import Alarm, Grounds
from bounce_watcher.model.grounds_json import SUBJECT

PLACE = "grounds.schema.json"

FIELDS: Mapping[str, str] = {
    "action": "what the report says that became of the mail (RFC 3464 section 2.3.3)",
    "alarm_from": "from how many on the alarm is raised",
    "asked": "the weakest evidence that the policy counts",
    "at": "when: of a report, of what counted before, or of what ended it",
    "blocked": "how many mails were refused since `since`",
    "by": "what holds it: an outage, or that too many unproven reports passed",
    "cap": "the key in [policy.flood] that is exceeded",
    "cause": "why it was released",
    "confirming": "why a report does not suppress alone: weak words, or a forwarded mail; null if no report needs it",
    "confirms": "true where a person put in force what was held",
    "count": "how many: reports within the window, notices, or others like it",
    "counted": "how many reports count",
    "dates": "the days (UTC) of the reports that count, each once, in order",
    "day": "the date that a token bears",
    "days_needed": "on how many different days reports are needed",
    "domain": "a domain: of recipients, or of whom the report is not from",
    "doubt": "why the report is forged or mixed up",
    "due": "how many notices wait",
    "ended_at": "when the suppression before ended",
    "evidence": "how far the report is proven",
    "fault": "what is wrong with the mailbox",
    "feedback_type": "the type of a feedback report (RFC 5965 section 3.1)",
    "held": "true where the suppression is held, not in force",
    "ip": "our sending host, as the reply names it",
    "kind": "which sort of grounds, of subject or of doubt this is; the other fields follow from it",
    "label": "the kind and the name of a target",
    "limit": "how many may pass",
    "longest_hours": "the longest usual pause",
    "mailbox": "the name of a mailbox in the configuration",
    "name": "the provider's domain, the words without what differs, or the name in the configuration",
    "needed": "how many reports are needed",
    "note": "what a person typed",
    "on": "the grounds that these stand on",
    "outage": "the outage in which it was reported",
    "place": "where the token was: in the return path, or in the mail that came back (signature)",
    "provider": "the domain of the organisation that takes the mail",
    "reason": "a reason of the taxonomy, or \"complaint\"; of a platform its own word",
    "reasons": "the reasons of the reports that count, each once",
    "reports": "how many reports of any kind the provider sent since `since`",
    "result": "the word of the Authentication-Results field (RFC 8601)",
    "rule": "the rule by which the words were understood",
    "scene": "which reports a person struck out",
    "sent": "how many mails the platform says that it sent there since the day of `since`; 0 = unknown",
    "since": "since when",
    "source": "the host or network that reports",
    "span_days": "days between the first and the last report",
    "span_needed": "how many days must lie between them; 0 = any",
    "subject": "what it is about",
    "target": "the name of a webhook, platform or notifier",
    "until": "until when; absent = for good",
    "usual": "what is usual",
    "why": "why a report does not count",
    "window_days": "within how many days all of it must lie",
    "within_hours": "the length of the window",
    "wording": "words of a reply, without what differs by recipient and time",
}


def schema() -> dict[str, Any]:
    """Returns the schema of one `grounds` object, with the `about` of an alert among its definitions."""
    told_apart: TypeAdapter[Any] = TypeAdapter(Annotated[Grounds | Alarm, Field(discriminator="kind")])
    document = told_apart.json_schema(mode="serialization", ref_template="#/$defs/{model}")
    document["$defs"].update(SUBJECT.adapter.json_schema(mode="serialization").get("$defs", {}))
    for described in document["$defs"].values():
        for name, each in described.get("properties", {}).items():
            each["description"] = FIELDS[name]
            each.pop("title", None)
            if "const" in each:  # the field that tells the kinds apart
                described["required"] = [name, *described.get("required", ())]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Grounds",
        "description": "Why something is as it is. Fields that are not set are left out; times are in UTC.", **document,
    }


def text() -> str:
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def shipped() -> str:
    """Returns the schema file in the package."""
    return (files("bounce_watcher.words") / PLACE).read_text("utf-8")


if __name__ == "__main__":
    sys.stdout.write(text())
