"""``edgefaas token``: more tokens for the admin API, with fewer rights."""

from urllib.parse import quote

import click

from cli import words
from cli.admin import remote_options
from cli.remote import Remote

SCOPES = ["read", "deploy", "purge", "kv", "admin"]


@click.group()
def token() -> None:
    """Make and revoke tokens for the admin API."""


@token.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True, help="May be repeated."
)
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="How long it is good; without, for ever."
)
@remote_options
def create(remote: Remote, name: str, scopes: tuple[str, ...], days: float | None) -> None:
    """Make a token and print it. It is shown this once."""
    body = {"name": name, "scopes": list(scopes)} | ({"expires_in_s": days * 86_400} if days else {})
    answer = remote.post("/v1/tokens", body)
    words.result(answer, as_json=remote.as_json, text=answer["token"])


@token.command()
@remote_options
def ls(remote: Remote) -> None:
    """List the tokens."""
    answer = remote.get("/v1/tokens")
    rows = [
        (
            row["name"],
            ",".join(row["scopes"]),
            words.moment(row["created_at_s"]),
            words.moment(row["expires_at_s"]) if row["expires_at_s"] else "never",
        )
        for row in answer["tokens"]
    ]
    words.result(
        answer, as_json=remote.as_json, text=words.table(rows, head=("TOKEN", "SCOPES", "MADE", "ENDS"))
    )


@token.command()
@click.argument("name")
@remote_options
def revoke(remote: Remote, name: str) -> None:
    """Make a token worthless at once."""
    answer = remote.ask("DELETE", f"/v1/tokens/{quote(name, safe='')}")
    words.result(answer, as_json=remote.as_json, text=f"{name} is revoked")
