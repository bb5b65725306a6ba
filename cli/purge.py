"""``edgefaas purge``."""

import click

from cli import words
from cli.admin import remote_options
from cli.remote import Remote
from edgefaas.errors import UsageError


@click.command()
@click.option("--url", metavar="URL", help="One response: /path or http://host/path?query.")
@click.option("--prefix", metavar="URL", help="Everything that begins so.")
@click.option("--wildcard", metavar="URL", help="Everything that matches; * is any run of characters.")
@click.option("--tag", metavar="TAG", help="Everything with this surrogate key.")
@click.option("--host", metavar="HOST", help="Everything of this host.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--soft", is_flag=True, help="Mark stale instead of dropping.")
@remote_options
def purge(
    remote: Remote,
    everything: bool,  # noqa: FBT001  # click passes it by name
    soft: bool,  # noqa: FBT001  # click passes it by name
    **by: str | None,
) -> None:
    """Drop stored responses in every worker; it holds when this command ends.

    \b
    edgefaas purge --url /index.html
    edgefaas purge --tag product-42 --soft
    """  # noqa: D301  # \b is click's mark
    named = [(kind, value) for kind, value in by.items() if value is not None]
    if everything:
        named.append(("everything", ""))
    if len(named) != 1:
        raise UsageError(
            "A purge needs exactly one of --url, --prefix, --wildcard, --tag, --host and --all",
            remedy="Name what to purge.",
        )
    ((kind, value),) = named
    answer = remote.post("/v1/purge", {"kind": kind, "value": value, "soft": soft})
    verb = "marked stale" if soft else "dropped"
    count = answer["removed"]
    least = "" if answer["complete"] else "at least "
    text = f"{least}{count} stored response{'' if count == 1 else 's'} {verb}"
    words.result(answer, as_json=remote.as_json, text=text)
