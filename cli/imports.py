"""``edgefaas import cloudfront``: a site of a distribution's configuration."""

import os
from pathlib import Path

import click

from cli import words
from cli.admin import CONFIG_NAME
from cli.events import read_json
from edgefaas.errors import StateError


@click.group(name="import")
def import_() -> None:
    """Make edgefaas.toml of what another product was told."""


@import_.command()
@click.argument("distribution", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
    help=f"Write it there, such as {CONFIG_NAME}; nothing is written over.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the text and what is left out as JSON.")
def cloudfront(distribution: Path, output: Path | None, as_json: bool) -> None:  # noqa: FBT001  # click passes it by name
    """Print the site of a CloudFront distribution, and what could not be carried over.

    \b
    aws cloudfront get-distribution-config --id ID > distribution.json
    edgefaas import cloudfront distribution.json -o edgefaas.toml
    """  # noqa: D301  # \b is click's mark
    from edgefaas.import_cloudfront import import_distribution

    imported = import_distribution(read_json(distribution))
    text = imported.toml.rstrip("\n")
    if output is not None:
        _write(output, f"{text}\n")
        text = f"{output} is written"
    words.result(
        {"toml": imported.toml, "left_out": imported.left_out, "functions": imported.functions},
        as_json=as_json,
        text=text,
    )
    if not as_json:
        for sentence in imported.left_out:
            words.warn(sentence)
        if imported.functions:
            words.note(f"Put the sources of its functions at {', '.join(imported.functions)}.")


def _write(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise StateError(
            f"The file {path} cannot be made: {error.strerror}",
            remedy="Choose another name, or remove it.",
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
