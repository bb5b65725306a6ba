"""``edgefaas init``: a new function from a template, with an event and the result that it must give."""

import json
import shutil
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import click

from cli import words
from cli.admin import CONFIG_NAME, find_config
from cli.toolchains import missing
from edgefaas.errors import StateError, UsageError

LANGUAGES = [
    "js",
    "js-cloudfront",
    "ts",
    "python",
    "c",
    "zig",
    "rust",
    "go",
    "assemblyscript",
    "wat",
    "cgi",
    "http-component",
]
NEEDS = {
    "ts": "esbuild",
    "python": "python",
    "c": "ziglang",
    "zig": "ziglang",
    "rust": "rust",
    "go": "go",
    "assemblyscript": "assemblyscript",
    "cgi": "ziglang",
    "http-component": "rust-component",
}
ORIGINS = frozenset({"cgi", "http-component"})  # templates that answer as the origin of a behaviour

README = """\
# {name}

An edge function ({lang}). {called}

    {build}edgefaas test . --expect response.json
    edgefaas deploy .

Or let `edgefaas.toml` name it:

    [functions.{name}]
    source = "{name}"

{use}
`request.json` is an event as the function gets it, `response.json` the result that it must give.
"""

CALLED = "It is called for every viewer's request of the behaviours that name it."
CALLED_AS_ORIGIN = "It answers as the origin of the behaviours that name it; its answers can be cached."
USE = """\
    [[behaviors]]
    path = "*"
    viewer_request = "{name}"
"""
USE_AS_ORIGIN = """\
    [origins.{name}]
    function = "{name}"

    [[behaviors]]
    path = "*"
    origin = "{name}"
"""
BEHAVIOUR = """\
[[behaviors]]
path = "/{name}"
viewer_request = "{name}"
"""
BEHAVIOUR_AS_ORIGIN = """\
[origins.{name}]
function = "{name}"

[[behaviors]]
path = "/{name}"
origin = "{name}"
"""

SITE = """\
# A site: who answers what. edgefaas up serves it.

[origins.assets]
directory = "public"

[functions.{name}]
source = "{source}"

{behaviour}
[[behaviors]]
path = "*"
origin = "assets"
"""

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>It works</title>
<h1>It works</h1>
<p>This is public/index.html. <a href="/{name}">/{name}</a> is answered by the function.</p>
</html>
"""


@click.command()
@click.argument("name")
@click.option(
    "--lang", type=click.Choice(LANGUAGES), default="js", show_default=True, help="What to write it in."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def init(name: str, lang: str, as_json: bool) -> None:  # noqa: FBT001  # click passes it by name
    """Make a new function in a folder called NAME.

    It has a source, function.toml, a README, an event and the result that it must give: edgefaas test passes.
    Where there is no edgefaas.toml, here or above, a site is made that uses it: edgefaas up serves it.
    """
    from edgefaas.control.bundle import NAME

    folder = Path(name)
    if not NAME.match(folder.name):
        raise UsageError(
            f'"{folder.name}" is not a name for a function',
            remedy="Use letters, digits, - and _, at most 63, and begin with a letter or digit.",
        )
    _make(folder, lang)
    made = sorted(path.name for path in folder.iterdir())
    site = _make_site(folder, BEHAVIOUR_AS_ORIGIN if lang in ORIGINS else BEHAVIOUR)
    install = missing(NEEDS.get(lang, ""), folder)
    lines = [f"{folder}/  {'  '.join(made)}", *([f"{CONFIG_NAME}  a site that uses it"] if site else [])]
    run = "edgefaas dev" if site else f"edgefaas deploy {folder}"
    lines += [
        "",
        "Next:",
        *(f"  {command}" for command in (install, f"edgefaas test {folder}", run) if command),
    ]
    words.result(
        {"folder": str(folder), "files": made, "site": site and str(site), "missing_toolchain": install},
        as_json=as_json,
        text="\n".join(lines),
    )


def _make(folder: Path, lang: str) -> None:
    """Write the whole folder or nothing. Raises StateError."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise StateError(
            f"There is a {folder} already", remedy="Choose another name, or remove it."
        ) from None
    except OSError as error:
        raise StateError(
            f"{folder} cannot be made: {error.strerror}", remedy="Choose a place that can be written."
        ) from None
    try:
        for name, text in _contents(lang, folder.name):
            (folder / name).write_text(text, "utf-8")
    except BaseException:
        shutil.rmtree(folder)
        raise


