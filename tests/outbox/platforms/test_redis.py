"""kind = "redis": entries of a real server's stream."""

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.change import change_of
from bounce_watcher.outbox.platform_channel import PlatformChannel
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.servers.redis import PASSWORD, RedisServer

USER = "user@example.org"
KEY = "suppressions"
PAGE = Path(__file__).parents[3] / "bounce_watcher/outbox/platforms/redis.md"


@contextlib.contextmanager
def desk_for(url: str, folder: Path, more: str = 'timeout = "20s"') -> Iterator[Desk]:
    with desk_of(configuration("redis", f'server = "{url}"\nstream_key = "{KEY}"', None, folder, more=more)) as desk:
        yield desk


def entries(server: RedisServer) -> list[dict[str, str]]:
    with server.client as client:
        return [fields for _, fields in client.xrange(KEY)]


def test_each_change_is_an_entry(redis_server: RedisServer, tmp_path: Path) -> None:
    with desk_for(redis_server.url, tmp_path) as desk:
        desk.suppress(USER, "grüße@example.org")
        desk.send()
        desk.release(USER)
        desk.send()
        assert desk.states() == {OutboxState.DELIVERED}
        (item, *_) = [item for item in desk.items() if item.recipient == USER]
    told = entries(redis_server)
    assert {entry["recipient"] for entry in told[:2]} == {USER, "grüße@example.org"}
    (first,) = [entry for entry in told[:2] if entry["recipient"] == USER]
    assert first == {
        "id": item.id, "at": change_of(item).at.strftime("%Y-%m-%dT%H:%M:%SZ"), "action": "suppress",
        "recipient": USER, "stream": "news", "scope": "stream", "bounce_type": "hard", "reason": "invalid_recipient",
        "because": "1 of 1", "sequence": str(item.sequence),
    }
    assert [(entry["action"], entry["recipient"]) for entry in told[2:]] == [("release", USER)]


def test_a_batch_is_added_as_a_whole_or_not_at_all(redis_server: RedisServer, tmp_path: Path) -> None:
    with redis_server.client as client:
        client.set(KEY, "no stream")
    with desk_for(redis_server.url, tmp_path) as desk:
        desk.suppress(USER, "other@example.org")
        desk.send()
        assert desk.states() == {OutboxState.DUE}
        with redis_server.client as client:
            assert client.get(KEY) == "no stream"
            client.delete(KEY)
        desk.hurry()
        desk.send()
    assert len(entries(redis_server)) == 2


def test_the_oldest_go_where_a_length_is_set(redis_server: RedisServer, tmp_path: Path) -> None:
    with desk_for(redis_server.url, tmp_path, "max_length = 100") as desk:
        desk.suppress(*(f"user{number:04}@example.org" for number in range(1000)))
        desk.send(rounds=3)
        assert desk.states() == {OutboxState.DELIVERED}
    assert 100 <= len(entries(redis_server)) < 400  # about: whole nodes of 100 are dropped


def test_while_the_server_is_away_all_waits_and_then_all_arrives(redis_server: RedisServer, tmp_path: Path) -> None:
    with desk_for(redis_server.url, tmp_path) as desk:
        channel = PlatformChannel(desk.platform)
        assert channel.test(now()).disposition == "delivered"
        redis_server.stop()
        desk.suppress(USER)
        desk.send()
        assert desk.states() == {OutboxState.DUE}
        assert channel.test(now()).disposition != "delivered"
        redis_server.start()
        assert channel.test(now()).disposition == "delivered"  # the same session finds it again
        channel.close()
        desk.hurry()
        desk.send()
    assert [entry["recipient"] for entry in entries(redis_server)] == [USER]


