"""What the admin API can do with key-value namespaces.

Values travel as they are, in bodies; keys in paths, percent-encoded. ETags lock a pair or a whole namespace
(``edgefaas.kv.pairs``): ``If-Match`` and ``If-None-Match: *`` refuse a write that comes too late with 412.
"""

import asyncio
import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from edgefaas.control.endpoint import BadRequestError, Call, Endpoint, count, flag
from edgefaas.control.kv import KvKeeper
from edgefaas.control.kv_export import Export
from edgefaas.control.tokens import Scope
from edgefaas.errors import KvError
from edgefaas.kv.formats import as_plain, read_pair
from edgefaas.kv.pairs import Batch, Entry, Expected, Facts

KEYS_DEFAULT, KEYS_MAX = 100, 1_000
EXPORT_MAX_S = 600.0  # a reader who takes longer holds back the file's housekeeping, and is cut off
VALUE_BODY_BYTES = 8 * 1024 * 1024  # the largest max_value_kb
BATCH_BODY_BYTES = 64 * 1024 * 1024
_OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class KvApi:
    """The endpoints; ``kv_endpoints`` says where each is found."""

    keeper: KvKeeper

    async def kv_namespaces(self, _: Call) -> Any:
        """Return every namespace: those of the site, and those that it no longer names."""
        return {"namespaces": [self._summary(facts) for facts in await self.keeper.all_facts()]}

    async def kv_namespace(self, call: Call) -> Any:
        """Return one namespace."""
        facts = await self.keeper.facts(call.name)
        return _answer(self._summary(facts), facts.etag)

    def _summary(self, facts: Facts) -> dict[str, Any]:
        said = self.keeper.namespaces.get(facts.name)
        summary = {
            "name": facts.name,
            "keys": facts.count,
            "bytes": facts.size_bytes,
            "etag": facts.etag,
            "created_at_s": facts.created_at_s,
            "updated_at_s": facts.updated_at_s,
            "in_site": said is not None,
        }
        if said is not None:
            summary |= {
                "ids": list(said.ids),
                "readers": list(said.readers),
                "writers": list(said.writers),
                "max_bytes": said.bytes_max,
                "max_value_bytes": said.value_bytes_max,
            }
        return summary

    async def kv_drop(self, call: Call) -> Any:
        """Delete every pair; a namespace that the site no longer names is forgotten altogether."""
        return {"dropped": await self.keeper.drop(call.name)}

    async def kv_keys(self, call: Call) -> Any:
        """Return keys in the order of their octets, a page at a time; with ``values=1`` their values, too."""
        values = call.flag("values")
        page = await self.keeper.page(
            call.name,
            prefix=call.query("prefix").encode(),
            after=_after(call.query("cursor")),
            limit=call.count("limit", KEYS_DEFAULT, high=KEYS_MAX),
            values=values,
        )
        last = page.entries[-1].key if page.more else b""
        return {
            "keys": [_row(entry, values=values) for entry in page.entries],
            "cursor": base64.urlsafe_b64encode(last).decode() if page.more else None,
        }

    async def kv_write(self, call: Call) -> Any:
        """Put and delete many pairs, all or none."""
        batch = await asyncio.to_thread(_batch, call)
        call.about(f"{call.name}: {len(batch.puts)} put, {len(batch.deletes)} deleted")
        facts = await self.keeper.write(call.name, batch, _expected(call))
        return _answer(self._summary(facts), facts.etag)

    async def kv_get(self, call: Call) -> Any:
        """Return a value as it is."""
        entry = await self.keeper.entry(call.name, _key(call))
        return Response(
            entry.value,
            media_type=_OCTETS,
            headers={
                "ETag": f'"{entry.etag}"',
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def kv_put(self, call: Call) -> Any:
        """Put one pair; the body is its value."""
        key = _key(call)
        call.about(f"{call.name} {key.decode('utf-8', 'replace')}")
        facts = await self.keeper.write(call.name, Batch(puts=((key, call.body),)), _expected(call))
        etag = f"k{facts.revision}"
        return _answer(self._summary(facts) | {"pair": etag}, etag)

    async def kv_delete(self, call: Call) -> Any:
        """Delete one pair."""
        key = _key(call)
        call.about(f"{call.name} {key.decode('utf-8', 'replace')}")
        batch = Batch(deletes=(key,), must_exist=True)
        return self._summary(await self.keeper.write(call.name, batch, _expected(call)))

    async def kv_export(self, call: Call) -> Any:
        """Return every pair as NDJSON, all as they were at one instant."""
        return _Exported(await self.keeper.export(call.name, prefix=call.query("prefix").encode()))


class _Exported(StreamingResponse):
    """Closes what it reads when it ends, whether or not its reader stayed, or a line was asked for at all."""

    def __init__(self, export: Export) -> None:
        super().__init__(export, media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})
        self._export = export

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(EXPORT_MAX_S):
                await super().__call__(scope, receive, send)
        finally:
            self._export.close()


def kv_endpoints(api: KvApi) -> list[Endpoint]:
    """Return the table of the endpoints."""
    name = "/v1/kv/{name}"
    pair = f"{name}/keys/{{key:path}}"
    prefix = {"prefix": "only keys that begin so"}
    return [
        Endpoint(method="GET", path="/v1/kv", summary="List key-value namespaces", answer=api.kv_namespaces),
        Endpoint(method="GET", path=name, summary="Show a key-value namespace", answer=api.kv_namespace),
        Endpoint(
            method="DELETE",
            path=name,
            summary="Delete every pair of a namespace",
            answer=api.kv_drop,
            scope=Scope.KV,
        ),
        Endpoint(
            method="GET",
            path=f"{name}/keys",
            summary="List keys",
            answer=api.kv_keys,
            scope=Scope.KV,
            query=prefix
            | {
                "limit": count("how many", high=KEYS_MAX),
                "cursor": "where the page before ended",
                "values": flag("with their values"),
            },
        ),
        Endpoint(
            method="POST",
            path=f"{name}/keys",
            summary="Put and delete many pairs, all or none",
            answer=api.kv_write,
            scope=Scope.KV,
            body_max=BATCH_BODY_BYTES,
            body_schema="Pairs",
        ),
        Endpoint(method="GET", path=pair, summary="Read a value", answer=api.kv_get, scope=Scope.KV),
        Endpoint(
            method="PUT",
            path=pair,
            summary="Put a value",
            answer=api.kv_put,
            scope=Scope.KV,
            body_max=VALUE_BODY_BYTES,
            body_schema="Octets",
            body_type=_OCTETS,
        ),
        Endpoint(method="DELETE", path=pair, summary="Delete a pair", answer=api.kv_delete, scope=Scope.KV),
        Endpoint(
            method="GET",
            path=f"{name}/export",
            summary="Export a namespace as NDJSON",
            answer=api.kv_export,
            scope=Scope.KV,
            query=prefix,
        ),
    ]


def _answer(body: dict[str, Any], etag: str) -> Response:
    return Response(orjson.dumps(body), media_type="application/json", headers={"ETag": f'"{etag}"'})


def _key(call: Call) -> bytes:
    return str(call.request.path_params["key"]).encode("utf-8", "surrogatepass")


def _expected(call: Call) -> Expected:
    headers = call.request.headers
    return Expected.from_fields(headers.get("if-match"), headers.get("if-none-match"))


def _after(cursor: str) -> bytes:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise KvError(
            f'cursor is "{cursor[:80]}"', remedy="Send the cursor that the page before gave."
        ) from None


def _row(entry: Entry, *, values: bool) -> dict[str, Any]:
    row = {
        "key": entry.key.decode("utf-8", "replace"),
        "bytes": entry.size_bytes,
        "etag": entry.etag,
        "changed_at_s": entry.changed_at_s,
    }
    return row | as_plain(entry.key, entry.value or b"") if values else row


def _batch(call: Call) -> Batch:
    asked = call.object()
    puts, deletes, replace = asked.get("puts", []), asked.get("deletes", []), asked.get("replace", False)
    if not isinstance(puts, list) or not isinstance(deletes, list) or not isinstance(replace, bool):
        raise BadRequestError("puts, deletes or replace has a wrong type", remedy="See /v1/openapi.json.")
    if unknown := asked.keys() - {"puts", "deletes", "replace"}:
        raise BadRequestError(f"The key {min(unknown)!r} is not known", remedy="Leave it out.")
    if not all(isinstance(key, str) for key in deletes):
        raise BadRequestError("deletes holds what is no string", remedy="Send a list of keys.")
    return Batch(
        puts=tuple(read_pair(item, f"puts, pair {number}") for number, item in enumerate(puts, 1)),
        deletes=tuple(key.encode("utf-8", "surrogatepass") for key in deletes),
        everything=replace,
    )
