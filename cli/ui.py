"""``edgefaas ui``: where the page of the POP is."""

import webbrowser

import click

from cli import words
from cli.admin import Remote, data_folder, remote_options


@click.command()
@click.option("--open", "opens", is_flag=True, help="Open it in the browser of this machine.")
@remote_options
def ui(remote: Remote, opens: bool) -> None:  # noqa: FBT001  # click passes it by name
    """Say where the POP's page is: figures, map, functions, log, purge and rollback.

    The page asks for a token: never put one into an address, which browsers remember.
    """
    remote.look("/v1/whoami")
    url = f"{remote.url}/ui/"
    token = remote.folder or data_folder(None, remote.config)
    text = f"{url}\n  It asks for a token, such as the one in {token / 'admin-token'}."
    words.result({"url": url}, as_json=remote.as_json, text=text)
    if opens and not webbrowser.open(url):
        words.warn("No browser was found on this machine.")
