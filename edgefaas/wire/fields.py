"""Request fields that are decoded only when somebody asks.

Most requests of a keep-alive connection carry the same field section as the one before, and a cache hit asks
for few of its lines: one ``FieldBlock`` is shared by the requests that sent the same octets, and a request that
changes its fields gets lines of its own first.
"""

from collections.abc import Iterator
from typing import Any

from edgefaas.message import Headers


class FieldBlock:
    """A checked field section as it came, each line ended by CRLF. Immutable; decoded at most once."""

    __slots__ = ("_index", "_lines", "memo", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.memo: dict[str, object] = {}
        self._lines: list[tuple[str, str]] | None = None
        self._index: dict[str, list[str]] | None = None

    def lines(self) -> list[tuple[str, str]]:
        """Return name and value of each line; the caller must not change the list."""
        if self._lines is None:
            split = [line.partition(":") for line in self.raw.decode("latin-1").split("\r\n") if line]
            self._lines = [(name, value.strip(" \t")) for name, _, value in split]
        return self._lines

    def index(self) -> dict[str, list[str]]:
        """Return the values by lower-case name; the caller must not change them."""
        if self._index is None:
            self._index = {}
            for name, value in self.lines():
                self._index.setdefault(name.lower(), []).append(value)
        return self._index


class WireHeaders(Headers):
    """``Headers`` over a shared ``FieldBlock``, with lookups by dictionary until the first change."""

    __slots__ = ("_block",)

    def __init__(self, block: FieldBlock) -> None:  # the lines stay unset, see __getattr__
        self._block: FieldBlock | None = block

    def __getattr__(self, name: str) -> Any:
        # Reached only while the slot `_lines` of the base class is empty: its methods (all that change
        # something are among them) get a private list, and the block is let go.
        if name != "_lines" or self._block is None:
            raise AttributeError(name)
        self._lines = self._block.lines().copy()
        self._block = None
        return self._lines

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._lines if self._block is None else self._block.lines())

    def __len__(self) -> int:
        return len(self._lines if self._block is None else self._block.lines())

    def __contains__(self, name: str) -> bool:
        return super().__contains__(name) if self._block is None else name in self._block.index()

    def values(self, name: str) -> list[str]:
        """Return the value of every line of that name, in order."""
        return super().values(name) if self._block is None else self._block.index().get(name, []).copy()

    def get(self, name: str) -> str | None:
        """Return the combined value, or None when absent."""
        if self._block is None:
            return super().get(name)
        found = self._block.index().get(name)
        if found is None:
            return None
        return found[0] if len(found) == 1 else ", ".join(found)

    def lacks(self, names: frozenset[str]) -> bool:
        """Return whether there is no line of any of these lower-case names."""
        if self._block is None:
            return not any(name.lower() in names for name, _ in self._lines)
        return names.isdisjoint(self._block.index())

    @property
    def memo(self) -> dict[str, object] | None:
        """Return what is remembered about these very fields, for all requests that sent them; None once changed."""
        return None if self._block is None else self._block.memo

    def copy(self) -> Headers:
        """Return an independent copy."""
        return Headers(self._lines) if self._block is None else WireHeaders(self._block)
