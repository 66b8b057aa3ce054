import io
import os
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bounce_watcher.intake.files import arrival_time, messages_by_time, read_messages
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.message import RawMessage
from tests.families import for_each

SOME_TIME = datetime(2025, 5, 5, 5, 5, 5, tzinfo=UTC)
CAP = 1 << 20


def _mail(number: int, hour: int = 10) -> bytes:
    received = f"Received: from a.example\n\tby b.example; Mon, 05 Jan 2026 {hour:02}:00:00 +0000\n"
    return f"{received}Date: Mon, 05 Jan 2026 08:00:00 +0000\nSubject: {number}\n\nx\n".encode()


def _mbox(*contents: bytes) -> bytes:
    return b"".join(b"From MAILER-DAEMON Mon Jan  5 10:00:00 2026\n" + content + b"\n" for content in contents)


def _read(*paths: str | Path, stdin: bytes = b"", cap: int = CAP) -> list[RawMessage]:
    return list(read_messages(paths, max_message_bytes=cap, stdin=io.BytesIO(stdin)))


def _by_time(*paths: str | Path, stdin: bytes = b"") -> list[RawMessage]:
    return list(messages_by_time(paths, max_message_bytes=CAP, stdin=io.BytesIO(stdin)))


def _sources(messages: Iterable[RawMessage], root: Path) -> list[str]:
    return [message.source.removeprefix(f"{root}/") for message in messages]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_paths_come_in_the_order_given(here: Path) -> None:
    for name in ("b.eml", "a.eml"):
        (here / name).write_bytes(_mail(1))
    assert [message.source for message in _read("./b.eml", "a.eml", "./b.eml")] == ["./b.eml", "a.eml", "./b.eml"]


def test_a_message_is_what_the_file_holds(here: Path) -> None:
    (here / "a.eml").write_bytes(_mail(1))
    [message] = _read("a.eml")
    assert message == RawMessage("a.eml", _mail(1), datetime(2026, 1, 5, 10, tzinfo=UTC), size=len(_mail(1)))


def test_a_file_named_eml_is_one_message_whatever_it_begins_with(here: Path) -> None:
    content = _mbox(_mail(1), _mail(2))
    for name in ("a.eml", "B.EML", "box"):
        (here / name).write_bytes(content)
    for read in (_read, _by_time):
        assert [message.source for message in read("a.eml", "B.EML", "box")] == ["a.eml", "B.EML", "box#1", "box#2"]
    assert _read("a.eml")[0].content == content


def test_every_file_below_a_folder_comes_in_the_order_of_the_paths(here: Path) -> None:
    for name in ("z", "a/z", "a/b/c.eml", "a.eml", "a/.hidden", "b/tmp/x"):
        (here / "box" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "box" / name).write_bytes(_mail(1))
    expected = [str(path) for path in sorted(Path("box").rglob("*")) if path.is_file()]
    assert [message.source for message in _read("box/")] == expected
    assert len(expected) == 6


def test_a_maildir_gives_its_messages_in_the_order_of_delivery(here: Path) -> None:
    files = (
        "cur/1700000003.M1.host:2,S", "new/1700000002.M1.host", "new/1700000004.M1.host", "tmp/1700000001.M1.host",
        "dovecot-uidlist", "dovecot.index.log", "subscriptions", "new/.hidden",
        ".Sub/cur/1700000001.M1.host:2,", ".Sub/dovecot.index", ".Sub/maildirfolder",
    )
    for name in files:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(b"")
    for name in (".Sub/new", ".Sub/tmp"):
        (here / name).mkdir()
    assert _sources(_read(here), here) == [
        "new/1700000002.M1.host", "cur/1700000003.M1.host:2,S", "new/1700000004.M1.host",
        ".Sub/cur/1700000001.M1.host:2,",
    ]


def test_a_message_in_a_maildir_is_never_taken_for_an_mbox(here: Path) -> None:
    for name in ("cur", "new", "tmp"):
        (here / name).mkdir()
    (here / "new/1.host").write_bytes(_mbox(_mail(1), _mail(2)))
    [message] = _read(here)
    assert message.content == _mbox(_mail(1), _mail(2))


def test_what_is_passed_over_in_a_folder_is_told(here: Path) -> None:
    for name in ("cur", "new", "tmp"):
        (here / name).mkdir()
    (here / "lost.eml").write_bytes(_mail(1))
    os.mkfifo(here / "new/pipe")
    (here / "new/circle").symlink_to(here)
    with capture_logs() as told:
        assert _read(here) == []
    assert {Path(entry["file"]).name for entry in told} == {"lost.eml", "pipe", "circle"}


def test_the_messages_of_an_mbox_are_numbered_from_one(here: Path) -> None:
    (here / "box.mbox").write_bytes(_mbox(_mail(1), _mail(2), _mail(3)))
    messages = _read("box.mbox")
    assert [message.source for message in messages] == ["box.mbox#1", "box.mbox#2", "box.mbox#3"]
    assert [message.content for message in messages] == [_mail(1), _mail(2), _mail(3)]


def test_standard_input_is_a_message_or_an_mbox() -> None:
    assert [(each.source, each.content) for each in _read("-", stdin=_mail(1))] == [("-", _mail(1))]
    assert [each.source for each in _read("-", stdin=_mbox(_mail(1), _mail(2)))] == ["-#1", "-#2"]
    assert [each.source for each in _by_time("-", stdin=_mbox(_mail(1, 12), _mail(2, 11)))] == ["-#2", "-#1"]


