"""Ways in which a message is damaged before it is read: each takes a message (LF) and yields what is left of it.

None changes a letter of an address or a word of a reply: it is the structure around them that is damaged or lost.
"""

import re
from collections.abc import Callable, Iterator

Damage = Callable[[bytes], Iterator[bytes]]

HUGE = b"X-Huge: " + b"y" * 100_000 + b"\n"
NOISE = b"X-Noise: \xe4\xf6\xfc \xff\xfe\x00\x80\n\xc3\x28\xa0 no field at all \x1b\n"
STRUCTURE = re.compile(rb"^(?:--[^->\s]|content-)[^\n]*$", re.MULTILINE | re.IGNORECASE)
STRUCTURE_LINE = re.compile(rb"--[^->\s]|[A-Za-z]+(?:-[A-Za-z]+)+:|(?:Action|Status|From|To|Subject|Date):|[ \t]*$")
TYPE = re.compile(rb"(?<=^content-type:)[^\n;]*", re.MULTILINE | re.IGNORECASE)
ENCODING = re.compile(rb"(?<=^content-transfer-encoding:)[^\n]*", re.MULTILINE | re.IGNORECASE)
BOUNDARY = re.compile(rb';?\s*boundary="?([^"\n;]+)"?', re.IGNORECASE)
OTHER_TYPES = (
    b"", b" text/plain", b" text/html", b" application/octet-stream", b" multipart/mixed", b" message/rfc822", b" ;;",
)  # fmt: skip
MIDDLES = 40
"""Cuts amid a line, besides one at each line's end."""


def line_ends(content: bytes) -> Iterator[bytes]:
    yield content.replace(b"\n", b"\r\n")
    yield content.replace(b"\n", b"\r")
    lines = content.split(b"\n")
    ends = [(b"\n", b"\r\n", b"\r")[place % 3] for place in range(len(lines))]
    # A CR before an empty line would be one end together with that line's LF.
    ends = [b"\r\n" if end == b"\r" and not line else end for end, line in zip(ends, lines[1:], strict=False)]
    yield b"".join(line + end for line, end in zip(lines, [*ends, b""], strict=True))


def cuts(content: bytes) -> Iterator[bytes]:
    """At each line's end, before and behind the line feed, and at places between."""
    ends = [match.start() for match in re.finditer(rb"\n", content)]
    middles = range(1, len(content), max(len(content) // MIDDLES, 1))
    for length in sorted({*ends, *(end + 1 for end in ends), *middles}):
        yield content[:length]


def lost_header_lines(content: bytes) -> Iterator[bytes]:
    """Each line of the header in turn, the blank one below it too."""
    lines = content.split(b"\n")
    for place in range(lines.index(b"") + 1):
        yield b"\n".join(lines[:place] + lines[place + 1 :])


def lost_lines(content: bytes) -> Iterator[bytes]:
    """Each line of structure below the header in turn: boundaries, blank lines, fields of parts and of reports."""
    lines = content.split(b"\n")
    for place in filter(lambda place: STRUCTURE_LINE.match(lines[place]), range(lines.index(b"") + 1, len(lines))):
        yield b"\n".join(lines[:place] + lines[place + 1 :])


def doubled_lines(content: bytes) -> Iterator[bytes]:
    lines = content.split(b"\n")
    for place in filter(lambda place: STRUCTURE_LINE.match(lines[place]), range(len(lines))):
        yield b"\n".join(lines[: place + 1] + lines[place:])


def boundaries(content: bytes) -> Iterator[bytes]:
    """The parameter gone, other than the lines, or empty; the lines gone, the closing one gone, all of them blank."""
    for found in BOUNDARY.finditer(content):
        before, behind = content[: found.start()], content[found.end() :]
        yield before + behind
        yield before + b'; boundary="elsewhere"' + behind
        yield before + b'; boundary=""' + behind
        line = b"--" + found[1]
        yield content.replace(b"\n" + line + b"--", b"")
        yield content.replace(b"\n" + line, b"\n")
        yield content.replace(b"\n" + line, b"\n " + line)
        yield content.replace(b"\n" + line, b"\n" + line + b"x")
        yield content.replace(b"\n" + line + b"\n", b"\n" + line + b"--\n")


def types(content: bytes) -> Iterator[bytes]:
    """Each Content-Type in turn is another one."""
    for found in TYPE.finditer(content):
        for other in OTHER_TYPES:
            yield content[: found.start()] + other + content[found.end() :]


def encodings(content: bytes) -> Iterator[bytes]:
    """Each Content-Transfer-Encoding in turn is another one, and all parts have one that is not theirs."""
    for found in ENCODING.finditer(content):
        for other in (b"", b" base64", b" quoted-printable", b" x-uuencode", b" 8bit", b" x-none"):
            yield content[: found.start()] + other + content[found.end() :]
    for other in (b"base64", b"quoted-printable", b"x-uuencode"):
        yield re.sub(rb"(?im)^(content-type:)", b"Content-Transfer-Encoding: " + other + rb"\n\1", content)


def flips(content: bytes) -> Iterator[bytes]:
    """One byte of each line of structure is another one."""
    for found in STRUCTURE.finditer(content):
        for place in range(found.start(), found.end(), 3):
            yield content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]


def noise(content: bytes) -> Iterator[bytes]:
    """Fields of 8 bits, NUL and a giant one, in front of the header, at its end, and in every part."""
    for added in (HUGE, NOISE, b"\0\0\0\n", b"\x80" * 80 + b"\n"):
        yield added + content
        yield content.replace(b"\n\n", b"\n" + added + b"\n", 1)
        yield re.sub(rb"(?im)^content-type:", lambda found, added=added: added + found[0], content)  # type: ignore[misc]
    yield content.replace(b"\n\n", b"\n\0\n")
    yield content.replace(b"\n", b"\0\n")
    yield content.replace(b" ", b"\0")
    header, blank, body = content.partition(b"\n\n")
    yield header.replace(b": ", b":") + blank + body
    yield content.replace(b"\n\n", b"\n \n")
    yield content.replace(b"\n\n", b"\n\n\n")
    yield content.replace(b"\n\n", b"\n")
    yield b"\n" + content
    yield b"From MAILER-DAEMON Mon Mar  2 09:00:00 2026\n" + content
    yield b"\xef\xbb\xbf" + content
    yield content.replace(b"--", b"==")
    yield content.replace(b":", b"")
    yield content[::-1]
    yield bytes(byte | 0x80 for byte in content)


def parts(content: bytes) -> Iterator[bytes]:
    """Each part of the outermost multipart in turn is gone, comes twice, or comes last."""
    found = BOUNDARY.search(content)
    if found is None:
        return
    line = b"\n--" + found[1]
    head, *pieces = content.split(line)
    for place in range(len(pieces) - 1):
        others = pieces[:place] + pieces[place + 1 :]
        yield line.join([head, *others])
        yield line.join([head, *pieces[: place + 1], *pieces[place:]])
        yield line.join([head, *others[:-1], pieces[place], others[-1]])


DAMAGES: dict[str, Damage] = {
    damage.__name__: damage
    for damage in (
        cuts,
        lost_header_lines,
        lost_lines,
        doubled_lines,
        boundaries,
        types,
        encodings,
        flips,
        noise,
        parts,
    )
}
