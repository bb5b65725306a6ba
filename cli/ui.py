"""``edgefaas ui``: a link to the page of the POP that signs the browser in."""

import webbrowser

import click

from cli import words
from cli.admin import remote_options
from cli.remote import Remote


@click.command()
@click.option("--open", "opens", is_flag=True, help="Open it in the browser of this machine.")
@remote_options
def ui(remote: Remote, opens: bool) -> None:  # noqa: FBT001  # click passes it by name
    """Print a link to the POP's page: figures, map, functions, log, purge and rollback.

    The link signs one browser in, once, within two minutes: for twelve hours, with the rights of the token that this
    command has. What it holds stands behind the #, which browsers do not send, and is no token. Without it the page
    asks for a token.
    """
    told = remote.post("/v1/tickets")
    url = f"{remote.url}/ui/"
    link = f"{url}#ticket={told['ticket']}"
    minutes = f"{told['expires_in_s'] / 60:.0f}"
    text = f"{link}\n  It signs one browser in, once, within {minutes} minutes. Without it {url} asks for a token."
    value = {"url": url, "link": link, "expires_in_s": told["expires_in_s"]}
    words.result(value, as_json=remote.as_json, text=text)
    if opens and not webbrowser.open(link):
        words.warn("No browser was found on this machine.")
