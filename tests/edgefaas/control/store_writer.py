"""A process to be killed: puts version after version into a store, and says when each is acknowledged."""

import sys
from dataclasses import replace
from pathlib import Path

from edgefaas.control.blobs import Blobs
from edgefaas.control.records import Note
from edgefaas.control.store import Store
from tests.edgefaas.control.making import build, version


def main() -> None:
    folder, first = Path(sys.argv[1]), int(sys.argv[2])
    store, blobs = Store(folder / "control.sqlite3"), Blobs(folder / "blobs")
    sys.stdout.write("begun\n")
    for number in range(first, first + 100_000):
        text = f"text {number}"
        (blob,) = blobs.put_all([text.encode()])
        made = replace(version("hello", text), files={"index.js": blob})
        store.versions.add(made, build(text))
        # Two pointers in one transaction: they must never be seen apart.
        store.versions.add(replace(made, function="twin"), build(text))
        pointers = {"hello": made.version, "twin": made.version}
        store.set_live(pointers, Note(action="seed", actor="me", at_s=float(number)))
        sys.stdout.write(f"{number} {made.version}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
