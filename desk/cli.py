"""The command line `holdfast`: its commands, and how each of them ends.

Only click is imported when it starts; every command imports what it needs when it runs.
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any

import click

from desk import (
    authorities,
    catalogues,
    custody,
    doing,
    drafting,
    exporting,
    further,
    heads,
    inbox,
    keys,
    ledgers,
    letters,
    looking,
    notifying,
    packets,
    rehearsing,
    reporting,
    serving,
)
from desk.endings import DONE, INTERRUPTED, LATER, Ending, end, ending_of, wrong
from desk.speaking import failed, tell


class Desk(click.Group):
    """The commands in the order of the work; every error ends with one of our exit statuses."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added."""
        return list(self.commands)

    def main(self, args: Any = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run, and leave the process with the command's status."""
        extra["standalone_mode"] = False
        failed.clear()
        status = run(lambda: super(Desk, self).main(args, prog_name or "holdfast", **extra))
        if failed and status == DONE:
            tell(f"holdfast: standard output could not be written to: {failed[0]}")
            status = LATER
        sys.exit(status)


def run(command: Any) -> int:
    """Run a command; gives its exit status. Nothing gets out but that."""
    try:
        status = command()
    except click.UsageError as error:
        return end(_usage(error))
    except click.ClickException as error:
        return end(wrong(error.format_message()))
    except (click.Abort, KeyboardInterrupt):
        tell("holdfast: stopped.")
        return INTERRUPTED
    except Ending as ending:
        return end(ending)
    except Exception as error:
        return end(ending_of(error))
    return status if isinstance(status, int) else DONE


def _usage(error: click.UsageError) -> Ending:
    """What is wrong with the words typed, and how to get help."""
    path = error.ctx.command_path if error.ctx else "holdfast"
    message = error.format_message().rstrip(".")
    return wrong(f"{message[:1].lower()}{message[1:]}", f"  `{path} --help` says how it is used")


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"holdfast {version('holdfast')}")
        ctx.exit()


@click.group(
    cls=Desk,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Exit status of every command:
  0  done
  1  done, but something needs a person: stated on standard error
  2  the input is wrong: where, and what to write instead
  3  could not be done now: try again

\b
Begin with:  holdfast plan CASE          (sends nothing)
             holdfast preserve CASE
             holdfast board
The reference of all commands is docs/commands.md.""",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version."
)
def holdfast() -> None:
    """Keep electronic evidence at service providers until mutual legal assistance answers.

    Holdfast issues preservation requests, follows every legal clock that runs on them, and extends or escalates
    before evidence expires.
    """


def _keep_lines(command: click.Command) -> click.Command:
    """Have click show examples and exit statuses line by line, as they are written."""
    command.help = re.sub(r"\n\n(?=Example:|Exit status:)", "\n\n\b\n", inspect.cleandoc(command.help or ""))
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        _keep_lines(inner)
    return command


for _command in (
    looking.plan,
    doing.preserve,
    drafting.draft,
    looking.board,
    looking.show,
    doing.sweep,
    doing.watch,
    notifying.notify,
    serving.serve,
    doing.record,
    doing.release,
    doing.announce,
    doing.answer,
    custody.approve,
    custody.reject,
    packets.packet,
    letters.letter,
    further.follow,
    inbox.inbox,
    catalogues.providers,
    catalogues.instruments,
    authorities.authorities,
    looking.verify,
    exporting.export,
    heads.heads,
    reporting.report,
    custody.erase,
    keys.keys,
    ledgers.ledger,
    rehearsing.rehearse,
    doing.sandbox,
    doing.demo,
):
    holdfast.add_command(_keep_lines(_command))


def main() -> None:
    """The entry point."""
    holdfast.main()
