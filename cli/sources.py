"""Which POPs a command is about: their admin APIs, and a token for each.

Addresses are in the site's file (``[pops.NAME] admin``), since they are no secret; tokens never are. The token of a POP
is, in this order: EDGEFAAS_TOKEN_NAME; NAME in ``pop-tokens.toml`` of the data folder, a file for its owner alone; the
data folder's own, for the POP that runs on it; and --token or EDGEFAAS_TOKEN, when all have the same.
"""

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.admin import data_folder, find_remote
from cli.remote import Remote, UnreachableError
from edgefaas.errors import ConfigError, EdgeError, UsageError

if TYPE_CHECKING:
    from edgefaas.site import Site

TOKENS_NAME = "pop-tokens.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says about where to look."""

    admin: str | None
    token: str | None
    data: Path | None
    config: Path | None
    as_json: bool


@dataclass(frozen=True, slots=True)
class Source:
    """One POP; ``name`` is "" where there is only one, and nothing names it."""

    name: str
    remote: Remote


def find_sources(asked: Asked, wanted: Sequence[str] = ()) -> tuple[list[Source], list[str]]:
    """Return the POPs that can be asked, and a sentence for each that cannot.

    ``wanted`` are names; none means all. With --admin, or where the site says no admin addresses, it is the one POP
    that every command asks.

    Raises UsageError: a name that the site does not have. UnreachableError: none can be asked.
    """
    site = None if asked.admin is not None else _site(asked.config)
    named = [pop for pop in site.pops.values() if pop.admin or pop.name == site.router.pop] if site else []
    if site is None or not any(pop.admin for pop in named):
        if wanted:
            raise UsageError("The site says no admin addresses of POPs", remedy="Add admin to [pops.NAME].")
        return [Source("", _single(asked))], []
    unknown = [name for name in wanted if name not in {pop.name for pop in named}]
    if unknown:
        raise UsageError(
            f"There is no POP {unknown[0]} with an admin address",
            remedy=f"Use one of {', '.join(pop.name for pop in named)}, or add admin to [pops.{unknown[0]}].",
        )
    tokens = read_tokens(data_folder(asked.data, asked.config) / TOKENS_NAME)
    sources, problems = [], []
    for pop in named:
        if wanted and pop.name not in wanted:
            continue
        try:
            sources.append(Source(pop.name, _remote(asked, site, pop.name, tokens)))
        except EdgeError as error:
            problems.append(f"{pop.name} is left out: {error.advice}")
    if not sources:
        raise UnreachableError(
            f"No POP can be asked: {problems[0] if problems else 'the site names none'}",
            remedy=f"Put tokens into {TOKENS_NAME} of the data folder.",
        )
    return sources, problems


def read_tokens(path: Path) -> dict[str, str]:
    """Return the tokens by POP; none where the file is not there.

    Raises ConfigError: others may read it, or it is no TOML of that kind.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(
                f"{path} can be read by others on this machine", remedy=f"Run chmod 600 {path}."
            )
        tokens = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", remedy='Write lines such as fra = "TOKEN".'
        ) from None
    if not all(isinstance(token, str) and token for token in tokens.values()):
        raise ConfigError(f"{path} holds what is no token", remedy='Write lines such as fra = "TOKEN".')
    return tokens


def variable_of(pop: str) -> str:
    """Return the name of the environment variable with the token of a POP."""
    return f"EDGEFAAS_TOKEN_{pop.upper().replace('-', '_')}"


def _remote(asked: Asked, site: "Site", name: str, tokens: dict[str, str]) -> Remote:
    """Return the admin API of one POP. Raises UnreachableError: it has no address or no token."""
    token = os.environ.get(variable_of(name)) or tokens.get(name)
    if name == site.router.pop:
        try:
            return find_remote(
                admin=None, token=token, data=asked.data, config=asked.config, as_json=asked.as_json
            )
        except UnreachableError:
            if not site.pops[name].admin:
                raise
    token = token or asked.token
    if not token:
        raise UnreachableError(
            "there is no token for it",
            remedy=f"Set {variable_of(name)}, or write {name} into {TOKENS_NAME}.",
        )
    return Remote(url=site.pops[name].admin, token=token, config=asked.config, as_json=asked.as_json)


def _single(asked: Asked) -> Remote:
    return find_remote(
        admin=asked.admin, token=asked.token, data=asked.data, config=asked.config, as_json=asked.as_json
    )


def _site(config: Path | None) -> "Site | None":
    """Return the site; None where there is none here, or its file is wrong: logs are for looking into that, too."""
    from edgefaas.config import load_site  # slow to load

    if config is None:
        return None
    try:
        return load_site(config)
    except ConfigError:
        return None
