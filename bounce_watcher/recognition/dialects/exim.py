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
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from bounce_watcher.model.address import MailAddress, ProseAddress, address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Finding, Kind
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.address_fields import read_addresses
from bounce_watcher.parsing.delivery_status import MAX_RECIPIENTS
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import only_addressee, original_headers, sent_message
from bounce_watcher.recognition.notices.grammar import accused_addresses
from bounce_watcher.recognition.prose import MAX_WORDS, action_told, finding, notice_of, reported, words_beside
from bounce_watcher.recognition.recognizer import Recognition, each_once, kind_of

NAME = "exim"

_LOCAL_DELIVERY = re.compile(r"^[ \t]{2}((?:pipe to \||save to /)[^\n]*)(?:\n {4}[^\n]*){0,20}", re.MULTILINE)
_KINDS = {Action.FAILED: Kind.BOUNCE, Action.DELAYED: Kind.DELAY}
_DELIVERIES = 50
"""How many programs and files of one notice are read."""
_ABOVE = 500  # how many characters above "(generated from …)" are read: one line
_LISTS_ALL = "x-sending-zone"
"""ZoneMTA writes this field, and Exim's field with all recipients of the mail, failed or not."""


def recognise(message: ParsedMessage) -> Recognition | None:
    """Reads the addresses of X-Failed-Recipients that the text names too; all of them if it names none.

    Exim folds the field and repeats it after fifty addresses.
    """
    fields = message.headers.get_all_as_written("x-failed-recipients")
    read = [read_addresses(field) for field in fields]
    listed = [mailbox for mailboxes in read for mailbox in mailboxes or () if mailbox][:MAX_RECIPIENTS]
    unreadable = tuple(field for field, found in zip(fields, read, strict=True) if found is None or None in found)
    if not (listed or unreadable) or _LISTS_ALL in message.headers:
        return None
    accused = {address_key(each) for each in accused_addresses(message)}
    addresses = [each for each in listed if address_key(each) in accused] or listed
    notice = notice_of(message)
    action = action_told(message, notice)
    only = notice if len(addresses) == 1 else ""
    original = original_headers(message)
    addressee = only_addressee(original)
    findings = each_once(
        _finding(address, words_on(notice, address) or only, action, addressee) for address in addresses
    )
    kind = kind_of(findings) if findings else _KINDS[action]
    return Recognition(kind, findings, sent_message(original), unreadable=unreadable)


def _finding(address: MailAddress, words: str, action: Action, addressee: MailAddress | None) -> Finding:
    """Returns the finding on one address.

    In old versions the field holds the address that an alias led to; the one that was mailed is in the text. If the
    original was addressed to that one alone, the finding is more than prose.
    """
    in_field = reported(NAME, address, words, action)
    in_text = finding(NAME, ProseAddress(address), words, action)
    mailed = in_text.report.original_recipient
    if mailed is None or address_key(mailed) == address_key(address):
        return in_field
    if addressee is None or address_key(mailed) != address_key(addressee):
        return in_text
    return replace(in_field, report=replace(in_field.report, original_recipient=addressee))


def generated_from(notice: str, mailed: str) -> ProseAddress | None:
    """Returns the address that an alias led to from `mailed`, above "(generated from …)"; None = no alias is named."""
    at = notice.find(f"generated from {mailed})")
    if at < 0:
        return None
    above = notice[max(0, at - _ABOVE) : at].rpartition("\n")[0]
    last = find_addresses(above[above.rstrip().rfind("\n") + 1 :])
    return last[-1] if last else None


def words_on(notice: str, address: str) -> str:
    """Returns what Exim tells people about one address: the words beside it.

    If the address was delivered to a program or a file, returns its line and the output, which is further down below
    the same line between dashes.
    """
    for entry, words in _local_deliveries(notice):
        if address in entry:
            return words
    return words_beside(notice, address)


@lru_cache(maxsize=1)  # each recipient of a report needs them
def _local_deliveries(notice: str) -> tuple[tuple[str, str], ...]:
    """Returns the lines of programs and files with the addresses below them, and everything said about each."""
    return tuple(
        (found[0], _with_output(notice, found)) for found in islice(_LOCAL_DELIVERY.finditer(notice), _DELIVERIES)
    )


def _with_output(notice: str, found: re.Match[str]) -> str:
    heading = notice.find(f"------ {found[1]}", found.end())
    output = notice[heading:].partition("------\n")[2] if heading >= 0 else ""
    return f"{found[0]}\n{output.partition('------ ')[0][:MAX_WORDS]}"
