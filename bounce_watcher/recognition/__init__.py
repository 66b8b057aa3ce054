"""Who failed, and in whose words: the recognizers in the order in which they are asked."""

from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.recognition import arf, automatic, flufl, standard
from bounce_watcher.recognition.dialects import dragonfly, exchange, exim, opensmtpd, qmail
from bounce_watcher.recognition.recognizer import Recognition, Recognizer

RECOGNIZERS: tuple[Recognizer, ...] = (
    automatic.challenge,
    standard.recognise,
    arf.recognise,
    automatic.disposition,
    exim.recognise,
    qmail.recognise,
    dragonfly.recognise,
    opensmtpd.recognise,
    exchange.recognise,
    automatic.answer,
    flufl.recognise,
)
"""Machine-readable reports first, then the prose of known systems, then automatic mail, then the last resort."""


def recognise(message: ParsedMessage) -> Recognition:
    """What the message is. Total: mail that nobody knows is Kind.OTHER."""
    for recognizer in RECOGNIZERS:
        recognition = recognizer(message)
        if recognition is not None:
            return recognition
    return Recognition(Kind.OTHER)
