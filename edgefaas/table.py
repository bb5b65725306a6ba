"""Read an untyped TOML table into checked values, naming file, line and key in every refusal.

Every read takes the key out; ``done`` refuses what nobody asked for and proposes the nearest known key.
Pure but for ``read_toml``. Whose fault: always the author of the file.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgefaas.errors import ConfigError

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
_INDEX = re.compile(r"^(.*)\[(\d+)\]$")


class Document:
    """The text of one TOML file: where its keys stand."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._lines = text.splitlines()

    def line_of(self, path: tuple[str, ...]) -> int | None:
        """Return the line (from 1) where ``path`` is set, or that of its nearest parent; None if neither."""
        for length in range(len(path), 0, -1):
            if line := self._exact(path[:length]):
                return line
        return None

    def _exact(self, path: tuple[str, ...]) -> int | None:
        section: tuple[str, ...] = ()
        counts: dict[str, int] = {}
        for number, line in enumerate(self._lines, 1):
            if header := _HEADER.match(line):
                section = self._section(header, counts)
                if section in (path, (*path[:-1], f"{path[-1]}[0]")):
                    return number
            elif section == path[: len(section)] and _sets(line, path[len(section) :]):
                return number
        return None

    @staticmethod
    def _section(header: re.Match[str], counts: dict[str, int]) -> tuple[str, ...]:
        name = header[2].replace('"', "").replace(" ", "")
        if header[1] == "[[":
            counts[name] = counts.get(name, -1) + 1
            name = f"{name}[{counts[name]}]"
        return tuple(name.split("."))


def _sets(line: str, keys: tuple[str, ...]) -> bool:
    """Say whether a line sets ``keys``: ``a =``, ``a.b =`` or ``a = { b =``."""
    if not keys:
        return False
    quoted = [rf'"?{re.escape(key)}"?' for key in keys]
    if re.match(rf"\s*{'[.]'.join(quoted)}\s*=", line):
        return True
    return len(keys) > 1 and bool(re.match(rf"\s*{quoted[0]}\s*=.*[{{,]\s*{quoted[-1]}\s*=", line))


