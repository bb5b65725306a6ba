"""Compiled functions on this machine's disk: written once, verified before every load.

An artefact is a folder named by a digest: its files, and a manifest that lists their digests, authenticated
with a key that this machine made for itself. Native code that was not built here, or was changed, does not
load. It is written under a temporary name, synced and renamed, so a half-written one is never seen.
"""

import hashlib
import hmac
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import ArtifactError

_MANIFEST = "manifest.json"
_KEY = ".key"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A verified artefact: where its files are, and what its build learnt."""

    name: str
    folder: Path
    kind: str
    facts: Mapping[str, object]
    warnings: tuple[str, ...]

    def path(self, file: str) -> Path:
        """Return where a file is. Map it, never write it."""
        return self.folder / file

    def read(self, file: str) -> bytes:
        """Return a file's bytes. Raises ArtifactError."""
        try:
            return self.path(file).read_bytes()
        except OSError as error:
            raise _damaged(self.name, str(error)) from error


class ArtifactStore:
    """The artefacts of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = _own_key(folder / _KEY)

    def has(self, name: str) -> bool:
        """Whether an artefact of that name is there (verified only by ``open``)."""
        return (self.folder / name / _MANIFEST).is_file()

    def put(
        self,
        name: str,
        files: Mapping[str, bytes],
        *,
        kind: str,
        facts: Mapping[str, object] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        """Write an artefact; on return it survives a power cut. One of that name that is there stays."""
        manifest = {
            "kind": kind,
            "facts": dict(facts or {}),
            "warnings": list(warnings),
            "files": {file: hashlib.sha256(data).hexdigest() for file, data in files.items()},
        }
        sealed = json.dumps({"manifest": manifest, "mac": self._mac(name, manifest)}, sort_keys=True).encode()
        temporary = self.folder / f".new-{os.getpid()}-{secrets.token_hex(8)}"
        temporary.mkdir()
        try:
            for file, data in {**files, _MANIFEST: sealed}.items():
                _write_synced(temporary / file, data)
            _sync_folder(temporary)
            try:
                temporary.rename(self.folder / name)
            except OSError:
                try:
                    self.open(name)  # another build of the same was faster
                except ArtifactError:
                    shutil.rmtree(self.folder / name, ignore_errors=True)
                    temporary.rename(self.folder / name)
            _sync_folder(self.folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def open(self, name: str) -> Artifact:
        """Verify an artefact, every byte of it. Raises ArtifactError."""
        if not name or not name.isalnum():
            raise _damaged(name, "not the name of an artefact")
        folder = self.folder / name
        try:
            sealed = json.loads((folder / _MANIFEST).read_bytes())
            manifest, mac = sealed["manifest"], str(sealed["mac"])
            if not hmac.compare_digest(mac, self._mac(name, manifest)):
                raise _damaged(name, "it was not built on this machine, or its manifest was changed")
            for file, digest in manifest["files"].items():
                with (folder / file).open("rb") as stream:
                    if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                        raise _damaged(name, f"{file} was changed")
            return Artifact(
                name=name,
                folder=folder,
                kind=manifest["kind"],
                facts=manifest["facts"],
                warnings=tuple(manifest["warnings"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(name, str(error)) from error

    def sweep(self, pid: int) -> None:
        """Delete what a process left half-written: it was killed in the middle of ``put``."""
        for left in self.folder.glob(f".new-{pid}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def remove(self, name: str) -> None:
        """Delete an artefact; what is mapped of it stays usable until unmapped."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def _mac(self, name: str, manifest: object) -> str:
        text = json.dumps([name, manifest], sort_keys=True).encode()
        return hmac.new(self._key, text, "sha256").hexdigest()


def _damaged(name: str, why: str) -> ArtifactError:
    return ArtifactError(f"artefact {name[:16]} cannot be loaded: {why}", remedy="Deploy the function again.")


def _own_key(path: Path) -> bytes:
    """Return the machine's own key, made at first use and readable by its user only."""
    if not path.exists():
        temporary = path.with_name(f".key-{secrets.token_hex(8)}")
        _write_synced(temporary, secrets.token_bytes(_KEY_BYTES), mode=0o600)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process made it first
        finally:
            temporary.unlink()
    return path.read_bytes()


def _write_synced(path: Path, data: bytes, mode: int = 0o644) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
