"""A binary tree of address ranges, and the MaxMind DB file that holds it.

Pure but for the final write. Source: MaxMind DB File Format Specification 2.0.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import Union

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = bytes(16)  # between search tree and data section
_V4_START = 96
_POINTER, _STRING, _DOUBLE, _MAP = 1, 2, 3, 7
_UINT16, _UINT32, _UINT64, _ARRAY = 5, 6, 9, 11
_EXTENDED = 7  # types above it take a second byte


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is known of a range: ISO country code and degrees."""

    country: str
    latitude: float
    longitude: float


class Branch:
    """An inner node: what lies under bit 0 and under bit 1."""

    __slots__ = ("children",)

    def __init__(self, below: "Node" = None) -> None:
        self.children: list[Node] = [below, below]


Node = Union[Branch, Leaf, None]  # noqa: UP007  the class is not known yet


class Tree:
    """Ranges of 128-bit addresses, those of IPv4 at ``::/96``."""

    def __init__(self) -> None:
        self._root: Node = Branch()

    @property
    def root(self) -> Branch:
        """The first node; a tree of one leaf is split so that there is one."""
        return self._root if isinstance(self._root, Branch) else Branch(self._root)

    @property
    def empty(self) -> bool:
        """Whether no range is known."""
        return not _known(self._root)

    def insert(self, bits: int, length: int, leaf: Leaf) -> None:
        """Set a range (its first ``length`` bits) to a leaf; what was said of parts of it is lost."""
        node = self.root
        self._root = node
        for depth in range(length - 1):
            bit = bits >> (length - 1 - depth) & 1
            below = node.children[bit]
            if not isinstance(below, Branch):
                below = node.children[bit] = Branch(below)
            node = below
        if length:
            node.children[bits & 1] = leaf
        else:
            self._root = leaf

    def prune(self, depth: int, *, within_v4: bool) -> None:
        """Replace what lies deeper than ``depth`` by the leaf that covers most of it.

        IPv4's part of the tree is left alone, or is the only one touched.
        """
        self._root = _pruned(self._root, 0, depth, within_v4=within_v4, on_v4=True)

    def merge(self, mergeable: Callable[[Leaf, Leaf], bool]) -> None:
        """Join pairs of neighbours that ``mergeable`` allows, from the leaves up.

        The larger one's place stays.
        """
        self._root = _merged(self._root, mergeable)[0]


def _known(node: Node) -> bool:
    if isinstance(node, Branch):
        return any(_known(child) for child in node.children)
    return node is not None


def _pruned(node: Node, at: int, depth: int, *, within_v4: bool, on_v4: bool) -> Node:
    """Return the node pruned; ``on_v4`` says that all bits so far were 0, as on the way to IPv4's part."""
    if not isinstance(node, Branch):
        return node
    in_v4 = on_v4 and at >= _V4_START
    if in_v4 and not within_v4:
        return node
    leads_to_v4 = on_v4 and at < _V4_START
    if at >= depth and not leads_to_v4 and in_v4 == within_v4:
        return _majority(node)
    if within_v4 and not in_v4 and not leads_to_v4:
        return node
    for bit in (0, 1):
        still = on_v4 and (at >= _V4_START or bit == 0)
        node.children[bit] = _pruned(node.children[bit], at + 1, depth, within_v4=within_v4, on_v4=still)
    return node


def _majority(node: Branch) -> Leaf | None:
    """Return the leaf with the largest share of a branch; None when nothing is known of it."""
    shares: dict[Leaf, float] = {}

    def count(below: Node, share: float) -> None:
        if isinstance(below, Branch):
            for child in below.children:
                count(child, share / 2)
        elif below is not None:
            shares[below] = shares.get(below, 0.0) + share

    count(node, 1.0)
    return max(shares, key=shares.__getitem__) if shares else None


def _merged(node: Node, mergeable: Callable[[Leaf, Leaf], bool]) -> tuple[Node, float]:
    """Return the node with mergeable neighbours joined, and how many ranges its place stands for."""
    if not isinstance(node, Branch):
        return node, 1.0
    left, left_weight = _merged(node.children[0], mergeable)
    right, right_weight = _merged(node.children[1], mergeable)
    if left is None and right is None:
        return None, 0.0
    if isinstance(left, Leaf) and isinstance(right, Leaf) and (left == right or mergeable(left, right)):
        return (left if left_weight >= right_weight else right), left_weight + right_weight
    node.children = [left, right]
    return node, 1.0


