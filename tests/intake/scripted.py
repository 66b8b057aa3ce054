"""An IMAP server that says what a test wants: for servers that hang, drip, break off or lack things."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import SecretStr

from bounce_watcher.intake.imap.account import ImapAccount, Security


@dataclass
class Talk:
    """One connection as the server sees it. `heard` are the commands, without their tags."""

    connection: socket.socket
    over: threading.Event
    heard: list[str]

    def say(self, *lines: str) -> None:
        self.connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def serve(self, answers: dict[str, list[str]], capability: str = "IMAP4rev1 MOVE IDLE NAMESPACE") -> None:
        """Greets and answers each command by as many of its first words as stand here.

        `{tag}` in an answer is the command's tag. A command that stands nowhere is answered OK. Returns when the
        client goes, or says a command answered by [].
        """
        usual = {
            "CAPABILITY": [f"* CAPABILITY {capability}", "{tag} OK"],
            "NAMESPACE": ['* NAMESPACE (("" "/")) NIL NIL', "{tag} OK"],
            "LIST": ['* LIST () "/" INBOX', "{tag} OK"],
            "SELECT": ["* 1 EXISTS", "* OK [UIDVALIDITY 7] .", "* OK [PERMANENTFLAGS ()] .", "{tag} OK [READ-WRITE] ."],
            "EXAMINE": ["* 0 EXISTS", "* OK [UIDVALIDITY 7] .", "{tag} OK [READ-ONLY] ."],
            "UID SEARCH UID": ["* SEARCH", "{tag} OK"],  # what was taken away is no longer there
            "LOGOUT": ["* BYE", "{tag} OK"],
        } | answers
        self.say("* OK ready")
        last_tag = ""
        for line in self.connection.makefile("rb"):
            tag, _, command = line.decode().strip().partition(" ")
            if tag == "DONE":  # has no tag, and ends the IDLE before it
                tag, command = last_tag, tag
            last_tag = tag
            self.heard.append(command)
            words = max((words for words in usual if command.upper().startswith(words)), key=len, default="")
            known = usual.get(words, ["{tag} OK"])
            if not known:
                return
            self.say(*(f"{tag} OK ." if each == "{tag} OK" else each.replace("{tag}", tag) for each in known))


@dataclass
class ScriptedServer:
    port: int
    heard: list[str] = field(default_factory=list)

    def account(self, **changes: object) -> ImapAccount:
        values: dict[str, object] = {
            "name": "returns", "host": "127.0.0.1", "port": self.port, "security": Security.NONE,
            "username": "bounces", "password": SecretStr("secret-17"), "timeout": timedelta(seconds=5),
        }
        return ImapAccount(**values | changes)  # type: ignore[arg-type]


@contextmanager
def scripted(script: Callable[[Talk], None]) -> Iterator[ScriptedServer]:
    """Runs `script` for each connection in a thread of its own, which is closed when it returns."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    server = ScriptedServer(listener.getsockname()[1])
    threads = [threading.Thread(target=_accept, args=(listener, script, server.heard, over))]
    threads[0].start()
    try:
        yield server
    finally:
        over.set()
        threads[0].join()
        listener.close()


def _accept(
    listener: socket.socket, script: Callable[[Talk], None], heard: list[str], over: threading.Event
) -> None:
    talks: list[threading.Thread] = []
    connections: list[socket.socket] = []
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            connections.append(connection)
            talks.append(threading.Thread(target=_talk, args=(script, Talk(connection, over, heard))))
            talks[-1].start()
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    for talk in talks:
        talk.join()


def _talk(script: Callable[[Talk], None], talk: Talk) -> None:
    with talk.connection, contextlib.suppress(OSError):
        script(talk)
