"""``edgefaas completion``: let the shell complete commands and options."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="For good: write that line into ~/.bashrc or ~/.zshrc; for fish, into ~/.config/fish/config.fish."
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes a shell complete the commands and options of edgefaas.

    \b
    eval "$(edgefaas completion bash)"
    eval "$(edgefaas completion zsh)"
    edgefaas completion fish | source
    """  # noqa: D301  # \b is click's mark
    from cli.main import COMPLETION, cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "edgefaas", COMPLETION).source())
