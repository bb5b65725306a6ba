"""What viewers, functions and strange servers say reaches a terminal as text, and a command's user as a sentence."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import words
from cli.logs import print_line
from tests.cli.running import Shell

CONTROLS = [
    chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x200E, 0x202E, 0x2066) if code not in (9, 10)
]


@given(text=st.text())
def test_text_without_controls_is_shown_as_it_is_and_none_gets_through(text: str) -> None:
    shown = words.seen(text)
    assert not set(shown) & set(CONTROLS)
    assert shown == text or set(text) & {*CONTROLS, "\u200f", *map(chr, range(0x202A, 0x206A))}


@pytest.mark.parametrize("field", ["text", "request_id", "target"])
def test_a_line_of_the_log_cannot_move_the_cursor_or_name_the_window(
    field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A viewer's request target, or a header that a function logs, could run the terminal of who reads the log."""
    line: dict[str, Any] = {
        "at_s": 1.0,
        "level": "info",
        "text": "t",
        "function": "",
        "version": "",
        "request_id": "r",
    }
    print_line({**line, field: "a\x1b]0;owned\x07\x9b2Jb"}, as_json=False)
    assert "a\\x1b]0;owned\\x07\\x9b2Jb" in capsys.readouterr().out


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            asker, _ = server.accept()
            with asker:
                asker.recv(65_536)
                asker.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "broke off its answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "answers, but not as an admin API"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>", "answered 404 Not Found"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "No POP answers"),
        (b"", "No POP answers"),
    ],
)
def test_what_answers_otherwise_than_a_pop_is_said_in_one_sentence(
    answer: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(answer) as url:
        ended = Shell(capsys)("ls", "--admin", url, "--token", "t")
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
    assert "nobody foresaw" not in ended.err
