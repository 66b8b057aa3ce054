"""Messages from files: .eml, folders, Maildir, mbox, standard input."""

import contextlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from bounce_watcher.logs import log
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.message import RawMessage
from bounce_watcher.parsing.dates import parse_date
from bounce_watcher.parsing.headers import Headers

STDIN = "-"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The names of other files in a Maildir, beside its messages (Dovecot, Courier, maildrop).
_MAILDIR_OWN = ("dovecot", "subscriptions", "maildirfolder", "maildirsize", "courier", "sieve", ".")

MARK = b"From "
"""A file that begins with this counts as an mbox."""

LINE = 64 * 1024
"""The most bytes of an mbox's line that are read at once; a longer line comes in pieces."""

HEAD_BYTES = 64 * 1024
"""How much of a header is searched for the time of arrival, in bytes."""

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""An earlier date comes from a broken clock: it is before the first mail standards."""

_ENVELOPE_LINE = re.compile(rb"From \S*\r?\n|From .{0,300}?\d\d?:\d\d")
_QUOTED = re.compile(rb">+From ")


@dataclass(frozen=True, slots=True)
class _File:
    """A file to read. `may_be_mbox`: it is an mbox if it begins like one. `is_regular`: it can be opened again."""

    source: str
    open: Callable[[], AbstractContextManager[BinaryIO]]
    may_be_mbox: bool = True
    is_regular: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of a stream. `offset` is where it begins. `content` may be cut; `size` is of the whole, in bytes."""

    offset: int
    content: bytes
    size: int


def read_messages(paths: Sequence[str | Path], *, max_message_bytes: int, stdin: BinaryIO) -> Iterator[RawMessage]:
    """Returns every message of every path, in the order of the paths; "-" is `stdin`.

    Reads all files below a folder, sorted. Holds one message at a time, and at most `max_message_bytes` of it. `source`
    is the path as given, or "box.mbox#3" for the third message of an mbox. A file that is named .eml or is in a Maildir
    is one message. Files that are no mail come too. A file that becomes unreadable is logged and left out. Raises
    PermanentFailure at once, naming a path that does not exist or is not readable.
    """
    _require(paths)
    return (raw for file in _files(paths, stdin) for _, raw in _messages(file, max_message_bytes))


def messages_by_time(paths: Sequence[str | Path], *, max_message_bytes: int, stdin: BinaryIO) -> Iterator[RawMessage]:
    """Returns the same messages in the order of `received_at`: topmost Received header, else Date, else the file time.

    Reads everything twice. Holds one message, and a few dozen bytes of each for the order.
    """
    _require(paths)
    return _in_order_of_time(paths, max_message_bytes, stdin)


def _in_order_of_time(paths: Sequence[str | Path], cap: int, stdin: BinaryIO) -> Iterator[RawMessage]:
    files: list[_File] = []
    index: list[tuple[datetime, int, int, str]] = []
    with ExitStack() as spools:
        for file in _files(paths, stdin):
            files.append(file if file.is_regular else _spooled(file, spools))
            found = _messages(files[-1], cap)
            index.extend((raw.received_at, len(files) - 1, offset, raw.source) for offset, raw in found)
        index.sort(key=lambda entry: entry[:3])
        for _, number, offset, source in index:
            yield from _message_at(files[number], offset, source, cap)


def _message_at(file: _File, offset: int, source: str, cap: int) -> Iterator[RawMessage]:
    try:
        with file.open() as stream:
            time = _time_of(stream)
            stream.seek(offset)
            piece = next(_pieces(stream, file.may_be_mbox, cap))[0]
            yield _raw(source, piece, time)
    except OSError as error:
        _left_out(file.source, error)


def _messages(file: _File, cap: int) -> Iterator[tuple[int, RawMessage]]:
    """Yields each message of a file with its offset in the file."""
    try:
        with file.open() as stream:
            time = _time_of(stream)
            for number, (piece, is_mbox) in enumerate(_pieces(stream, file.may_be_mbox, cap), 1):
                yield piece.offset, _raw(f"{file.source}#{number}" if is_mbox else file.source, piece, time)
    except OSError as error:
        _left_out(file.source, error)


def _pieces(stream: BinaryIO, may_be_mbox: bool, cap: int) -> Iterator[tuple[Piece, bool]]:
    first = stream.readline(LINE)
    if may_be_mbox and first.startswith(MARK):
        rest = iter(lambda: stream.readline(LINE), b"")
        return ((piece, True) for piece in split_mbox(chain([first], rest), cap))
    content = first[:cap] + stream.read(max(0, cap - len(first)))
    return iter([(Piece(0, content, max(len(first), len(content)) + _length_of_rest(stream)), False)])


def _length_of_rest(stream: BinaryIO) -> int:
    if stream.seekable():
        here = stream.tell()
        return stream.seek(0, os.SEEK_END) - here
    return sum(map(len, iter(lambda: stream.read(1 << 20), b"")))


def _raw(source: str, piece: Piece, time: datetime) -> RawMessage:
    return RawMessage(source, piece.content, arrival_time(piece.content, time), size=piece.size)


def _time_of(stream: BinaryIO) -> datetime:
    """Returns when the file was last written; for a stream without a file, a time that nobody takes for a real one."""
    try:
        return datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC)
    except (OSError, io.UnsupportedOperation, ValueError, OverflowError):
        return _EPOCH