def test_a_server_that_never_says_anything_holds_nobody_up(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        desk_for(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", tmp_path, 'timeout = "1s"') as desk,
    ):
        desk.suppress(USER)
        desk.send()
        assert desk.states() == {OutboxState.DUE}


def test_the_check_finds_a_key_that_is_no_stream_and_adds_nothing(redis_server: RedisServer, tmp_path: Path) -> None:
    with desk_for(redis_server.url, tmp_path) as desk, redis_server.client as client:
        channel = PlatformChannel(desk.platform)
        assert channel.test(now()).disposition == "delivered"
        assert client.exists(KEY) == 0
        client.set(KEY, "no stream")
        assert channel.test(now()).disposition != "delivered"
        channel.close()


def test_the_rights_that_the_page_names_are_enough(redis_server: RedisServer, tmp_path: Path) -> None:
    (rights,) = re.findall(r"`ACL SETUSER bounces on >… ([^`]*)`", PAGE.read_text())
    with redis_server.client as client:
        client.execute_command("ACL", "SETUSER", "bounces", "on", ">secret", *rights.split())
    with desk_for(f"redis://bounces:secret@127.0.0.1:{redis_server.port}/0", tmp_path) as desk:
        channel = PlatformChannel(desk.platform)
        assert channel.test(now()).disposition == "delivered"
        channel.close()
        desk.suppress(USER)
        desk.send()
        assert desk.states() == {OutboxState.DELIVERED}


@pytest.mark.parametrize("missing", ["+xadd", "+multi", "+exec", "~suppressions"])
def test_the_check_finds_a_right_that_is_missing(redis_server: RedisServer, tmp_path: Path, missing: str) -> None:
    rights = {"~suppressions", "+xadd", "+type", "+multi", "+exec", "+client"} - {missing}
    with redis_server.client as client:
        client.execute_command("ACL", "SETUSER", "bounces", "reset", "on", ">secret", *rights)
    with desk_for(f"redis://bounces:secret@127.0.0.1:{redis_server.port}/0", tmp_path) as desk:
        channel = PlatformChannel(desk.platform)
        found = channel.test(now())
        channel.close()
    assert found.disposition != "delivered"
    assert "permission" in found.answer


def test_the_check_finds_a_server_that_only_reads(redis_server: RedisServer, tmp_path: Path) -> None:
    with redis_server.client as client:
        client.replicaof("127.0.0.1", 9)
    with desk_for(redis_server.url, tmp_path) as desk:
        channel = PlatformChannel(desk.platform)
        found = channel.test(now())
        channel.close()
    with redis_server.client as client:
        client.replicaof("NO", "ONE")
    assert "read only replica" in found.answer


def test_a_wrong_password_keeps_all_waiting_and_no_password_is_seen(
    redis_server: RedisServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = redis_server.url.replace("pa%2F", "wr0ng%2F")
    with desk_for(wrong, tmp_path) as desk:
        desk.suppress(USER)
        desk.send()
        (item,) = desk.items()
        assert item.state is OutboxState.DUE
        shown = desk.platform.rehearse([change_of(item)], now())
        output = capfd.readouterr()
        seen = " ".join((item.last_answer or "", repr(desk.settings), repr(desk.platform), shown, output.out))
    assert f"recipient '{USER}'" in shown
    for secret in ("wr0ng", PASSWORD[3:], "ss%40w0rd"):
        assert secret not in seen


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('stream_key = "a"', 'line 1: platform[own].server: missing: kind = "redis" needs it'),
        ('server = "redis://localhost/0"',
         'line 1: platform[own].stream_key: missing: add stream_key = "suppressions"'),
        ('server = "http://:secret@localhost/0"\nstream_key = "a"',
         "line 4: platform[own].server: is no URL of a Redis server: write it as rediss://user:password@host:6379/0, "
         "redis://localhost/0 or unix:///run/redis/redis.sock?db=0"),
        ('server = "redis://:secret@localhost:port/0"\nstream_key = "a"',
         "line 4: platform[own].server: is no URL that can be read: write it as rediss://user:password@host:6379/0, "
         "redis://localhost/0 or unix:///run/redis/redis.sock?db=0"),
        ('server = "redis://localhost/0"\nstream_key = "a"\nmax_length = 0',
         "line 6: platform[own].max_length: 0 is out of range: at least 1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(lines: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(f'[[platform]]\nname = "own"\nkind = "redis"\n{lines}\n', "config.toml", {})
    assert error.value.problems == (problem,)
