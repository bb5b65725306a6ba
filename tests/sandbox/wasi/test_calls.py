"""Every call of WASI preview 1, made by a guest of kind ``event`` that returns the errno and some memory."""

from pathlib import Path

import pytest

from sandbox.capi import Linker
from sandbox.contract import Finished, Limits, Outcome, Trapped
from sandbox.wasi import WASI_MODULE, define_wasi
from sandbox.wasi.abi import EVENT, FDSTAT, FILESTAT, SUBSCRIPTION, U32, U64, Errno
from tests.sandbox.guests import RecordingHost, event_module, run, workshop_engine

PREVIEW_1 = frozenset(
    """
    args_get args_sizes_get clock_res_get clock_time_get environ_get environ_sizes_get fd_advise
    fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags fd_fdstat_set_rights
    fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread fd_prestat_dir_name
    fd_prestat_get fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync fd_tell fd_write
    path_create_directory path_filestat_get path_filestat_set_times path_link path_open path_readlink
    path_remove_directory path_rename path_symlink path_unlink_file poll_oneoff proc_exit proc_raise
    random_get sched_yield sock_accept sock_recv sock_send sock_shutdown
    """.split()  # noqa: SIM905
)
FAR = -65536  # a pointer beyond any memory


def calling(name: str, signature: str, *arguments: int, data: bytes = b"", result: str = "i32") -> bytes:
    """Return a guest that calls one function; its output is the errno and the 256 bytes from 64 on."""
    kinds = {"i": "i32", "q": "i64"}
    parameters = " ".join(kinds[kind] for kind in signature)
    pushed = " ".join(
        f"({kinds[kind]}.const {value})" for kind, value in zip(signature, arguments, strict=True)
    )
    literal = "".join(f"\\{byte:02x}" for byte in data)
    call = f"(call $f {pushed})"
    return event_module(
        f"(i32.store (i32.const 60) {call}) (call $pack (i32.const 60) (i32.const 260))"
        if result
        else f"{call} (unreachable)",
        imports=f'(import "{WASI_MODULE}" "{name}" (func $f (param {parameters}) '
        f"{f'(result {result})' if result else ''}))",
        extra=f'(data (i32.const 512) "{literal}")',
    )


def answer(outcome: Outcome) -> tuple[int, bytes]:
    assert isinstance(outcome, Finished), outcome
    return U32.unpack_from(outcome.output)[0], outcome.output[4:]


def call(
    folder: Path,
    name: str,
    signature: str,
    *arguments: int,
    data: bytes = b"",
    host: RecordingHost | None = None,
) -> tuple[int, bytes]:
    return answer(run(folder, calling(name, signature, *arguments, data=data), host=host))


def test_every_call_of_preview_1_is_there() -> None:
    engine, _ = workshop_engine()
    assert define_wasi(Linker(engine)) == {(WASI_MODULE, name) for name in PREVIEW_1}


def test_there_are_no_arguments(tmp_path: Path) -> None:
    assert call(tmp_path, "args_sizes_get", "ii", 64, 68) == (0, bytes(256))
    assert call(tmp_path, "args_get", "ii", 64, 68) == (0, bytes(256))


def test_the_environment_is_that_of_the_function(tmp_path: Path) -> None:
    host = RecordingHost({"A": "1", "GREETING": "grüezi"})
    errno, memory = call(tmp_path, "environ_sizes_get", "ii", 64, 68, host=host)
    assert (errno, memory[:8]) == (0, U32.pack(2) + U32.pack(4 + 17))
    errno, memory = call(tmp_path, "environ_get", "ii", 64, 80, host=host)
    assert (errno, memory[:8]) == (0, U32.pack(80) + U32.pack(84))
    assert memory[16:37] == b"A=1\0" + "GREETING=grüezi".encode() + b"\0"


@pytest.mark.parametrize("clock", [0, 1, 2, 3])
def test_there_are_four_clocks(tmp_path: Path, clock: int) -> None:
    errno, memory = call(tmp_path, "clock_time_get", "iqi", clock, 0, 64)
    assert errno == 0
    assert U64.unpack_from(memory)[0] > 0 or clock > 1
    assert call(tmp_path, "clock_res_get", "ii", clock, 64)[0] == 0


@pytest.mark.parametrize("clock", [-1, 4])
def test_there_is_no_other_clock(tmp_path: Path, clock: int) -> None:
    assert call(tmp_path, "clock_time_get", "iqi", clock, 0, 64)[0] == Errno.INVAL
    assert call(tmp_path, "clock_res_get", "ii", clock, 64)[0] == Errno.INVAL


