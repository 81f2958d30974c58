"""bkp completion: code that makes a shell complete bkp's commands and options."""

import click
from click.shell_completion import get_completion_class

from bkp.cli.options import declare
from bkp.cli.output import line
from bkp.errors import UsageError


@declare(
    ("bkp completion bash > ~/.local/share/bash-completion/completions/bkp", "for bash"),
    ('eval "$(bkp completion zsh)"', "for zsh, in ~/.zshrc"),
    ("bkp completion fish > ~/.config/fish/completions/bkp.fish", "for fish"),
    name="completion",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print completion code for a shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"no completion is known for {shell}")
    root = ctx.find_root().command
    line(kind(root, {}, "bkp", "_BKP_COMPLETE").source())