class Table:
    """One table of a document. Reading a key consumes it."""

    def __init__(self, values: Mapping[str, Any], document: Document, path: tuple[str, ...] = ()) -> None:
        self._values = dict(values)
        self._known: set[str] = set()
        self.document = document
        self.path = path

    def refuse(self, key: str, problem: str, remedy: str) -> ConfigError:
        """Return (not raise) the error that names ``key`` of this table and its line."""
        path = (*self.path, key) if key else self.path
        line = self.document.line_of(path)
        where = f"{self.document.name}, line {line}" if line else self.document.name
        return ConfigError(f"{where}: {'.'.join(path)} {problem}", remedy=remedy)

    def __contains__(self, key: str) -> bool:
        self._known.add(key)
        return key in self._values

    def misspelt(self, *options: str) -> str:
        """Return a question about a key that looks like one of ``options``, or ""."""
        for key in self._values:
            if key not in self._known and (near := difflib.get_close_matches(key, options, n=1)):
                return f" (did you mean {near[0]} by {key}?)"
        return ""

    def unread(self) -> list[str]:
        """Return the keys not read yet, in file order."""
        return list(self._values)

    def take(self, key: str, expected: type | tuple[type, ...], name: str, default: Any = None) -> Any:
        """Return the value of ``key``, which must be of ``expected`` (called ``name`` in the refusal)."""
        self._known.add(key)
        if key not in self._values:
            return default
        value = self._values.pop(key)
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            raise self.refuse(key, f"is {_show(value)}, not {name}", f"Write {key} as {name}.")
        return value

    def text(self, key: str, default: str = "") -> str:
        """Return a string."""
        value: str = self.take(key, str, "a string in quotes", default)
        return value

    def required_text(self, key: str, example: str) -> str:
        """Return a string that must be there and not empty."""
        value = self.text(key)
        if not value:
            raise self.refuse(key, "is missing", f"Add a line such as {key} = {example}.")
        return value

    def choice(self, key: str, options: tuple[str, ...], default: str) -> str:
        """Return one of ``options``."""
        value = self.text(key, default)
        if value not in options:
            raise self.refuse(key, f'is "{value}"', f"Use one of {_join(options)}{_nearest(value, options)}.")
        return value

    def number(self, key: str, default: float, *, low: float, high: float) -> float:
        """Return a number in ``low``..``high`` (both allowed)."""
        value: float = self.take(key, (int, float), "a number", default)
        if not low <= value <= high:
            raise self.refuse(
                key,
                f"is {value:.15g}, outside {low:.15g} to {high:.15g}",
                f"Choose a value in {low:.15g} to {high:.15g}.",
            )
        return value

    def integer(self, key: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number in ``low``..``high`` (both allowed)."""
        value: int = self.take(key, int, "a whole number", default)
        if not low <= value <= high:
            raise self.refuse(
                key, f"is {value}, outside {low} to {high}", f"Choose a value in {low} to {high}."
            )
        return value

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value: bool = self.take(key, bool, "true or false", default)
        return value

    def strings(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self.take(key, list, 'a list of strings, such as ["a", "b"]', list(default))
        for item in value:
            if not isinstance(item, str):
                raise self.refuse(key, f"holds {_show(item)}, not a string", "Put every item in quotes.")
        return tuple(value)

    def string_map(self, key: str) -> dict[str, str]:
        """Return a table whose values are all strings."""
        values = self.take(key, dict, 'a table such as { NAME = "value" }', {})
        for name, value in values.items():
            if not isinstance(value, str):
                raise self.refuse(
                    key, f"has {name} = {_show(value)}, not a string", f'Write {name} = "{value}".'
                )
        return dict(values)

    def table(self, key: str) -> "Table":
        """Return the sub-table, empty when absent."""
        values = self.take(key, dict, "a table", {})
        return Table(values, self.document, (*self.path, key))

    def tables(self, key: str) -> list["Table"]:
        """Return an array of tables ([[key]])."""
        values = self.take(key, list, f"a list of tables ([[{key}]])", [])
        for value in values:
            if not isinstance(value, dict):
                raise self.refuse(key, f"holds {_show(value)}, not a table", f"Write each as [[{key}]].")
        base = self.path
        return [Table(value, self.document, (*base, f"{key}[{i}]")) for i, value in enumerate(values)]

    def named(self, key: str) -> dict[str, "Table"]:
        """Return the sub-tables of ``key`` by name ([key.NAME])."""
        outer = self.table(key)
        return {name: outer.table(name) for name in outer.unread()}

    def inner(self, *keys: str) -> "Table":
        """Return an empty table at that place, to refuse what was read there before."""
        return Table({}, self.document, (*self.path, *keys))

    def done(self) -> None:
        """Refuse every key that nobody read."""
        for key in self._values:
            near = _nearest(key, tuple(sorted(self._known)))
            known = _join(tuple(sorted(self._known)))
            raise self.refuse(
                key, "is not a key that edgefaas knows", f"Remove it, or use one of {known}{near}."
            )


def read_toml(path: Path) -> Table:
    """Return the file's root table. Raises ConfigError: unreadable, not UTF-8, or not TOML."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist", remedy="Begin with edgefaas init hello, or name another with -c."
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", remedy="Make it readable.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}",
            remedy="Save it as UTF-8.",
        ) from None
    return parse_toml(path.name, text)


def parse_toml(name: str, text: str) -> Table:
    """Return the root table of a TOML text. Raises ConfigError with line and column."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not valid TOML: {error}", remedy="Correct it at that place.") from None
    return Table(values, Document(name, text))


def _show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return repr(value)


def _join(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _nearest(word: str, options: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, options, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
