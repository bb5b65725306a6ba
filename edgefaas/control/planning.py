"""What a deploy would change, said before it is done. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgefaas.arms import RELEASE_PREFIX
from edgefaas.control.bundle import NAME, Bundle, digest, version_of
from edgefaas.control.records import Version
from edgefaas.control.rollout import Rollout
from edgefaas.errors import DeployError
from edgefaas.release import KIND, Release
from edgefaas.split import WHOLE
from sandbox.contract import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A version without the contents of its files: what tells it apart from others."""

    name: str
    version: str
    kind: str
    entry: str
    handler: str
    files: Mapping[str, str]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens to one function.

    ``change`` is new, changed or unchanged; ``files`` and ``settings`` say what differs from what is live. ``known``
    is the number of the version where it was deployed before. ``ends`` is what is on its way and ends with this.
    """

    name: str
    change: str
    version: str
    live: str | None = None
    known: int | None = None
    files: Sequence[str] = ()
    settings: Sequence[str] = ()
    ends: str = ""
    used_by: Sequence[str] = field(default_factory=list)


def read_outline(plain: Any) -> Outline:
    """Return the outline of a JSON object. Raises DeployError."""
    texts = ("name", "kind", "entry", "handler")
    if (
        not isinstance(plain, dict)
        or plain.keys() != {*texts, "files", "settings"}
        or not all(isinstance(plain[key], str) for key in texts)
        or not isinstance(plain["files"], dict)
        or not all(isinstance(digest, str) for digest in plain["files"].values())
        or not isinstance(plain["settings"], dict)
        or not NAME.match(plain["name"].removeprefix(RELEASE_PREFIX))
        or plain["kind"] not in (KIND, *Kind)
    ):
        raise DeployError(
            "This is not the outline of a function",
            remedy="Send name, kind, entry, handler, files (path to SHA-256) and settings.",
        )
    version = version_of(
        kind=plain["kind"],
        entry=plain["entry"],
        handler=plain["handler"],
        files=plain["files"],
        settings=plain["settings"],
    )
    return Outline(version=version, **plain)


def outline_of(bundle: Bundle | Release) -> dict[str, Any]:
    """Return the outline of a bundle as the admin API takes it."""
    if isinstance(bundle, Release):
        files = dict(bundle.files)
        return {"name": bundle.name, "kind": KIND, "entry": "", "handler": "", "files": files, "settings": {}}
    source = bundle.source
    return {
        "name": bundle.name,
        "kind": source.kind.value,
        "entry": source.entry,
        "handler": source.handler,
        "files": {path: digest(content) for path, content in source.files.items()},
        "settings": bundle.settings,
    }


def planned(
    outline: Outline,
    live: Version | None,
    rollout: Rollout | None,
    versions: Sequence[Version],
    *,
    canary: bool,
) -> Step:
    """Return what a deploy of ``outline`` would do to its function.

    ``versions`` are those that are stored, ``canary`` whether only some viewers are to get it.
    """
    known = next((item.number for item in versions if item.version == outline.version), None)
    step = Step(
        name=outline.name,
        change="new",
        version=outline.version,
        known=known,
        ends=_ends(outline, rollout, canary=canary),
    )
    if live is None:
        return step
    return Step(
        name=step.name,
        change="unchanged" if live.version == outline.version else "changed",
        version=step.version,
        live=f"v{live.number}",
        known=known,
        files=_differences(live.files, outline.files),
        settings=_settings(live, outline),
        ends=step.ends,
    )


def _ends(outline: Outline, rollout: Rollout | None, *, canary: bool) -> str:
    if rollout is None or not rollout.is_canary or (rollout.version == outline.version and canary):
        return ""
    return f"the canary {rollout.version[:12]} with {rollout.share * 100 / WHOLE:g} % of the viewers"


def _differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Return what was added (+), removed (-) and changed (~), by name."""
    marked = dict.fromkeys(after.keys() - before.keys(), "+")
    marked |= dict.fromkeys(before.keys() - after.keys(), "-")
    marked |= {name: "~" for name in before.keys() & after.keys() if before[name] != after[name]}
    return [f"{marked[name]} {name}" for name in sorted(marked)]


def _settings(live: Version, outline: Outline) -> list[str]:
    """Return the settings that differ, by name; values of an environment may be secret, so none is told."""
    return _differences(
        _flat({**live.settings, "kind": live.kind, "entry": live.entry, "handler": live.handler}),
        _flat({**outline.settings, "kind": outline.kind, "entry": outline.entry, "handler": outline.handler}),
    )


def _flat(settings: Mapping[str, Any]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            flat[key] = value
    return flat
