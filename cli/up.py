"""``edgefaas up``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.admin import CONFIG_NAME, DATA_NAME, find_config
from edgefaas.errors import UsageError

if TYPE_CHECKING:
    from edgefaas.control.keyring import Key


@click.command(epilog="SIGTERM drains and ends with 0; SIGHUP reads the site's file again.")
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), metavar="FILE",
    help=f"The site's file. [default: {CONFIG_NAME}, here or in a folder above]",
)  # fmt: skip
@click.option(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT",
    help="For viewers; or unix:PATH, for a proxy on this machine.",
)  # fmt: skip
@click.option(
    "--listen-tls", metavar="HOST:PORT", help="For viewers with TLS. [default: listen.tls of the site's file]"
)
@click.option("--http2", is_flag=True, help="HTTP/2, too, for viewers with TLS (edgefaas[http2]).")
@click.option(
    "--admin", default="127.0.0.1:8079", show_default=True, metavar="HOST:PORT", help="For the commands."
)
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR",
    help=f"What survives restarts. [default: {DATA_NAME} beside the site's file]",
)  # fmt: skip
@click.option(
    "--secret-key-file", type=click.Path(path_type=Path), envvar="EDGEFAAS_SECRET_KEY_FILE", metavar="FILE",
    help="Keys that seal secrets. [default: secret-key in the data folder; or the variable EDGEFAAS_SECRET_KEY]",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 256), metavar="N", help="[default: one per core]")
def up(  # noqa: PLR0913  # one per option
    *,
    config: Path | None,
    listen: str,
    listen_tls: str | None,
    http2: bool,
    admin: str,
    data: Path | None,
    secret_key_file: Path | None,
    workers: int | None,
) -> int:
    """Run a point of presence in the foreground.

    Prints one line, ready http://HOST:PORT, when it serves; the address with TLS, if any, stands behind it.
    Port 0 lets the kernel choose.
    """
    from edgefaas.foreground import up as run
    from edgefaas.listen import parse_address, parse_listen
    from edgefaas.upoptions import UpOptions

    config = config or find_config() or Path(CONFIG_NAME)
    keys, keys_where = given_keys(secret_key_file)
    return run(
        UpOptions(
            config=config,
            listen=parse_listen(listen, option="--listen"),
            listen_tls=parse_address(listen_tls, option="--listen-tls") if listen_tls else None,
            http2=http2,
            admin=parse_address(admin, option="--admin"),
            data=(data or config.resolve().parent / DATA_NAME).absolute(),
            workers=workers or len(os.sched_getaffinity(0)),
            keys=keys,
            keys_where=keys_where,
        )
    )


def given_keys(path: Path | None) -> "tuple[tuple[Key, ...], str]":
    """Return the keys that are given from outside, and where. The variable is not handed on to workers."""
    from edgefaas.control.keyring import KEY_FILE, KEY_VARIABLE, parse_keys, read_keys

    text = os.environ.pop(KEY_VARIABLE, "")
    os.environ.pop("EDGEFAAS_SECRET_KEY_FILE", "")
    if text and path is not None:
        raise UsageError(
            f"{KEY_VARIABLE} and --secret-key-file exclude each other", remedy="Give one of them."
        )
    if path is not None:
        return read_keys(path), str(path)
    return (parse_keys(text, where=KEY_VARIABLE), KEY_VARIABLE) if text else ((), KEY_FILE)