def test_random_bytes_differ_and_a_large_request_is_filled_to_its_last_byte(tmp_path: Path) -> None:
    first, second = (call(tmp_path, "random_get", "ii", 64, 256) for _ in range(2))
    assert first[0] == second[0] == 0
    assert first[1] != second[1]
    text = calling("random_get", "ii", 64, 3_000_000).replace(b"(memory (export", b"(memory (export", 1)
    large = text.replace(b'"memory") 2)', b'"memory") 60)').replace(
        b"(call $pack (i32.const 60) (i32.const 260))", b"(call $pack (i32.const 2999000) (i32.const 1064))"
    )
    outcome = run(tmp_path, large)
    assert isinstance(outcome, Finished)
    assert any(outcome.output[1000:1064])


def test_what_a_function_prints_goes_to_its_log_line_by_line(tmp_path: Path) -> None:
    host = RecordingHost()
    vectors = U32.pack(528) + U32.pack(4) + U32.pack(532) + U32.pack(6)
    data = vectors + b"one\ntwo\nth"
    assert call(tmp_path, "fd_write", "iiii", 1, 512, 2, 64, data=data, host=host)[1][:4] == U32.pack(10)
    assert call(tmp_path, "fd_write", "iiii", 2, 512, 2, 64, data=data, host=host)[0] == 0
    assert host.lines == [(level, line) for level in ("info", "error") for line in ("one", "two", "th")]


def test_standard_input_of_a_function_is_empty(tmp_path: Path) -> None:
    data = U32.pack(600) + U32.pack(10)
    assert call(tmp_path, "fd_read", "iiii", 0, 512, 1, 64, data=data) == (0, bytes(256))


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_the_three_streams_are_character_devices(tmp_path: Path, descriptor: int) -> None:
    errno, memory = call(tmp_path, "fd_fdstat_get", "ii", descriptor, 64)
    assert (errno, FDSTAT.unpack_from(memory)[0]) == (0, 2)
    errno, memory = call(tmp_path, "fd_filestat_get", "ii", descriptor, 64)
    assert (errno, FILESTAT.unpack_from(memory)[2]) == (0, 2)
    assert call(tmp_path, "fd_fdstat_set_flags", "ii", descriptor, 4)[0] == 0
    assert call(tmp_path, "fd_fdstat_set_flags", "ii", descriptor, 2)[0] == Errno.INVAL
    assert call(tmp_path, "fd_close", "i", descriptor)[0] == 0


def test_a_stream_can_be_renumbered(tmp_path: Path) -> None:
    assert call(tmp_path, "fd_renumber", "ii", 1, 2)[0] == 0
    assert call(tmp_path, "fd_renumber", "ii", 1, 7)[0] == Errno.BADF


WRONG_ON_A_STREAM = [
    ("fd_advise", "iqqi", Errno.SPIPE),
    ("fd_allocate", "iqq", Errno.NOTSUP),
    ("fd_datasync", "i", Errno.INVAL),
    ("fd_fdstat_set_rights", "iqq", Errno.NOTCAPABLE),
    ("fd_filestat_set_size", "iq", Errno.INVAL),
    ("fd_filestat_set_times", "iqqi", Errno.NOTCAPABLE),
    ("fd_pread", "iiiqi", Errno.SPIPE),
    ("fd_pwrite", "iiiqi", Errno.SPIPE),
    ("fd_readdir", "iiiqi", Errno.NOTDIR),
    ("fd_seek", "iqii", Errno.SPIPE),
    ("fd_sync", "i", Errno.INVAL),
    ("fd_tell", "ii", Errno.SPIPE),
    ("path_create_directory", "iii", Errno.NOTDIR),
    ("path_filestat_get", "iiiii", Errno.NOTDIR),
    ("path_filestat_set_times", "iiiiqqi", Errno.NOTDIR),
    ("path_link", "iiiiiii", Errno.NOTDIR),
    ("path_open", "iiiiiqqii", Errno.NOTDIR),
    ("path_readlink", "iiiiii", Errno.NOTDIR),
    ("path_remove_directory", "iii", Errno.NOTDIR),
    ("path_rename", "iiiiii", Errno.NOTDIR),
    ("path_unlink_file", "iii", Errno.NOTDIR),
    ("sock_accept", "iii", Errno.NOTSOCK),
    ("sock_recv", "iiiiii", Errno.NOTSOCK),
    ("sock_send", "iiiii", Errno.NOTSOCK),
    ("sock_shutdown", "ii", Errno.NOTSOCK),
]


@pytest.mark.parametrize(("name", "signature", "errno"), WRONG_ON_A_STREAM)
def test_files_folders_and_sockets_are_not_there(
    tmp_path: Path, name: str, signature: str, errno: Errno
) -> None:
    assert call(tmp_path, name, signature, *([1] * len(signature)))[0] == errno
    assert call(tmp_path, name, signature, *([3] * len(signature)))[0] == Errno.BADF
    assert call(tmp_path, name, signature, *([-1] * len(signature)))[0] == Errno.BADF


