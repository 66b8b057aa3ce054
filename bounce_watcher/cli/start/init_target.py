"""The part of `init` that asks for a target: a webhook, or a platform with the keys of its kind."""

from pathlib import Path
from typing import Any

from bounce_watcher.cli.framework.asking import Asker, fits
from bounce_watcher.cli.framework.output import WrongUsage
from bounce_watcher.config.keys import own_keys, table_of
from bounce_watcher.config.problems import Notes
from bounce_watcher.config.reading import Reader
from bounce_watcher.config.secrets import Sources
from bounce_watcher.config.values import known
from bounce_watcher.model.keys import ValueKind
from bounce_watcher.outbox.platform import HttpPlatform
from bounce_watcher.outbox.platforms import kinds, platform_class
from bounce_watcher.service.setup.writing import ConfigDraft, webhook_secret

WEBHOOK_NAME = "platform"
NOBODY = "-"


def ask_target(ask: Asker, webhook: str | None, platform: str | None, keys: list[str], draft: ConfigDraft) -> bool:
    """Stores the target to notify. Returns whether there is one."""
    if webhook and platform:
        raise WrongUsage("--webhook and --platform: init writes only one of them", "add the other to the file")
    answer = ask.text(
        f"Where to send suppressions: a webhook's https://… address, a platform ({', '.join(kinds())}), or {NOBODY} "
        "for nobody", "--webhook" if webhook else "--platform", webhook or platform, NOBODY, _target,
    )
    if answer in ("", NOBODY):
        return False
    if "://" in answer:
        draft.put("webhook", name=WEBHOOK_NAME)
        if "?" in answer:  # receivers may put the key that identifies the sender there
            draft.keep("webhook", "url", "webhook-url", answer)
        else:
            draft.put("webhook", url=answer)
        draft.keep("webhook", "secret", "webhook-secret", webhook_secret())
    else:
        _ask_platform(ask, answer, _given(keys), draft)
    return True


def _target(text: str) -> str:
    if text in ("", NOBODY):
        return text
    return fits(ValueKind.URL)(text) if "://" in text else known(text, kinds())


def _given(keys: list[str]) -> dict[str, str]:
    wrong = next((each for each in keys if "=" not in each), None)
    if wrong is not None:
        raise WrongUsage(f"--platform-key: {wrong!r} is not KEY=VALUE")
    return {key: value for key, _, value in (each.partition("=") for each in keys)}


def _ask_platform(ask: Asker, kind: str, given: dict[str, str], draft: ConfigDraft) -> None:
    """Asks for the settings of the platform's kind until they are valid."""
    while True:
        values, secrets = _keys(ask, kind, dict(given))
        written: dict[str, Any] = {"name": kind, "kind": kind, **values}
        notes = Notes()
        Reader(Sources({}, Path.cwd()), notes).settings(table_of(HttpPlatform), {**written, **secrets}, ("platform", 0))
        if not notes.problems:
            break
        path, text = notes.problems[0]
        told = f"{kind}: {path[-1]}: {text}; see the page on {kind}, and --platform-key"
        if not ask.attended or given:
            raise WrongUsage(told)
        ask.fail(told)
    draft.put("platform", **written)
    for key, secret in secrets.items():
        draft.keep("platform", key, f"{kind}-{key.replace('_', '-')}", secret)


def _keys(ask: Asker, kind: str, given: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for key, field in own_keys(platform_class(kind)).items():
        needed = field.is_needed
        if field.is_secret:
            file = given.pop(f"{key}_file", None)
            if file is not None or needed:
                secrets[key] = ask.secret(f"{kind}: {key}", f"--platform-key {key}_file=FILE", file)
        elif needed or key in given:
            shown = f" (such as {field.example})" if field.example else ""
            values[key] = _read(ask.text(f"{kind}: {key}{shown}", f"--platform-key {key}=…", given.pop(key, None)))
    return {**values, **{key: _read(text) for key, text in given.items()}}, secrets


def _read(text: str) -> str | int | bool:
    """Reads a value as the file has it: numbers and true or false without quotes."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isascii() and text.isdecimal() and text == str(int(text)) else text
