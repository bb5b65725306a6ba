"""How CPython's parts are found in the package that carries them, and what is said when they are not."""

import io
import tarfile

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sandbox.contract import Kind
from sandbox.errors import CompileError
from sandbox.kinds import kind_module
from sandbox.python import parts
from tests.sandbox.python.stage import missing

MAGIC = b"\x28\xb5\x2f\xfd"
noise = st.binary(max_size=200).filter(lambda octets: MAGIC not in octets and MAGIC[:1] not in octets[-4:])


@given(pieces=st.lists(st.tuples(noise, st.binary(max_size=500))), last=noise, trap=st.booleans())
def test_every_frame_is_found_whatever_lies_between(
    pieces: list[tuple[bytes, bytes]], last: bytes, trap: bool
) -> None:
    compressor = zstandard.ZstdCompressor()
    between = MAGIC + b"\xff" if trap else b""  # looks like a frame, and is none
    data = b"".join(before + between + compressor.compress(content) for before, content in pieces) + last
    assert list(parts.frames(data)) == [content for _, content in pieces]


def test_a_frame_that_breaks_off_is_no_frame() -> None:
    whole = zstandard.ZstdCompressor().compress(bytes(range(256)) * 10)
    for length in range(0, len(whole), 7):
        assert list(parts.frames(whole[:length])) == []


def test_only_an_archive_of_the_standard_library_is_taken_for_one() -> None:
    def archive(*names: str) -> bytes:
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as made:
            for name in names:
                made.addfile(tarfile.TarInfo(name))
        return target.getvalue()

    assert parts._library_files(b"no archive") == {}
    assert parts._library_files(archive("poll_loop.py")) == {}
    found = parts._library_files(
        archive("encodings/__init__.py", "json/__init__.py", "idlelib/x.py", "LICENSE.txt")
    )
    assert sorted(found) == [
        f"{parts.LIBRARY_ROOT}/encodings/__init__.py",
        f"{parts.LIBRARY_ROOT}/json/__init__.py",
    ]


def test_a_package_that_is_not_there_or_another_version_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = parts.package_path.__wrapped__
    monkeypatch.setattr(parts, "PACKAGE", "no-such-package")
    with pytest.raises(
        CompileError, match="need the package no-such-package, which is not installed"
    ) as caught:
        find()
    assert "pip install 'edgefaas[python]'" in caught.value.remedy
    monkeypatch.setattr(parts, "PACKAGE", "zstandard")
    with pytest.raises(CompileError, match=r"need zstandard 0\.25\.1, but found 0\.\d+"):
        find()


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_what_names_an_artefact_changes_with_the_interpreter() -> None:
    module = kind_module(Kind.PYTHON)
    assert module.BUILD_VERSION.startswith("1 ")
    assert len(module.BUILD_VERSION) == 2 + 64
    with pytest.raises(AttributeError, match="no attribute 'OTHER'"):
        _ = module.OTHER  # type: ignore[attr-defined]
