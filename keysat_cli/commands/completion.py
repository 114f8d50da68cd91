"""``keysat completion``: scripts that complete commands at the shell's prompt."""

from typing import Final

import click
import msgspec
from click.shell_completion import ShellComplete, get_completion_class

from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit

PROGRAM: Final = "keysat"
VARIABLE: Final = "_KEYSAT_COMPLETE"
"""What the script sets to ask the program for completions; click's own choice of a name."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A script for one shell."""

    shell: str
    script: str


@click.command(cls=JSONCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a completion script for a shell.

    \b
    bash  eval "$(keysat completion bash)"      in ~/.bashrc
    zsh   eval "$(keysat completion zsh)"       in ~/.zshrc
    fish  keysat completion fish | source       in ~/.config/fish/config.fish
    """  # noqa: D301  click reads \b, which keeps the lines as they are
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  the choices are those click knows
    root = click.get_current_context().find_root().command
    # Not its own `source`, which would run bash to look at its version.
    script = ShellComplete.source(found(root, {}, PROGRAM, VARIABLE))
    emit(Script(shell=shell, script=script), [script])
