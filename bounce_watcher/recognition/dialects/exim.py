"""Exim before 4.83 and its heirs (cPanel, Mail.ru, GMX, old Gmail): text alone, the addresses in a header field.

X-Failed-Recipients: user@example.org

This message was created automatically by mail delivery software.
A message that you sent could not be delivered to one or more of its recipients. …

  user@example.org
    SMTP error from remote mail server after RCPT TO:<user@example.org>:
    host mx.example.org [192.0.2.1]: 550 5.1.1 User unknown

------ This is a copy of the message, including all the headers. ------
"""

import re
from functools import lru_cache
from itertools import islice

from bounce_watcher.model.address import address_key
from bounce_watcher.model.finding import Evidence
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from bounce_watcher.recognition.merging import each_once, kind_of
from bounce_watcher.recognition.notices.grammar import accused_addresses
from bounce_watcher.recognition.prose import MAX_TEXT, MAX_WORDS, action_told, finding, words_beside
from bounce_watcher.recognition.recognizer import Recognition

NAME = "exim"

_LOCAL_DELIVERY = re.compile(r"^[ \t]{2}((?:pipe to \||save to /)[^\n]*)(?:\n {4}[^\n]*){0,20}", re.MULTILINE)
_DELIVERIES = 50
"""Programs and files of one notice that are looked at."""
_ABOVE = 500
"""Characters above "(generated from …)" that are looked at: one line."""
_LISTS_ALL = "x-sending-zone"
"""ZoneMTA writes this field, and the same as Exim's with all recipients of the mail, failed or not."""


def recognise(message: ParsedMessage) -> Recognition | None:
    """All addresses of X-Failed-Recipients, which Exim folds and repeats every fifty, but for those not in the text."""
    fields = message.headers.get_all("x-failed-recipients")
    listed = find_addresses(",".join(fields), 1_000)
    if not listed or _LISTS_ALL in message.headers:
        return None
    accused = {address_key(each) for each in accused_addresses(message)}
    addresses = [each for each in listed if address_key(each) in accused] or listed
    notice = split_text(message.text[:MAX_TEXT])[0]
    action = action_told(message, notice)
    only = notice if len(addresses) == 1 else ""
    findings = each_once(
        finding(NAME, "1", address, words_on(notice, address) or only, action, Evidence.REPORT) for address in addresses
    )
    return Recognition(kind_of(findings), findings, sent_message(original_headers(message)))


def generated_from(notice: str, mailed: str) -> str | None:
    """The address that an alias made of `mailed`: it stands above "(generated from …)". None = no alias is told."""
    at = notice.find(f"generated from {mailed})")
    if at < 0:
        return None
    above = notice[max(0, at - _ABOVE) : at].rpartition("\n")[0]
    last = find_addresses(above[above.rstrip().rfind("\n") + 1 :])
    return last[-1] if last else None


def words_on(notice: str, address: str) -> str:
    """What Exim tells people of one address: what stands beside it.

    Of a program or a file that the address was delivered to: its line, and what came of it, which is told further down
    below the same line between dashes.
    """
    for entry, words in _local_deliveries(notice):
        if address in entry:
            return words
    return words_beside(notice, address)


@lru_cache(maxsize=1)  # each recipient of a report asks for them
def _local_deliveries(notice: str) -> tuple[tuple[str, str], ...]:
    """Lines of programs and files with the addresses below them, and all that is said of each."""
    return tuple(
        (found[0], _with_output(notice, found)) for found in islice(_LOCAL_DELIVERY.finditer(notice), _DELIVERIES)
    )


def _with_output(notice: str, found: re.Match[str]) -> str:
    heading = notice.find(f"------ {found[1]}", found.end())
    output = notice[heading:].partition("------\n")[2] if heading >= 0 else ""
    return f"{found[0]}\n{output.partition('------ ')[0][:MAX_WORDS]}"
