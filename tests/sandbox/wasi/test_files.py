"""The files of a command: looked up, listed and read as POSIX says, and never written."""

import posixpath
import struct
import subprocess
import sys
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.contract import Finished, Kind, Limits, Source
from sandbox.wasi.abi import WHENCE_CUR, WHENCE_END, WHENCE_SET, Errno
from sandbox.wasi.files import PATH_BYTES_MAX, Node, OpenFile, OpenFolder, PathError, look_up, tree_of
from tests.sandbox.guests import Bed, RecordingHost, built, on_loop

NAMES = st.sampled_from(["a", "b", "ü", "long name"])
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=40), max_size=6
).map(
    lambda files: {
        path: data for path, data in files.items() if not any(p.startswith(path + "/") for p in files)
    }
)
PARTS = st.one_of(NAMES, st.sampled_from([".", "..", "", "none"]))
FILES = {"index.html": b"<p>hello</p>", "data/words.txt": b"one two three", "data/deep/empty": b""}


def errno_of(base: Node, path: bytes) -> Errno | None:
    try:
        look_up(base, path)
    except PathError as error:
        return error.errno
    return None


@given(files=TREES, parts=st.lists(PARTS, min_size=1, max_size=5))
def test_a_path_means_what_posix_says_or_is_not_there(files: dict[str, bytes], parts: list[str]) -> None:
    folders = {"."} | {str(parent) for path in files for parent in Path(path).parents}
    steps = [posixpath.normpath("/".join(parts[:count])) for count in range(1, len(parts) + 1)]
    path = "/".join(parts)
    through_folders = all(step in folders for step in steps[:-1]) and parts[0] != ""
    as_folder = parts[-1] in ("", ".", "..")
    there = through_folders and (steps[-1] in folders or (steps[-1] in files and not as_folder))
    root = tree_of(files)
    assert (errno_of(root, path.encode()) is None) == there
    if there:
        assert look_up(root, path.encode()).data == files.get(steps[-1])


def test_paths_that_lead_out_or_are_no_text_are_refused() -> None:
    root = tree_of(FILES)
    data = look_up(root, b"data")
    assert errno_of(root, b"data/deep/empty") is None
    assert errno_of(data, b"deep/../words.txt") is None
    for path, errno in (
        (b"..", Errno.NOTCAPABLE), (b"data/../../x", Errno.NOTCAPABLE), (b"/index.html", Errno.NOTCAPABLE),
        (b"", Errno.NOENT), (b"data/none", Errno.NOENT), (b"\xff", Errno.ILSEQ), (b"index.html/", Errno.NOTDIR),
        (b"index.html/..", Errno.NOTDIR), (b"a" * (PATH_BYTES_MAX + 1), Errno.NAMETOOLONG),
        (b"a" * PATH_BYTES_MAX, Errno.NOENT), (b"a\0b", Errno.NOENT),
    ):  # fmt: skip
        assert errno_of(root, path) is errno, path
    assert errno_of(data, b"../index.html") is Errno.NOTCAPABLE  # not above what was opened


@given(files=TREES, size=st.integers(1, 200))
def test_a_folder_listed_in_pieces_is_listed_whole(files: dict[str, bytes], size: int) -> None:
    folder = OpenFolder(tree_of(files))
    names, cookie = [], 0
    while True:
        piece = folder.listing(cookie, max(size, 24 + len("long name")))
        at, before = 0, cookie
        while at + 24 <= len(piece):
            next_cookie, inode, length, _kind = struct.unpack_from("<QQIB", piece, at)
            name = piece[at + 24 : at + 24 + length]
            if len(name) < length:
                break  # cut: asked for again
            names.append(name.decode())
            assert inode
            cookie, at = next_cookie, at + 24 + length
        if cookie == before:
            break
    assert names == [".", "..", *sorted({path.split("/")[0] for path in files})]


@given(
    data=st.binary(max_size=60),
    moves=st.lists(st.tuples(st.integers(-80, 80), st.sampled_from([WHENCE_SET, WHENCE_CUR, WHENCE_END]))),
)
def test_a_file_is_read_from_where_it_stands(data: bytes, moves: list[tuple[int, int]]) -> None:
    opened, at = OpenFile(tree_of({"f": data}).children["f"]), 0
    for offset, whence in moves:
        wanted = offset + (0, at, len(data))[whence]
        assert opened.seek(offset, whence) == (wanted if wanted >= 0 else None)
        at = wanted if wanted >= 0 else at
        assert (opened.tell(), opened.left_bytes) == (at, max(0, len(data) - at))
        taken = opened.read(7)
        assert taken == data[at : at + 7]
        at += len(taken)
        assert opened.read_at(3, 5) == data[3:8]
    assert opened.seek(0, 3) is None
    assert opened.seek(2**63 - 1, WHENCE_END) is None or not data


PROGRAM = r"""
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    char text[64] = {0}, word[4] = {0};
    FILE *page = fopen("/index.html", "r");
    printf("%s|", page && fgets(text, sizeof text, page) ? text : strerror(errno));
    DIR *folder = opendir("data");
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.') printf("%s%s ", entry->d_name, entry->d_type == DT_DIR ? "/" : "");
    struct stat status;
    printf("|%d|", stat("data/words.txt", &status) ? -errno : (int)status.st_size);
    int file = open("data/words.txt", O_RDONLY);
    printf("%d|", (int)lseek(file, -5, SEEK_END));
    memset(text, 0, sizeof text);
    read(file, text, sizeof text);
    pread(file, word, 3, 4);
    printf("%s|%s|", text, word);
    printf("%d|", open("/index.html", O_RDWR) < 0 ? errno : 0);
    printf("%d|", open("new", O_CREAT | O_WRONLY, 0644) < 0 ? errno : 0);
    printf("%d %d|", mkdir("more", 0755) ? errno : 0, unlink("index.html") ? errno : 0);
    printf("%d %d", open("/etc/passwd", O_RDONLY) < 0 ? errno : 0, open("../x", O_RDONLY) < 0 ? errno : 0);
    return 0;
}
"""
ROFS, NOENT, NOTCAPABLE = 69, 44, 76  # wasi-libc's numbers, which are WASI's


@pytest.mark.slow
def test_a_c_program_reads_the_files_it_was_deployed_with(tmp_path: Path) -> None:
    (tmp_path / "reader.c").write_text(PROGRAM)
    wasm = tmp_path / "reader.wasm"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-o", str(wasm), "reader.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    files = {"reader.wasm": wasm.read_bytes(), **FILES}
    event = msgpack.packb({"env": {}, "stdin": b"", "args": []})

    async def scene(bed: Bed) -> list[bytes]:
        program = bed.sandbox.load(built(tmp_path, Source(kind=Kind.CGI, files=files, entry="reader.wasm")))
        limits = Limits(cpu_ms=10_000, wall_ms=60_000)
        ended = [await bed.sandbox.run(program, event, limits=limits, host=RecordingHost()) for _ in range(2)]
        return [outcome.output for outcome in ended if isinstance(outcome, Finished)]

    said = f"<p>hello</p>|deep/ words.txt |13|8|three|two|{ROFS}|{ROFS}|{ROFS} {ROFS}|{NOENT} {NOTCAPABLE}"
    assert on_loop(tmp_path, scene) == [said.encode()] * 2
