"""WebSocket and server-sent events through a running POP to a url origin, and what a drain does to them."""

import contextlib
import queue
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    RejectConnection,
    Request,
    TextMessage,
)

from tests.edgefaas.processes.running import DEADLINE_S, Up, running_up

pytestmark = pytest.mark.slow

APP = "edgefaas.app:PopApp"
Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def origin(serve: Serve) -> Iterator[int]:
    """Run ``serve`` for each connection, in a thread; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection.settimeout(DEADLINE_S)
                    taken.append(connection)
                    threading.Thread(target=answered, args=(connection,), daemon=True).start()

        def answered(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            for connection in taken:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def pop(folder: Path, serve: Serve, **options: int) -> Iterator[Up]:
    with origin(serve) as port:
        text = f'[origins.app]\nurl = "http://127.0.0.1:{port}"\n[[behaviors]]\npath = "*"\norigin = "app"\n'
        (folder / "edgefaas.toml").write_text(text)
        with running_up(folder, workers=1, app=APP, **options) as up:
            yield up


class Peer:
    """One end of a WebSocket."""

    def __init__(self, sock: socket.socket, kind: ConnectionType) -> None:
        self._sock, self._protocol = sock, WSConnection(kind)
        self._events: list[Event] = []

    def send(self, event: Event) -> None:
        self._sock.sendall(self._protocol.send(event))

    def next(self) -> Event | None:
        """Return what comes next; None at the end of the connection."""
        while not self._events:
            data = self._sock.recv(65536)
            if not data:
                return None
            self._protocol.receive_data(data)
            self._events += self._protocol.events()
        return self._events.pop(0)


def echo(sock: socket.socket) -> None:
    """Be a WebSocket server that sends back what it gets, and rejects /no."""
    peer = Peer(sock, ConnectionType.SERVER)
    while event := peer.next():
        if isinstance(event, Request) and event.target == "/no":
            peer.send(RejectConnection(status_code=403))
            return
        if isinstance(event, Request):
            peer.send(AcceptConnection(subprotocol="chat" if "chat" in event.subprotocols else None))
            peer.send(TextMessage(data=f"target {event.target}"))
        elif isinstance(event, TextMessage):
            peer.send(TextMessage(data=event.data, message_finished=event.message_finished))
        elif isinstance(event, BytesMessage):
            peer.send(BytesMessage(data=event.data, message_finished=event.message_finished))
        elif isinstance(event, CloseConnection):
            peer.send(event.response())
            return


@contextlib.contextmanager
def viewer(up: Up) -> Iterator[socket.socket]:
    port = int(up.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as sock:
        yield sock


def test_a_websocket_goes_through_in_both_directions_to_its_orderly_end(tmp_path: Path) -> None:
    with pop(tmp_path, echo) as up, viewer(up) as sock:
        peer = Peer(sock, ConnectionType.CLIENT)
        peer.send(Request(host="a.example", target="/chat?room=1", subprotocols=["chat"]))
        accepted = peer.next()
        assert isinstance(accepted, AcceptConnection)
        assert accepted.subprotocol == "chat"
        assert peer.next() == TextMessage(data="target /chat?room=1")
        for text in ("first", "zweite é"):
            peer.send(TextMessage(data=text))
            assert peer.next() == TextMessage(data=text)
        large = bytes(range(256)) * 1_000
        peer.send(BytesMessage(data=large))
        echoed = b""
        while len(echoed) < len(large):
            event = peer.next()
            assert isinstance(event, BytesMessage)
            echoed += bytes(event.data)
        assert echoed == large
        peer.send(CloseConnection(code=1000, reason="enough"))
        closed = peer.next()
        assert isinstance(closed, CloseConnection)
        assert closed.code == 1000


def test_an_origin_that_refuses_a_websocket_answers_for_itself(tmp_path: Path) -> None:
    with pop(tmp_path, echo) as up, viewer(up) as sock:
        peer = Peer(sock, ConnectionType.CLIENT)
        peer.send(Request(host="a.example", target="/no"))
        rejected = peer.next()
        assert isinstance(rejected, RejectConnection)
        assert rejected.status_code == 403


def test_an_open_websocket_does_not_hold_up_the_end_of_the_pop(tmp_path: Path) -> None:
    with pop(tmp_path, echo) as up, viewer(up) as sock:
        peer = Peer(sock, ConnectionType.CLIENT)
        peer.send(Request(host="a.example", target="/"))
        assert isinstance(peer.next(), AcceptConnection)
        assert peer.next() == TextMessage(data="target /")
        up.process.send_signal(signal.SIGTERM)
        assert peer.next() is None
        assert up.process.wait(DEADLINE_S) == 0


def read_until(sock: socket.socket, wanted: bytes) -> bytes:
    octets = b""
    while wanted not in octets:
        piece = sock.recv(65536)
        assert piece, octets
        octets += piece
    return octets


def test_each_server_sent_event_arrives_before_the_next_one_is_sent(tmp_path: Path) -> None:
    seen: queue.Queue[str] = queue.Queue()

    def events(sock: socket.socket) -> None:
        read_until(sock, b"\r\n\r\n")
        sock.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(5):
            event = b"id: %d\ndata: hello\n\n" % number
            sock.sendall(b"%x\r\n%b\r\n" % (len(event), event))
            seen.get(timeout=DEADLINE_S)  # the viewer has it
        sock.sendall(b"0\r\n\r\n")

    with pop(tmp_path, events) as up, viewer(up) as sock:
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: a.example\r\nAccept: text/event-stream\r\n\r\n")
        for number in range(5):
            assert b"data: hello" in read_until(sock, b"id: %d\ndata: hello\n\n" % number)
            seen.put("taken")
        read_until(sock, b"0\r\n\r\n")
