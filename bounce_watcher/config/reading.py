"""Turns a table of the file into settings. Every problem goes to the notes."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, replace
from typing import Any

from bounce_watcher.config.checks import USUAL, broken
from bounce_watcher.config.fields import as_field
from bounce_watcher.config.keys import ConfigKey, Table, known_keys, table_of
from bounce_watcher.config.locate import Path
from bounce_watcher.config.problems import Notes, meant_by, missing, no_table, unknown
from bounce_watcher.config.secrets import Sources, secret
from bounce_watcher.config.values import known
from bounce_watcher.outbox.platform import HttpPlatform, Misfit, Platform
from bounce_watcher.outbox.platforms import kinds, platform_class

Data = Mapping[str, Any]
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the tables of one file."""

    sources: Sources
    notes: Notes

    def settings(self, table: Table, data: Data, path: Path, base: Any = None) -> Any:
        """Returns the settings that `data` describes, None if anything is wrong. Missing keys are taken from `base`."""
        problems = len(self.notes.problems)
        if table.settings and issubclass(table.settings, Platform):
            table = self._of_its_kind(table, data, path)
        settings = table.settings
        assert settings is not None
        values = self._values(table, data, path, base)
        for name, usual in USUAL.get(settings, {}).items():
            if name not in data:
                values[name] = usual(values)
        for field, text in broken(settings, values):
            self.notes.problem((*path, *table.places[field]), text)
        if len(self.notes.problems) > problems:
            return None
        for field, rotating in table.joined.items():
            current, older = values.pop(rotating.current), values.pop(rotating.older)
            values[field] = older if current is None else (current, *older)
        try:
            made = settings(**values) if base is None else replace(base, **values)
            if isinstance(made, HttpPlatform) and "?" in made.url:
                raise Misfit("url", "holds a query, after which no API path can follow: remove it")
        except Misfit as misfit:
            self.notes.problem((*path, misfit.key), str(misfit))
            return None
        return made

    def _of_its_kind(self, table: Table, data: Data, path: Path) -> Table:
        """Returns the table of a platform's kind, or `table` itself if the kind isn't known."""
        try:
            return table_of(platform_class(known(data["kind"], kinds())))
        except KeyError:
            self.notes.problem((*path, "kind"), missing((*path, "kind"), table))
        except ValueError as fault:
            self.notes.problem((*path, "kind"), str(fault))
        return table

    def _values(self, table: Table, data: Data, path: Path, base: Any) -> Values:
        """Returns the values of all valid keys by field, including defaults."""
        values: Values = {}
        meant = self._refuse_unknown(table, data, path)
        for name, key in table.keys.items():
            here = (*path, name)
            if isinstance(key, Table):
                values |= self._below(key, data, here, base)
            elif (given := self._given(key, data, here)) is not MISSING:
                values |= self._fields(key, given, here)
            elif here not in self.notes.aliases and name not in meant:
                values |= self._left_out(key, table, here, base)
        return values

    def _refuse_unknown(self, table: Table, data: Data, path: Path) -> set[str | None]:
        """Returns the keys that the unknown ones were probably meant for."""
        wrong = [name for name in data if name not in known_keys(table) and not table.is_open]
        for name in wrong:
            self.notes.problem((*path, name), unknown(name, path, table))
        return {meant_by(name, table) for name in wrong}

    def _given(self, key: ConfigKey, data: Data, path: Path) -> Any:
        """Returns the value in the file; MISSING if there is none, or if it is a secret that can't be read."""
        name = str(path[-1])
        if not key.is_secret:
            return data.get(name, MISSING)
        try:
            texts = secret(name, key.is_list, data, path, self.sources, self.notes)
        except ValueError as fault:
            self.notes.problem(path, str(fault))
            return MISSING
        return MISSING if texts is None else texts if key.is_list else texts[0]

    def _fields(self, key: ConfigKey, value: object, path: Path) -> Values:
        values: Values = {}
        for use in key.uses:
            try:
                values[use.field] = as_field(use.hint, use.marks, value, self.sources.folder)
            except* ValueError as faults:
                for fault in faults.exceptions:
                    self.notes.problem(path, str(fault))
        return values

    def _left_out(self, key: ConfigKey, table: Table, path: Path, base: Any) -> Values:
        values = {use.field: use.default if base is None else getattr(base, use.field, use.default) for use in key.uses}
        if MISSING not in values.values():
            return values
        if str(path[-1]) not in USUAL.get(table.settings or object, {}):
            self.notes.problem(path, missing(path, table))
        return {}

    def _below(self, table: Table, data: Data, path: Path, base: Any) -> Values:
        """Reads a table below this one: more fields of the same settings, other settings, or an array of those."""
        name = str(path[-1])
        if not table.fills:
            below = self._table(data.get(name, {}), path)
            return {} if below is None else self._values(table, below, path, base)
        usual = table.default if base is None else getattr(base, table.fills)
        if name not in data:
            return {table.fills: usual}
        value: Any = None
        if table.is_array:
            value = self._array(table, data[name], path)
        elif (given := self._table(data[name], path)) is not None:
            value = (self._chosen if table.choices else self.settings)(table, given, path, usual)
        return {} if value is None else {table.fills: value}

    def _table(self, value: object, path: Path) -> Data | None:
        if isinstance(value, dict):
            return value
        self.notes.problem(path, no_table(value, path))
        return None

    def _array(self, table: Table, value: object, path: Path) -> tuple[Any, ...] | None:
        if not isinstance(value, list):
            self.notes.problem(path, "there can be several, so each heading has double brackets: "
                                     f"[[{path[-1]}]]")
            return None
        elements = [(self._table(each, (*path, index)), (*path, index)) for index, each in enumerate(value)]
        read = tuple(each if each is None else self.settings(table, each, here) for each, here in elements)
        return None if None in read else read

    def _chosen(self, table: Table, data: Data, path: Path, usual: Values) -> Values:
        """Merges the choices of `usual` and of the file, and keeps those that differ from the defaults."""
        assert table.choices is not None
        given = {name: rule for name, rule in self._values(table, data, path, None).items() if name in data}
        return {name: rule for name, rule in {**usual, **given}.items() if rule is not table.choices.usual[name]}