def write_mmdb(path: Path, tree: Tree, *, database_type: str, description: str, build_epoch: int) -> int:
    """Write the tree as a MaxMind DB, whole or not at all; return how many ranges it has."""
    branches: list[Branch] = []
    leaves: dict[Leaf, int] = {}
    pending = [tree.root]
    while pending:  # depth first, so that neighbours share pages
        branch = pending.pop()
        branches.append(branch)
        pending += [child for child in reversed(branch.children) if isinstance(child, Branch)]
    number = {id(branch): at for at, branch in enumerate(branches)}
    data = _DataSection()
    ranges = 0
    for branch in branches:
        for child in branch.children:
            if isinstance(child, Leaf):
                ranges += 1
                if child not in leaves:
                    leaves[child] = data.add_leaf(child)
    count = len(branches)
    record_bits = 24 if count + 16 + len(data.octets) < 1 << 24 else 28
    out = bytearray()
    for branch in branches:
        values = []
        for child in branch.children:
            if isinstance(child, Branch):
                values.append(number[id(child)])
            else:
                values.append(count if child is None else count + len(_SEPARATOR) + leaves[child])
        out += _records(values[0], values[1], record_bits)
    out += _SEPARATOR + data.octets + _MARKER
    out += _map(
        [
            ("binary_format_major_version", _control(_UINT16, 1) + b"\x02"),
            ("binary_format_minor_version", _control(_UINT16, 0)),
            ("build_epoch", _unsigned(_UINT64, build_epoch)),
            ("database_type", _text(database_type)),
            ("description", _map([("en", _text(description))])),
            ("ip_version", _unsigned(_UINT16, 6)),
            ("languages", _control(_ARRAY, 1) + _text("en")),
            ("node_count", _unsigned(_UINT32, count)),
            ("record_size", _unsigned(_UINT16, record_bits)),
        ]
    )
    part = path.with_name(path.name + ".part")
    part.write_bytes(out)
    os.replace(part, path)  # noqa: PTH105  Path.replace is the same
    return ranges


class _DataSection:
    """The records, each text written once and pointed to."""

    def __init__(self) -> None:
        self.octets = bytearray()
        self._texts: dict[str, int] = {}

    def add_leaf(self, leaf: Leaf) -> int:
        """Append a record; return where it begins."""
        for word in ("country", "iso_code", "location", "latitude", "longitude", leaf.country):
            if word not in self._texts:
                self._texts[word] = len(self.octets)
                self.octets += _text(word)
        at = len(self.octets)
        self.octets += _control(_MAP, 2) + self._pointer("country") + _control(_MAP, 1)
        self.octets += self._pointer("iso_code") + self._pointer(leaf.country)
        self.octets += self._pointer("location") + _control(_MAP, 2)
        self.octets += self._pointer("latitude") + _control(_DOUBLE, 8) + pack(">d", leaf.latitude)
        self.octets += self._pointer("longitude") + _control(_DOUBLE, 8) + pack(">d", leaf.longitude)
        return at

    def _pointer(self, word: str) -> bytes:
        at = self._texts[word]
        if at < 1 << 11:
            return bytes([_POINTER << 5 | at >> 8, at & 0xFF])
        at -= 1 << 11
        if at < 1 << 19:
            return bytes([_POINTER << 5 | 1 << 3 | at >> 16]) + (at & 0xFFFF).to_bytes(2, "big")
        at -= 1 << 19
        return bytes([_POINTER << 5 | 2 << 3 | at >> 24]) + (at & 0xFFFFFF).to_bytes(3, "big")


def _records(left: int, right: int, bits: int) -> bytes:
    if bits == 24:  # noqa: PLR2004  the specification's sizes
        return left.to_bytes(3, "big") + right.to_bytes(3, "big")
    middle = (left >> 24) << 4 | right >> 24
    return (left & 0xFFFFFF).to_bytes(3, "big") + bytes([middle]) + (right & 0xFFFFFF).to_bytes(3, "big")


def _control(kind: int, size: int) -> bytes:
    """Return the control byte(s) of a value; sizes up to 284 are all that is written here."""
    short = size if size < 29 else 29  # noqa: PLR2004  the specification's escape
    first = bytes([(kind << 5 if kind <= _EXTENDED else 0) | short])
    if kind > _EXTENDED:
        first += bytes([kind - _EXTENDED])
    return first if short < 29 else first + bytes([size - 29])  # noqa: PLR2004  see above


def _text(text: str) -> bytes:
    octets = text.encode()[:284]
    return _control(_STRING, len(octets)) + octets


def _unsigned(kind: int, value: int) -> bytes:
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return _control(kind, len(octets)) + octets


def _map(pairs: list[tuple[str, bytes]]) -> bytes:
    return _control(_MAP, len(pairs)) + b"".join(_text(key) + value for key, value in pairs)