def _spooled(file: _File, spools: ExitStack) -> _File:
    """Copies a pipe's content to a temporary file, so that it can be read twice."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the others
    spools.callback(spool.close)
    with file.open() as stream:
        shutil.copyfileobj(stream, spool)

    def reopen() -> AbstractContextManager[BinaryIO]:
        spool.seek(0)
        return contextlib.nullcontext(spool)

    return _File(file.source, reopen, file.may_be_mbox)


def split_mbox(lines: Iterable[bytes], cap: int) -> Iterator[Piece]:
    """Yields the messages of an mbox (RFC 4155), at most `cap` bytes of each; holds only one at a time.

    `lines` keep their ends and may be cut at LINE; the first one begins with MARK. Undoes the quoting of "From " at the
    beginning of a line (">From ", ">>From "). Leaves out the blank line before the next message.
    """
    content, start, size = bytearray(), 0, 0
    offset, blank, is_start = 0, b"", True
    for line in lines:
        if is_start and blank and _ENVELOPE_LINE.match(line):
            yield Piece(start, bytes(content), size)
            content, start, size, blank = bytearray(), offset, 0, b""
        elif offset:
            text, blank = blank, line if is_start and line in {b"\n", b"\r\n"} else b""
            if not blank:
                text += line[1:] if is_start and _QUOTED.match(line) else line
            size += len(text)
            content += text[: cap - len(content)]
        offset += len(line)
        is_start = line.endswith(b"\n")
    if offset:
        yield Piece(start, bytes(content), size)


def arrival_time(content: bytes, otherwise: datetime) -> datetime:
    """Returns the topmost Received header's date (RFC 5321 section 4.4: after the last ";").

    Without a usable one, returns that of the Date header, else `otherwise`.
    """
    head = content[:HEAD_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    headers = Headers(head.partition(b"\n\n")[0])
    for text in ((headers.get("received") or "").rpartition(";")[2], headers.get("date") or ""):
        date = parse_date(text.strip())
        with contextlib.suppress(OverflowError, ValueError):  # the year 1 or 9999 with a zone
            if date is not None and (date := date.astimezone(UTC)) >= EARLIEST:
                return date
    return otherwise


# Finding the files


def _require(paths: Sequence[str | Path]) -> None:
    for path in map(Path, paths):
        if str(path) == STDIN:
            continue
        if not path.exists():
            raise PermanentFailure(f"{path}: no such file or folder")
        if not os.access(path, os.R_OK):
            raise PermanentFailure(f"{path}: not readable", "check its permissions")


def _files(paths: Sequence[str | Path], stdin: BinaryIO) -> Iterator[_File]:
    for path in paths:
        if str(path) == STDIN:
            yield _File(STDIN, lambda: contextlib.nullcontext(stdin), is_regular=False)
        elif Path(path).is_dir():
            yield from _below(Path(path), str(path))
        else:
            yield _plain(Path(path), str(path))


def _plain(path: Path, source: str, may_be_mbox: bool = True) -> _File:
    shown = source.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    may_be_mbox = may_be_mbox and path.suffix.lower() != ".eml"  # some that come from an mbox keep its line "From …"
    return _File(shown, lambda: path.open("rb"), may_be_mbox, path.is_file())


def _below(top: Path, given: str) -> Iterator[_File]:
    """Yields all files below a folder, in the order of their paths; a Maildir's messages in the order of delivery."""
    pending = [top]
    while pending:
        path = pending.pop()
        if path != top and _is_no_mail(path):
            continue
        if not path.is_dir():
            yield _plain(path, _source_below(given, top, path))
        elif (path / "cur").is_dir() and (path / "new").is_dir():  # a Maildir
            for message in _maildir_messages(path):
                yield _plain(message, _source_below(given, top, message), may_be_mbox=False)
            pending.extend(reversed(_beside_messages(path)))
        else:
            pending.extend(reversed(_entries(path)))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        _left_out(str(folder), error)
        return []


def _maildir_messages(maildir: Path) -> list[Path]:
    found = [path for name in ("cur", "new") for path in _entries(maildir / name)
             if not path.name.startswith(".") and not _is_no_mail(path)]
    return sorted(found, key=lambda path: path.name.partition(":")[0])


def _beside_messages(maildir: Path) -> list[Path]:
    """Returns the subfolders of a Maildir, except `tmp`, which holds unfinished deliveries.

    Files beside the folders are no messages.
    """
    folders = []
    for path in _entries(maildir):
        if path.is_dir():
            folders += [path] if path.name not in {"cur", "new", "tmp"} else []
        elif not path.name.startswith(_MAILDIR_OWN):
            log.warning("file left out: it lies beside a Maildir's messages", action="file_left_out", file=str(path))
    return folders


def _is_no_mail(path: Path) -> bool:
    """Checks for a link to a folder, which may lead in circles, and for anything that is neither file nor folder."""
    if (path.is_dir() and not path.is_symlink()) or path.is_file():
        return False
    log.warning("left out: a link to a folder, or no file at all", action="file_left_out", file=str(path))
    return True


def _source_below(given: str, top: Path, path: Path) -> str:
    return f"{given.rstrip('/')}/{path.relative_to(top)}"


def _left_out(source: str, error: OSError) -> None:
    why = error.strerror or str(error)
    log.warning("file left out: it can't be read", action="file_left_out", file=source, why=why)
