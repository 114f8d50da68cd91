"""Command classes: every command takes ``--json``, and modules are loaded when they are used."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click

from keysat_cli.failures import ReaderGone, ResultLost, exit_code_after
from keysat_cli.output import JSON_META, OutputLost, flush_output, is_change_made
from keysat_cli.place import is_remote_wanted, remote_options


class JSONCommand(click.Command):
    """A command with ``--json``, carried out here or by a server elsewhere.

    What says where is taken behind the command, too, unless the command spells an option of its own
    so.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--json", "is_json"],
                is_flag=True,
                expose_value=False,
                callback=_remember,
                help="Print one JSON document instead of text.",
            )
        )
        taken = [spelling for one in self.params for spelling in one.opts]
        self.params += remote_options(taken, hidden=True)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command where it is wanted."""
        if is_remote_wanted(ctx):
            # Loaded by name when it is needed: commands load this module.
            running = import_module("keysat_cli.remote.running")
            if not running.is_run_here(ctx):
                return running.run_remotely(ctx)
        return super().invoke(ctx)


class NounGroup(click.Group):
    """The verbs of one noun."""

    command_class: type[click.Command] | None = JSONCommand


class RootGroup(click.Group):
    """The program: nouns by name, each loaded when it is asked for.

    ``modules`` maps a command to the module that holds it under the same name, and to the one line
    of help that is shown without loading it.
    """

    def __init__(self, *args: Any, modules: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._modules = modules
        self.params += remote_options()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the commands in the order of the table."""
        del ctx
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        del ctx
        entry = self._modules.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(entry[0]), _function_of(cmd_name))
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[1]) for name, entry in self._modules.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and notice here if nobody reads the output any more."""
        try:
            result = super().invoke(ctx)
            flush_output()
        except BrokenPipeError as exc:
            raise ReaderGone(is_change_made=is_change_made()) from exc
        except OutputLost as exc:
            raise ResultLost(exc, is_change_made=is_change_made()) from exc
        return result

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002  the signature is click's
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002
        **extra: Any,
    ) -> Any:
        """Run the program and exit with its code."""
        words = list(sys.argv[1:] if args is None else args)

        def run() -> object:
            return super(RootGroup, self).main(
                words,
                prog_name or "keysat",
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )

        if not standalone_mode:
            return run()
        before_operands = words[: words.index("--")] if "--" in words else words
        sys.exit(exit_code_after(run, is_json="--json" in before_operands))


def _remember(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001
    context.meta[JSON_META] = value


def _function_of(command: str) -> str:
    """Name the function of a command: Python keeps some words for itself."""
    name = command.replace("-", "_")
    return f"{name}_" if iskeyword(name) else name
