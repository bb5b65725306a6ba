"""``edgefaas validate``: is the site's file good, and everything that it names?"""

from pathlib import Path
from typing import Any

import click

from cli import words
from cli.admin import CONFIG_NAME, find_config


@click.command()
@click.argument("config", type=click.Path(path_type=Path), required=False, metavar="[FILE]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def validate(config: Path | None, as_json: bool) -> int:  # noqa: FBT001  # click passes it by name
    """Check edgefaas.toml, and that the folders and sources that it names are there.

    Nothing is built or started.
    """
    from edgefaas.config import load_site
    from edgefaas.directory import DirectoryFiles
    from edgefaas.errors import EdgeError
    from edgefaas.functions import read_spec
    from edgefaas.site import DirectoryOrigin

    path = config or find_config() or Path(CONFIG_NAME)
    site = load_site(path)
    problems: list[dict[str, Any]] = []
    for spec in site.functions.values():
        try:
            read_spec(spec)
        except EdgeError as error:
            problems.append({"function": spec.name, "error": str(error), "remedy": error.remedy})
            if not as_json:
                words.refuse(error)
    for origin in site.origins.values():
        try:
            if isinstance(origin, DirectoryOrigin):
                DirectoryFiles(origin)
        except EdgeError as error:
            problems.append({"origin": origin.name, "error": str(error), "remedy": error.remedy})
            if not as_json:
                words.refuse(error)
    if problems:
        words.result({"valid": False, "problems": problems}, as_json=as_json, text="")
        return 1
    counts = {
        "functions": len(site.functions),
        "origins": len(site.origins),
        "behaviors": len(site.behaviours),
        "pops": len(site.pops),
    }
    said = ", ".join(
        f"{count} {name if count != 1 else name[:-1]}" for name, count in counts.items() if count
    )
    words.result(
        {"valid": True, "site": site.name, **counts},
        as_json=as_json,
        text=f"{path} is good: {said or 'an empty site'}",
    )
    return 0
