"""Which versions may be forgotten, and how what only they needed is removed.

Rows first, in one transaction that also notes the artefacts as garbage; then files. A kill in between leaves files
that nothing refers to, which the next collection removes: every start makes one.
"""

import contextlib
import shutil
from collections.abc import Container, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from edgefaas.control.records import Version
from edgefaas.control.workshop import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was forgotten: versions, files of versions, artefacts."""

    versions: tuple[Version, ...] = ()
    files: int = 0
    artifacts: int = 0


def prunable(versions: Sequence[Version], held: AbstractSet[str], *, keep: int) -> list[Version]:
    """Return the versions of one function beyond its newest ``keep`` that are not ``held``. Pure.

    ``held`` are those that are live, on their way, or where a rollback goes. ``keep`` 0 keeps all.
    """
    if not keep:
        return []
    newest = sorted(versions, key=lambda item: item.number, reverse=True)
    return [item for item in newest[keep:] if item.version not in held]


def collect(shelf: Shelf, in_hand: Container[str], *, artifacts: bool) -> Pruned:
    """Remove what no version refers to; on the disk's thread, where files are written, too.

    ``in_hand`` are files of versions that are being stored just now. ``artifacts`` False leaves artefacts for later:
    a build may have found one of them and not have said so yet.
    """
    files = shelf.blobs.sweep(_Held(shelf.store.versions.blobs(), in_hand))
    if not artifacts:
        return Pruned(files=files)
    garbage = shelf.store.versions.garbage()
    removed = _remove_all(shelf, garbage)
    shelf.store.versions.collected(removed)
    return Pruned(files=files, artifacts=len(removed))


def _remove_all(shelf: Shelf, names: Iterable[str]) -> list[str]:
    removed = []
    for name in names:
        with contextlib.suppress(OSError):
            path = shelf.artifacts / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            removed.append(name)
    return removed


class _Held:
    """What is referred to, or is about to be."""

    def __init__(self, referred: Container[str], in_hand: Container[str]) -> None:
        self._sets = (referred, in_hand)

    def __contains__(self, name: object) -> bool:
        return any(name in held for held in self._sets)
