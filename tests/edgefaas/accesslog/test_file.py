"""The file that workers share: whole lines, rotation, another program's rotation, several processes."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.accesslog.file import AppendedFile

WRITER = """
import sys
from pathlib import Path
from edgefaas.accesslog.file import AppendedFile
file = AppendedFile(Path(sys.argv[1]), header=b"#h\\n", max_bytes=20_000, kept=50)
for number in range(300):
    file.write(b"".join(b"%s %d %d\\n" % (sys.argv[2].encode() * 20, number, part) for part in range(3)))
file.close()
"""


def appended(path: Path, *, max_bytes: int = 100, kept: int = 3, header: bytes = b"") -> AppendedFile:
    return AppendedFile(path, header=header, max_bytes=max_bytes, kept=kept)


def test_a_file_and_its_folders_are_made_with_the_header_first(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "deep" / "access.log"
    file = appended(path, header=b"#Version: 1.0\n")
    file.write(b"one\n")
    file.close()
    again = appended(path, header=b"#Version: 1.0\n")
    again.write(b"two\n")
    again.close()
    assert path.read_bytes() == b"#Version: 1.0\none\ntwo\n"


def test_a_full_file_is_moved_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    file = appended(path, max_bytes=10, kept=3)
    for number in range(5):
        file.write(b"%09d\n" % number)  # exactly full: the next block goes into the next file
    file.close()
    held = {item.name: item.read_bytes() for item in tmp_path.iterdir()}
    assert held == {
        "access.log": b"000000004\n",
        "access.log.1": b"000000003\n",
        "access.log.2": b"000000002\n",
    }


def test_a_file_of_which_one_is_kept_begins_anew(tmp_path: Path) -> None:
    file = appended(tmp_path / "access.log", max_bytes=4, kept=1)
    for text in (b"one\n", b"two\n"):
        file.write(text)
    file.close()
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == {"access.log": b"two\n"}


def test_a_file_that_another_program_moves_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    file = appended(path, header=b"#h\n")
    file.write(b"one\n")
    path.rename(tmp_path / "moved")
    file.write(b"two\n")
    file.close()
    assert (tmp_path / "moved").read_bytes() == b"#h\none\n"
    assert path.read_bytes() == b"#h\ntwo\n"


def test_a_folder_that_cannot_be_written_is_an_error_and_later_it_goes_on(tmp_path: Path) -> None:
    blocked = tmp_path / "logs"
    blocked.write_text("a file where a folder should be")
    file = appended(blocked / "access.log")
    with pytest.raises(OSError, match="logs"):
        file.write(b"one\n")
    blocked.unlink()
    file.write(b"two\n")
    file.close()
    assert (blocked / "access.log").read_bytes() == b"two\n"


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(1, 4))
def test_what_is_kept_are_the_last_lines_in_order(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], kept: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "access.log"
    file = appended(path, max_bytes=50, kept=kept)
    blocks = [b"%d:%s\n" % (number, b"x" * size) for number, size in enumerate(sizes)]
    for block in blocks:
        file.write(block)
    file.close()
    held = sorted(path.parent.iterdir(), key=lambda item: item.name, reverse=True)
    assert len(held) <= kept
    everything = b"".join(
        item.read_bytes()
        for item in sorted(held, key=lambda i: -int(i.suffix[1:]) if i.suffix[1:].isdigit() else 0)
    )
    assert b"".join(blocks).endswith(everything)
    if sizes:
        assert everything.endswith(blocks[-1])


@pytest.mark.slow
def test_processes_that_share_a_file_lose_no_line_and_break_none(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines: list[str] = []
    files = list(tmp_path.iterdir())
    assert len(files) > 3
    for item in files:
        first, *rest = item.read_text().splitlines()
        assert first == "#h"
        lines += rest
    expected = {
        f"{name * 20} {number} {part}" for name in "abc" for number in range(300) for part in range(3)
    }
    assert len(lines) == len(expected)
    assert set(lines) == expected
