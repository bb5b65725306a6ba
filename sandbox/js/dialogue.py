"""What goes between a running function and its host: events handed over, operations and timers told of, the answer."""

import asyncio
import struct
from collections.abc import Generator
from typing import Any

from sandbox.capi import Memory, Store
from sandbox.contract import Limit
from sandbox.guest import Guest, GuestThrewError, LimitReachedError, description_of
from sandbox.js.foundation import INBOX_BYTES, PENDING, RESUME, RESUME_SHAPE, Foundation
from sandbox.js.imports import session_of
from sandbox.slices import rest

# engine.c: output, its length, operations under way, end of heap, next timer
_STATE = struct.Struct("<IIIId")


def converse(
    foundation: Foundation, guest: Guest, store: Store, memory: Memory
) -> Generator["asyncio.Future[Any] | None", None, int]:
    """Tell the guest of timers and operations as they end; return how it ended itself."""
    session = session_of(guest)
    status = PENDING
    while status == PENDING:
        timer_ms = _STATE.unpack(memory.read(foundation.state, _STATE.size))[4]
        told = session.next_event(timer_ms)
        if told is None:
            raise GuestThrewError("the handler waits for something that never comes")
        if not isinstance(told, tuple):
            yield told
            continue
        number, failed, data = told
        hand_over(foundation, guest, memory, data)
        store.renew_slice()
        if not store.call(RESUME, RESUME_SHAPE, number, failed, len(data)):
            yield from rest(store)
        status = store.result()
    return status


def hand_over(foundation: Foundation, guest: Guest, memory: Memory, data: bytes) -> None:
    """Give the guest its next input: in the inbox, or to be taken when it is larger."""
    if len(data) < INBOX_BYTES:
        memory.write(foundation.inbox, data)
    else:
        guest.result = data


def output_of(foundation: Foundation, guest: Guest, memory: Memory) -> bytes:
    """Return the answer that the guest left. Raises LimitReachedError, GuestPointerError."""
    where, length, _, _, _ = _STATE.unpack(memory.read(foundation.state, _STATE.size))
    if length > guest.limits.output_bytes:
        raise LimitReachedError(Limit.OUTPUT, guest.limits.output_bytes)
    return memory.read(where, length)


def thrown(output: bytes) -> GuestThrewError:
    """Return the guest's error, its stack in terms of the author's files."""
    told = description_of(output)
    lines = str(told.get("stack") or "").replace("/var/task/", "").splitlines()
    return GuestThrewError(
        str(told.get("message", "")), "\n".join(line for line in lines if "(edgefaas:" not in line)
    )
