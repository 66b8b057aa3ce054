"""DragonFly Mail Agent (dma), the light client of BSD and Debian: one recipient per mail, only text.

    This is the DragonFly Mail Agent v0.13 at host.example.org.

    There was an error delivering your mail to <user@example.org>.

    mx.example.org [192.0.2.1] did not like our RCPT TO:
    550 5.1.1 User unknown

    Original message follows.

or, in place of the host's words, "Could not deliver for the last 432000 seconds. Giving up." The message itself follows
either this line or "Message headers follow."
"""

import re
from dataclasses import replace

from bounce_watcher.model.address import ProseAddress
from bounce_watcher.model.finding import Finding
from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from bounce_watcher.parsing.smtp_reply import read_stage
from bounce_watcher.recognition.merging import kind_of
from bounce_watcher.recognition.prose import MAX_TEXT, finding
from bounce_watcher.recognition.recognizer import Recognition

NAME = "dragonfly"

_ADDRESS = re.compile(r"There was an error delivering your mail to <([^<>\n]{1,320})>\.?")
_ANSWER = re.compile(r"^(\S{1,250}) \[[^\]\n]{1,50}\] (did not like our [A-Za-z ]{1,20}):\n", re.MULTILINE)


def recognise(message: ParsedMessage) -> Recognition | None:
    """Takes the address from the one sentence, and all that follows it as the reason."""
    notice = split_text(message.text[:MAX_TEXT])[0]
    match = _ADDRESS.search(notice)
    address = first_address(match[1]) if match else None
    if match is None or address is None:
        return None
    findings = (_finding(address, notice[match.end() :]),)
    return Recognition(kind_of(findings), findings, sent_message(original_headers(message)))


def _finding(address: ProseAddress, told: str) -> Finding:
    """Returns the finding, with the host's reply, the host and the command that it answered if the text shows them."""
    answer = _ANSWER.search(told)
    if answer is None:
        return finding(NAME, "1", address, told)
    found = finding(NAME, "1", address, told[answer.end() :])
    return replace(found, report=replace(found.report, remote_mta=answer[1], stage=read_stage(answer[2])))
