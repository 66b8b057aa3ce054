"""Turns a file into Settings, or into one ConfigError with everything that is wrong with it."""

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bounce_watcher.config.keys import table_of
from bounce_watcher.config.locate import Lines
from bounce_watcher.config.problems import Notes, named_warnings, problem_lines
from bounce_watcher.config.reading import Reader
from bounce_watcher.config.rules import own_rules
from bounce_watcher.config.secrets import Sources
from bounce_watcher.config.settings import ConfigWarning, Settings, WebSettings
from bounce_watcher.config.strength import GOOD_BITS, MAKE_ONE, bits
from bounce_watcher.config.values import quoted, reason
from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.finding import Evidence

MAX_BYTES = 4 * 1024 * 1024
SHORTEST_KEY = 16
"""In characters. RFC 2104 section 3 asks for a key as long as the digest; one shorter than this can be guessed."""


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Loads the settings in the file at `path`. File names in it may be relative to its folder.

    Raises ConfigError with every problem of the file.
    """
    text, mode = _read(path)
    notes = Notes()
    settings = _parse(text, str(path), Sources(environ, path.absolute().parent), notes)
    has_secrets = notes.inline_secrets or any(
        "?" in each.url and not each.url_is_secret for each in settings.webhooks
    )
    if mode & stat.S_IWOTH:
        problem = f"{path} can be changed by every user of this machine"
    elif mode & stat.S_IROTH and has_secrets:
        problem = f"{path} holds secrets and can be read by every user of this machine"
    else:
        return settings
    return replace(settings, warnings=(ConfigWarning(problem, "chmod 640 it"), *settings.warnings))


def parse(text: str, source: str, environ: Mapping[str, str] = os.environ, folder: Path = Path()) -> Settings:
    """Parses the settings in a TOML text. `source` names it in errors; relative file names in it start from `folder`.

    Raises ConfigError with every problem of the text.
    """
    return _parse(text, source, Sources(environ, folder.absolute()), Notes())


def _parse(text: str, source: str, sources: Sources, notes: Notes) -> Settings:
    data = _toml(text, source)
    settings = Reader(sources, notes).settings(table_of(Settings), data, ())
    _refuse_twins(data, notes)
    _refuse_rivals(settings.mailboxes if settings else (), notes)
    rules = own_rules(data.get("rules_dir"), sources.folder, notes)
    if settings is None or notes.problems:
        raise ConfigError(source, problem_lines(notes, data, Lines(text)))
    settings = _completed(settings, data, notes)
    return replace(settings, rules=rules, warnings=named_warnings(notes, data))


def _read(path: Path) -> tuple[str, int]:
    """Returns the text of a file and its mode."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unusable(path, "no such file: give the configuration with -c FILE or $BOUNCE_WATCHER_CONFIG, "
                              "and start with a copy of config.example.toml") from None
    except IsADirectoryError:
        raise _unusable(path, "is a folder: name the file in it, such as config.toml") from None
    except PermissionError:
        raise _unusable(path, "cannot be read by this user: chown or chmod it, or run as its owner") from None
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise _unusable(path, f"cannot be read: {why}") from None
    if len(content) > MAX_BYTES:
        raise _unusable(path, "is larger than 4 MiB: name the configuration file")
    try:
        return content.decode("utf-8-sig"), mode
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _unusable(path, f"line {line}: is not UTF-8: save the file in that encoding") from None


def _unusable(path: Path, problem: str) -> ConfigError:
    return ConfigError(str(path), (problem,))


# ── TOML ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_POSITION = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|(end of document))\)")
_HINTS = {
    "Invalid value": 'text goes in quotes ("…"), true and false in small letters',
    "Expected '=' after a key": "a line is key = value; a # begins a comment",
    "Invalid statement": "a line is key = value, or a [table]",
    "Cannot overwrite a value": "the key is there twice: keep one of them",
    "Cannot declare": "the table is there twice: merge the two; only [[mailbox]], [[webhook]], [[platform]] and "
                      "[[notify]] may be repeated",
    "Unclosed array": "a closing ] is missing",
    "Expected newline or end of document": "one key = value a line; text with quotes in it goes in '…'",
    "Unescaped '\\'": "a backslash in \"…\" is written \\\\, or put the text in '…'",
    "Illegal character": "text begins and ends with a quote on the same line",
    "Unterminated string": "the closing quote is missing",
}


def _toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        problem = "is nested too deeply: name the configuration file"
    except ValueError as error:
        problem = _no_toml(str(error), text)
    raise ConfigError(source, (problem,))


def _no_toml(message: str, text: str) -> str:
    """Returns tomllib's message with its place and a hint, without any part of a value."""
    match = _POSITION.fullmatch(message)
    what, line, column = (match[1], match[2], match[3]) if match else (message, None, None)
    line = line or (str(text.count("\n") + 1) if match else None)
    what, hint = next(((w, h) for w, h in _HINTS.items() if what.startswith(w)), (what.partition(":")[0], None))
    place = ", ".join(f"{name} {number}" for name, number in (("line", line), ("column", column)) if number)
    return f"{place}: " * bool(place) + f"is not valid TOML: {what}" + f": {hint}" * bool(hint)


