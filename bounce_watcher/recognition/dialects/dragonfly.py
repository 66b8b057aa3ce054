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

from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers
from bounce_watcher.parsing.smtp_reply import read_stage
from bounce_watcher.recognition.prose import finding, notice_of
from bounce_watcher.recognition.recognizer import Recognition, recognised

NAME = "dragonfly"

_ADDRESS = re.compile(r"There was an error delivering your mail to <([^<>\n]{1,320})>\.?")
_ANSWER = re.compile(r"^(\S{1,250}) \[[^\]\n]{1,50}\] (did not like our [A-Za-z ]{1,20}):\n", re.MULTILINE)


def recognise(message: ParsedMessage) -> Recognition | None:
    """Takes the address from the one sentence, and all that follows it as the reason.

    The reason is the host's reply, if the text shows it with the host and the command that it answered.
    """
    notice = notice_of(message)
    match = _ADDRESS.search(notice)
    address = first_address(match[1]) if match else None
    if match is None or address is None:
        return None
    told = notice[match.end() :]
    answer = _ANSWER.search(told)
    found = finding(NAME, address, told[answer.end() :] if answer else told)
    if answer:
        found = replace(found, report=replace(found.report, remote_mta=answer[1], stage=read_stage(answer[2])))
    return recognised([found], original_headers(message))
