"""Which running POP a command means: where its admin API is, and with which token.

Address and token come from ``--admin`` and ``--token``, the environment (EDGEFAAS_ADMIN, EDGEFAAS_TOKEN), or
the data folder of the site that is here or in a folder above.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from cli.remote import Remote, UnreachableError, announced
from edgefaas.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

CONFIG_NAME = "edgefaas.toml"
DATA_NAME = ".edgefaas"


def remote_options(command: F) -> F:
    """Give a command the options that find a POP; it gets a ``Remote`` first."""

    @click.option("--admin", envvar="EDGEFAAS_ADMIN", metavar="URL", help="Where the admin API is.")
    @click.option("--token", envvar="EDGEFAAS_TOKEN", metavar="TOKEN", help="The token for it.")
    @click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The POP's data folder.")
    @click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(command)
    def wrapped(
        admin: str | None,
        token: str | None,
        data: Path | None,
        config: Path | None,
        as_json: bool,  # noqa: FBT001  # click passes it by name
        **rest: Any,
    ) -> Any:
        config = config or find_config()
        remote = find_remote(admin=admin, token=token, data=data, config=config, as_json=as_json)
        return command(remote, **rest)

    return wrapped  # type: ignore[return-value]


def find_config(start: Path | None = None) -> Path | None:
    """Return the site's file of this folder or of the nearest one above."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
    return None


def data_folder(data: Path | None, config: Path | None) -> Path:
    """Return the data folder: the one named, or the one beside the site's file."""
    if data is not None:
        return data
    return (config.parent if config else Path.cwd()) / DATA_NAME


def find_remote(
    *, admin: str | None, token: str | None, data: Path | None, config: Path | None, as_json: bool
) -> Remote:
    """Return the POP that is meant. Raises UnreachableError: none is named, and none runs here."""
    folder = data_folder(data, config)
    told = announced(folder)
    url = admin or told
    if not url:
        raise UnreachableError(
            f"No POP runs on the data folder {folder}",
            remedy="Start one with edgefaas up, or name one with --admin and --token.",
        )
    if "://" not in url:
        url = f"http://{url}"
    _check_address(url)
    if not token:
        token = _own_token(folder) if admin is None or url == told else None
    if not token:
        raise UnreachableError(
            f"There is no token for the POP at {url}",
            remedy="Give it with --token or EDGEFAAS_TOKEN; it is in admin-token of the POP's data folder.",
        )
    told_by = folder if admin is None else None
    return Remote(url=url.rstrip("/"), token=token, config=config, as_json=as_json, folder=told_by)


def _check_address(url: str) -> None:
    """Raise UsageError for what is no address."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port or an IPv6 address
        good = False
    if not good:
        raise UsageError(
            f'"{url}" is not the address of an admin API',
            remedy="Write for example --admin http://127.0.0.1:8079.",
        )


def _own_token(folder: Path) -> str | None:
    try:
        return (folder / "admin-token").read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, PermissionError):
            raise UnreachableError(
                f"{folder / 'admin-token'} may not be read by {os.environ.get('USER', 'this user')}",
                remedy="Run the command as the POP's user, or give the token with --token.",
            ) from None
        return None