# ── tables that are the same ────────────────────────────────────────────────────────────────────────────────────────

_NAMED_ALIKE = (("mailbox",), ("webhook", "platform", "notify"))
"""The ledger knows mailboxes and targets by name, so each name is used once."""


def _refuse_twins(data: Mapping[str, Any], notes: Notes) -> None:
    for tables in _NAMED_ALIKE:
        seen: dict[str, str] = {}
        for table, index, name in _names(data, tables):
            if name in seen:
                notes.problem((table, index, "name"), f'"{name}" is already the name of an earlier '
                                                      f"[[{seen[name]}]]: choose another")
            seen.setdefault(name, table)


def _names(data: Mapping[str, Any], tables: Sequence[str]) -> Iterator[tuple[str, int, str]]:
    for table in tables:
        elements = data.get(table)
        for index, element in enumerate(elements if isinstance(elements, list) else ()):
            name = element.get("name") if isinstance(element, dict) else None
            if isinstance(name, str):
                yield table, index, name


def _refuse_rivals(mailboxes: Sequence[ImapAccount], notes: Notes) -> None:
    """Refuses two mailboxes on one folder: they would take each other's mail, each for its own stream."""
    watched: dict[tuple[str, int, str, str], str] = {}
    for index, mailbox in enumerate(mailboxes):
        for folder in mailbox.folders:
            place = (mailbox.host.casefold(), mailbox.port, mailbox.username.casefold(), folder)
            if place in watched:
                notes.problem(("mailbox", index, "folder"), f"{quoted(folder)} of this account is already watched "
                                                            f"by mailbox[{watched[place]}]: use another folder")
            watched.setdefault(place, mailbox.name)


# ── what concerns several tables ────────────────────────────────────────────────────────────────────────────────────

def _completed(settings: Settings, data: Mapping[str, Any], notes: Notes) -> Settings:
    """Completes the settings of a file without faults. Warnings go to `notes`.

    With a token key, only reports proven by a token count unless the file says otherwise.
    """
    webhooks = tuple(
        replace(webhook, url_is_secret=notes.is_elsewhere(("webhook", index, "url")))
        for index, webhook in enumerate(settings.webhooks)
    )
    authserv_ids = tuple((each.name, each.trusted_servers) for each in settings.mailboxes if each.trusted_servers)
    attribution, policy = replace(settings.attribution, authserv_ids=authserv_ids), settings.policy
    if attribution.token_keys:
        unsaid = {"hard", "soft", "complaint"} - set(data.get("policy", {}).get("evidence", {}))
        grades: dict[str, Any] = {f"evidence_{name}": Evidence.TOKEN for name in unsaid}
        policy = replace(policy, **grades)
    settings = replace(settings, webhooks=webhooks, attribution=attribution, policy=policy)
    _warn_of_silence(settings, notes)
    if settings.web is not None:
        _warn_of_access(settings.web, notes)
    return settings


def _warn_of_silence(settings: Settings, notes: Notes) -> None:
    """Warns of settings that make less happen than people may expect."""
    if not settings.mailboxes:
        notes.warning(("mailbox",), "none is configured, so nothing is polled", "add a [[mailbox]]")
    policy, keys = settings.policy, settings.attribution.token_keys
    grades = {"hard": policy.evidence_hard, "soft": policy.evidence_soft, "complaint": policy.evidence_complaint}
    for name, grade in grades.items():
        if grade is Evidence.TOKEN and not keys:
            notes.warning(("policy", "evidence", name), '"token" is required, but attribution.token_key is not set: '
                                                        "nothing of this type will count until you set it")
    if any(len(key) < SHORTEST_KEY for key in keys):
        notes.warning(("attribution", "token_key"), f"a key with fewer than {SHORTEST_KEY} characters can be guessed",
                      "make one with: openssl rand -base64 32")


def _warn_of_access(web: WebSettings, notes: Notes) -> None:
    """Warns of unsafe or useless settings for access over HTTP."""
    for name, token in (("token", web.token), ("read_token", web.read_token)):
        if token is not None and bits(token.get_secret_value()) < GOOD_BITS:
            notes.warning(("web", name), "does not look random, so it may be guessed", MAKE_ONE)
    if web.user_header is not None and not web.acting_users:
        notes.warning(("web", "acting_users"), "is empty, so users of the proxy can look but not act",
                      'add acting_users = ["…"]')
    elif web.token is None and web.user_header is None:
        notes.warning(("web", "token"), "none is set, so HTTP is read-only (POST /api/v1/sent included) and open only "
                                        "to programs of this user on this machine", 'add token_file = "…"')
