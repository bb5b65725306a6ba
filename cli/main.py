"""``edgefaas``: finds the command, runs it, and turns whatever happens into words and an exit code.

A command's module is imported when the command is named, so that ``edgefaas --help`` stays fast. Exit codes:
0 done, 1 refused by the system, 2 usage, 130 interrupted.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from keyword import iskeyword

import click

# name: (module, what it does). The order is that of the help.
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Begin": {
        "up": ("cli.up", "Run a point of presence in the foreground."),
        "dev": ("cli.dev", "Run the site here; what is saved is live."),
        "demo": ("cli.demo", "Run three points of presence and real traffic, here."),
        "init": ("cli.init", "Make a new function from a template."),
        "import": ("cli.imports", "Make a site of a CloudFront distribution."),
        "doctor": ("cli.doctor", "Check this machine, and say what to do."),
        "validate": ("cli.validate", "Check edgefaas.toml and every function it names."),
    },
    "Functions": {
        "build": ("cli.build", "Make a function's program from its sources."),
        "test": ("cli.tryout", "Run a function in the sandbox, without a server."),
        "deploy": ("cli.deploy", "Make functions live."),
        "ls": ("cli.functions", "List functions and what is live."),
        "versions": ("cli.functions", "List the versions of a function."),
        "diff": ("cli.diff", "Show what changed between two versions."),
        "promote": ("cli.rollouts", "Make a canary live for everybody."),
        "rollback": ("cli.functions", "End a canary, or make an earlier version live again."),
        "prune": ("cli.rollouts", "Forget old versions."),
        "rm": ("cli.functions", "Remove a function and all its versions."),
        "invoke": ("cli.invoke", "Run a live function once."),
    },
    "Operate": {
        "logs": ("cli.logs", "Read the logs, and follow them."),
        "top": ("cli.top", "Show live what the POP and its functions do."),
        "ui": ("cli.ui", "Print a link that signs a browser in to the POP's page."),
        "purge": ("cli.purge", "Drop stored responses, everywhere."),
        "pops": ("cli.pops", "List the points of presence and ask how they are."),
        "route": ("cli.route", "Say where a viewer would be served, and why."),
        "geo": ("cli.geo", "Install databases by which viewers are located."),
        "stats": ("cli.operate", "Show the counters of every worker."),
        "reload": ("cli.operate", "Let the running POP read edgefaas.toml again."),
        "audit": ("cli.operate", "Show who changed what."),
        "kv": ("cli.kv", "Read and write key-value pairs that functions use."),
        "secret": ("cli.secret", "Give functions secrets that nobody can read."),
        "token": ("cli.tokens", "Make and revoke tokens for the admin API."),
        "bench": ("cli.bench", "Measure this POP beside other servers."),
        "completion": ("cli.completion", "Let the shell complete commands and options."),
    },
}
INTERRUPTED = 130
COMPLETION = "_EDGEFAAS_COMPLETE"  # set by the shell that asks for completions


class Commands(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands that are there."""
        return [name for group in COMMANDS.values() for name in group if _is_there(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. None: there is none of that name."""
        for group in COMMANDS.values():
            if cmd_name in group and _is_there(cmd_name):
                module = import_module(group[cmd_name][0])
                command = getattr(module, f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name)
                assert isinstance(command, click.Command)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant. Raises UsageError, with those that are called nearly so."""
        name = args[0]
        known = self.list_commands(ctx)
        if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches  # slow to load

            near = get_close_matches(name, known)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by group, without importing any."""
        for title, group in COMMANDS.items():
            rows = [(name, text) for name, (_, text) in group.items() if _is_there(name)]
            with formatter.section(title):
                formatter.write_dl(rows)


def _is_there(name: str) -> bool:
    return any(name in group and find_spec(group[name][0]) is not None for group in COMMANDS.values())


def _show_version(ctx: click.Context, _: click.Parameter, value: object) -> None:
    if value:
        from edgefaas import __version__

        click.echo(f"edgefaas {__version__}")
        ctx.exit()


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
def cli() -> None:
    """Your own CloudFront with Lambda@Edge, on your own machines.

    Begin with: edgefaas init hello, edgefaas test hello --event hello/request.json, edgefaas up.
    """


def run(arguments: list[str]) -> int:  # noqa: PLR0911  # one return per way to end
    """Run one command line; return the exit code. Nothing is raised."""
    from cli import words

    as_json = "--json" in arguments
    try:
        if COMPLETION in os.environ:
            cli.main(args=arguments, prog_name="edgefaas")  # click answers the shell, and exits
        # Not cli.main: it would write an empty line when a command is interrupted.
        with cli.make_context("edgefaas", arguments) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if not hasattr(error, "remedy"):
            return _own_fault(error)
        words.refuse(error, as_json=as_json)
        return 2 if type(error).__name__ == "UsageError" else 1
    return code if isinstance(code, int) else 0


def _own_fault(error: Exception) -> int:
    """Say that edgefaas itself is wrong. The traceback is there for who asks for it."""
    if os.environ.get("EDGEFAAS_DEBUG"):
        raise error
    click.echo(f"error: edgefaas failed in a way that nobody foresaw: {error!r}", err=True)
    click.echo("  Run it again with EDGEFAAS_DEBUG=1 and report what it prints.", err=True)
    return 1


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))