def test_no_folder_was_opened_beforehand(tmp_path: Path) -> None:
    assert call(tmp_path, "fd_prestat_get", "ii", 3, 64)[0] == Errno.BADF
    assert call(tmp_path, "fd_prestat_dir_name", "iii", 3, 64, 10)[0] == Errno.BADF
    assert call(tmp_path, "path_symlink", "iiiii", 64, 1, 3, 64, 1)[0] == Errno.BADF


@pytest.mark.parametrize(
    ("name", "signature", "arguments"),
    [
        ("environ_get", "ii", (FAR, 64)),
        ("environ_sizes_get", "ii", (64, FAR)),
        ("clock_time_get", "iqi", (0, 0, FAR)),
        ("clock_res_get", "ii", (0, FAR)),
        ("fd_fdstat_get", "ii", (1, FAR)),
        ("fd_filestat_get", "ii", (1, FAR)),
        ("fd_write", "iiii", (1, FAR, 1, 64)),
        ("fd_write", "iiii", (1, 512, 1, FAR)),
        ("fd_read", "iiii", (0, FAR, 1, 64)),
        ("random_get", "ii", (FAR, 10)),
        ("random_get", "ii", (64, -1)),
        ("poll_oneoff", "iiii", (FAR, 64, 1, 64)),
        ("poll_oneoff", "iiii", (512, FAR, 1, 64)),
    ],
)
def test_a_pointer_outside_the_memory_is_an_errno(
    tmp_path: Path, name: str, signature: str, arguments: tuple[int, ...]
) -> None:
    host = RecordingHost({"A": "1"})
    data = SUBSCRIPTION.pack(1, 0, 0, 0, 0, 0)
    assert call(tmp_path, name, signature, *arguments, data=data, host=host)[0] == Errno.FAULT


@pytest.mark.parametrize("name", ["fd_write", "fd_read"])
def test_vectors_that_lie_about_their_length_are_an_errno(tmp_path: Path, name: str) -> None:
    descriptor = int(name == "fd_write")
    lying = U32.pack(64) + U32.pack(0xFFFF_FFFF)
    assert call(tmp_path, name, "iiii", descriptor, 512, 1, 64, data=lying)[0] == Errno.FAULT
    for count in (-1, 1025):
        assert call(tmp_path, name, "iiii", descriptor, 512, count, 64)[0] == Errno.INVAL


def test_a_guest_that_sleeps_wakes_up(tmp_path: Path) -> None:
    data = SUBSCRIPTION.pack(7, 0, 1, 2_000_000, 0, 0) + SUBSCRIPTION.pack(8, 0, 1, 10**12, 0, 0)
    errno, memory = call(tmp_path, "poll_oneoff", "iiii", 512, 72, 2, 64, data=data)
    assert (errno, memory[:4]) == (0, U32.pack(1))
    assert EVENT.unpack_from(memory, 8) == (7, 0, 0, 0, 0)


def test_waiting_for_a_stream_does_not_wait(tmp_path: Path) -> None:
    data = SUBSCRIPTION.pack(7, 2, 1, 0, 0, 0) + SUBSCRIPTION.pack(8, 0, 1, 10**15, 0, 0)
    errno, memory = call(tmp_path, "poll_oneoff", "iiii", 512, 72, 2, 64, data=data)
    assert (errno, memory[:4]) == (0, U32.pack(1))
    assert EVENT.unpack_from(memory, 8)[:3] == (7, 0, 2)


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_waiting_for_nothing_or_too_much_is_an_errno(tmp_path: Path, count: int) -> None:
    assert call(tmp_path, "poll_oneoff", "iiii", 512, 72, count, 64)[0] == Errno.INVAL


def test_a_function_that_exits_or_raises_a_signal_has_trapped(tmp_path: Path) -> None:
    exited = run(tmp_path, calling("proc_exit", "i", 0, result=""))
    assert isinstance(exited, Trapped)
    assert exited.message == "it exited with status 0"
    raised = run(tmp_path, calling("proc_raise", "i", 6))
    assert isinstance(raised, Trapped)
    assert raised.message == "it raised signal 6"


def test_yielding_and_closing_twice(tmp_path: Path) -> None:
    assert call(tmp_path, "sched_yield", "")[0] == 0
    assert call(tmp_path, "fd_close", "i", 9)[0] == Errno.BADF


def test_a_log_full_of_output_is_cut_and_the_guest_goes_on(tmp_path: Path) -> None:
    host = RecordingHost()
    data = U32.pack(0) + U32.pack(100_000)
    text = calling("fd_write", "iiii", 1, 512, 1, 64, data=data)
    assert answer(run(tmp_path, text, host=host, limits=Limits(log_bytes=1_000)))[0] == 0
    assert host.lines == [("warn", "log cut: the limit is 1000 bytes per invocation")]
