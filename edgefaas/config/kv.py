"""``[kv.NAME]``, and the ``kv`` key of a function. Pure but for looking whether a file is there."""

from collections.abc import Mapping
from pathlib import Path

from edgefaas.config.names import VISIBLE
from edgefaas.site import FunctionSpec, KvNamespace
from edgefaas.table import Table

ANY = "*"
# CloudFront's quotas: a key 512 bytes, a value 1 kB, a store 5 MB.
_AWS = KvNamespace(name="", key_bytes_max=512, value_bytes_max=1024, bytes_max=5 * 1024 * 1024)
_OPEN = KvNamespace(name="")


def read_namespaces(
    tables: Mapping[str, Table], functions: Mapping[str, FunctionSpec], folder: Path, *, aws: bool
) -> dict[str, KvNamespace]:
    """Return the namespaces of the site. Raises ConfigError."""
    namespaces = {
        name: _read(name, table, functions, folder, _AWS if aws else _OPEN) for name, table in tables.items()
    }
    taken: dict[str, str] = {name: name for name in namespaces}
    for name, namespace in namespaces.items():
        for other in namespace.ids:
            if taken.setdefault(other, name) != name:
                raise tables[name].refuse(
                    "id", f'is "{other}", as [kv.{taken[other]}] is called', "Give each its own."
                )
    return namespaces


def _read(
    name: str, table: Table, functions: Mapping[str, FunctionSpec], folder: Path, known: KvNamespace
) -> KvNamespace:
    identifier = table.text("id")
    if not VISIBLE.match(identifier):
        raise table.refuse("id", f"is {identifier!r}", "Use CloudFront's id, without spaces.")
    seed = table.text("import")
    if seed and not (folder / seed).is_file():
        raise table.refuse("import", f'is "{seed}", which is no file', "Name a file of JSON or NDJSON.")
    namespace = KvNamespace(
        name=name,
        ids=(identifier,) if identifier else (),
        readers=_functions(table, "readers", (ANY,), functions),
        writers=_functions(table, "writers", (), functions),
        key_bytes_max=known.key_bytes_max,
        value_bytes_max=table.integer("max_value_kb", known.value_bytes_max >> 10, low=1, high=8192) << 10,
        bytes_max=table.integer("max_mb", known.bytes_max >> 20, low=1, high=4096) << 20,
        writes_per_s=table.number("writes_per_second", known.writes_per_s, low=0.01, high=10_000),
        seed=folder / seed if seed else None,
    )
    table.done()
    return namespace


def _functions(
    table: Table, key: str, default: tuple[str, ...], functions: Mapping[str, FunctionSpec]
) -> tuple[str, ...]:
    names = table.strings(key, default)
    for name in names:
        if name != ANY and name not in functions:
            known = ", ".join([ANY, *functions])
            raise table.refuse(
                key, f'holds "{name}", which [functions] does not define', f"Use {known}, or define it."
            )
    return names


def read_names(table: Table) -> tuple[str, ...] | None:
    """Return the namespaces that a function names, its own first; None when it says nothing."""
    if "kv" not in table:
        return None
    value = table.take("kv", (str, list), 'a name, or a list such as ["moved", "flags"]')
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if not isinstance(name, str) or not name:
            raise table.refuse("kv", f"holds {name!r}, not a name", "Name namespaces of [kv.NAME].")
    return names