@pytest.mark.parametrize("reader", [_read, _by_time])
def test_a_pipe_is_read_to_its_end(reader: object) -> None:
    assert callable(reader)
    read_end, write_end = os.pipe()
    os.write(write_end, _mbox(_mail(1, 12), _mail(2, 11)))
    os.close(write_end)
    try:
        assert len(reader(f"/dev/fd/{read_end}")) == 2
    finally:
        os.close(read_end)


@pytest.mark.parametrize("content", [b"", b"\0\xff" * 1000, b"\r\r\r", b"GIF89a", b"From", b"x" * 100_000])
def test_what_is_no_mail_comes_all_the_same(here: Path, content: bytes) -> None:
    (here / "file").write_bytes(content)
    assert [message.content for message in _read("file")] == [content]
    assert [message.content for message in _by_time("file")] == [content]


def test_a_giant_is_cut(here: Path) -> None:
    (here / "giant.eml").write_bytes(_mail(1) + b"x" * 1_000_000)
    for message in (*_read("giant.eml", cap=1000), *_read("-", stdin=_mail(1) + b"x" * 1_000_000, cap=1000)):
        assert len(message.content) == 1000
        assert message.size == len(_mail(1)) + 1_000_000
        assert message.is_truncated


def test_an_mbox_is_not_held_in_memory(here: Path) -> None:
    (here / "box").write_bytes(_mbox(*[_mail(number) + (b"x" * 1000 + b"\n") * 60 for number in range(100)]))
    tracemalloc.start()
    try:
        sizes = [message.size for message in read_messages(["box"], max_message_bytes=CAP, stdin=io.BytesIO())]
        sizes += [message.size for message in messages_by_time(["box"], max_message_bytes=CAP, stdin=io.BytesIO())]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(sizes) == 200
    assert peak < 1_000_000


@pytest.mark.parametrize("reader", [read_messages, messages_by_time])
def test_a_missing_path_is_named_before_anything_is_read(here: Path, reader: object) -> None:
    assert callable(reader)
    (here / "a.eml").write_bytes(_mail(1))
    with pytest.raises(PermanentFailure, match=r"^nowhere\.eml: no such file or folder$"):
        reader(["a.eml", "nowhere.eml"], max_message_bytes=CAP, stdin=io.BytesIO())


def test_a_file_that_goes_meanwhile_stops_nothing(here: Path) -> None:
    for name in ("a.eml", "b.eml", "c.eml"):
        (here / name).write_bytes(_mail(1))
    messages = read_messages(["."], max_message_bytes=CAP, stdin=io.BytesIO())
    assert next(messages).source == "./a.eml"
    (here / "b.eml").unlink()
    with capture_logs() as told:
        assert [message.source for message in messages] == ["./c.eml"]
    assert [Path(entry["file"]).name for entry in told] == ["b.eml"]


def test_by_time_orders_across_files_and_keeps_the_order_of_equals(here: Path) -> None:
    (here / "box").write_bytes(_mbox(_mail(1, 15), _mail(2, 11), _mail(3, 13)))
    (here / "a.eml").write_bytes(_mail(4, 12))
    (here / "b.eml").write_bytes(_mail(5, 11))
    messages = _by_time("a.eml", "box", "b.eml")
    assert [message.source for message in messages] == ["box#2", "b.eml", "a.eml", "box#3", "box#1"]
    expected = [_mail(2, 11), _mail(5, 11), _mail(4, 12), _mail(3, 13), _mail(1, 15)]
    assert [message.content for message in messages] == expected
    assert sorted(map(repr, messages)) == sorted(map(repr, _read("a.eml", "box", "b.eml")))


def test_the_topmost_received_header_tells_the_time() -> None:
    top = b"Received: by c.example (x; y) id 7;\n Tue, 06 Jan 2026 10:00:00 +0200 (EET)\n"
    assert arrival_time(top + _mail(1), SOME_TIME) == datetime(2026, 1, 6, 8, tzinfo=UTC)


def test_without_received_date_tells_it_and_without_any_the_file(here: Path) -> None:
    (here / "date.eml").write_bytes(b"Subject: x\r\nDate: Tue, 06 Jan 2026 10:00:00 -0100\r\n\r\n")
    (here / "none.eml").write_bytes(b"Subject: x\n\nDate: Tue, 06 Jan 2026 10:00:00 -0100\n")
    os.utime(here / "none.eml", (SOME_TIME.timestamp(), SOME_TIME.timestamp()))
    assert [message.received_at for message in _read("date.eml", "none.eml")] == [
        datetime(2026, 1, 6, 11, tzinfo=UTC), SOME_TIME
    ]


@for_each("header", [
    b"Received: by b.example\nDate: x\n", b"Received: by b.example; yesterday\n",
    b"Date: Mon, 01 Jan 0001 00:00:00 +1400\n",
    b"Date: Fri, 31 Dec 9999 23:59:59 -1400\n", b"Date: Thu, 01 Jan 1970 00:00:00 +0000\n", b"", b"\n\n",
])
def test_a_date_that_cannot_be_is_passed_over(header: bytes) -> None:
    assert arrival_time(header + b"Subject: x\n\n", SOME_TIME) == SOME_TIME


def test_a_name_that_is_no_text_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.eml")).write_bytes(_mail(1))
    [message] = _read(tmp_path)
    message.source.encode()
    assert message.source.endswith("caf\N{REPLACEMENT CHARACTER}.eml")