def _make_site(folder: Path, behaviour: str) -> Path | None:
    """Make a site that uses the function. None: one is here or above, or the function is somewhere else."""
    here = Path.cwd()
    if find_config() is not None or not folder.resolve().is_relative_to(here.resolve()):
        return None
    source = folder.resolve().relative_to(here.resolve()).as_posix()
    page = here / "public" / "index.html"
    try:
        if not page.parent.exists():
            page.parent.mkdir()
            page.write_text(PAGE.format(name=folder.name), "utf-8")
        (here / CONFIG_NAME).write_text(
            SITE.format(name=folder.name, source=source, behaviour=behaviour.format(name=folder.name)),
            "utf-8",
        )
    except OSError as error:
        raise StateError(
            f"A site cannot be made in {here}: {error.strerror}", remedy="Choose a place that can be written."
        ) from None
    return Path(CONFIG_NAME)


def _contents(lang: str, name: str) -> Iterator[tuple[str, str]]:
    template: Traversable = files("cli") / "templates" / lang
    for item in template.iterdir():
        if item.is_file():
            # .template keeps tools of this project away from a file that is not its own
            yield item.name.removesuffix(".template"), item.read_text("utf-8").replace("{{name}}", name)
    build = "edgefaas build .\n    " if lang in NEEDS and lang != "python" else ""
    yield (
        "README.md",
        README.format(
            name=name,
            lang=lang,
            build=build,
            called=CALLED_AS_ORIGIN if lang in ORIGINS else CALLED,
            use=(USE_AS_ORIGIN if lang in ORIGINS else USE).format(name=name),
        ),
    )
    yield "request.json", _dump(_event(lang))
    yield "response.json", _dump(_response(lang, name))


def _event(lang: str) -> dict[str, Any]:
    if lang == "js-cloudfront":
        return {
            "version": "1.0",
            "context": {
                "distributionDomainName": "d111111abcdef8.cloudfront.net",
                "distributionId": "EDEMO",
                "eventType": "viewer-request",
                "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
            },
            "viewer": {"ip": "198.51.100.178"},
            "request": {
                "method": "GET",
                "uri": "/hello",
                "querystring": {},
                "headers": {"host": {"value": "www.example.com"}, "accept": {"value": "*/*"}},
                "cookies": {},
            },
        }
    config = {
        "distributionDomainName": "d111111abcdef8.cloudfront.net",
        "distributionId": "EDEMO",
        "eventType": "viewer-request",
        "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
    }
    request = {
        "clientIp": "198.51.100.178",
        "headers": {
            "host": [{"key": "Host", "value": "www.example.com"}],
            "accept": [{"key": "Accept", "value": "*/*"}],
        },
        "method": "GET",
        "querystring": "",
        "uri": "/hello",
    }
    return {"Records": [{"cf": {"config": config, "request": request}}]}


def _response(lang: str, name: str) -> dict[str, Any]:
    if lang == "js-cloudfront":
        return {
            "statusCode": 200,
            "statusDescription": "OK",
            "headers": {"content-type": {"value": "text/plain"}},
            "body": f"Hello from {name}\n",
        }
    return {
        "status": "200",
        "headers": {"content-type": [{"key": "Content-Type", "value": "text/plain"}]},
        "body": f"Hello from {'WebAssembly' if lang == 'wat' else name}\n",
    }


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
