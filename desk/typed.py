"""What is typed after a command, read into values: request ids, instants, days; and options that many have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from flows.office import Office

Command = TypeVar("Command", bound=Callable[..., Any])


class RequestId(click.ParamType[str]):
    """A request id, typed with any hyphens and case: the check character tells a mistyped one."""

    name = "request"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id as the ledger writes it."""
        from ledger.ids import read_request_id

        try:
            return read_request_id(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Instant(click.ParamType[datetime]):
    """An instant with an offset."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant, in UTC."""
        from flows.settings import SettingsError, read_instant

        if isinstance(value, datetime):
            return value
        try:
            return read_instant(value, "an instant")
        except SettingsError as error:
            self.fail(str(error).removeprefix("an instant: "), param, ctx)


class Day(click.ParamType[date | timedelta]):
    """A day: an ISO date, or "today" or "yesterday", which depend on where they are counted."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date | timedelta:
        """A date, or how far before today it is."""
        if isinstance(value, date | timedelta):
            return value
        words = {"today": timedelta(), "yesterday": timedelta(days=1)}
        if value.lower() in words:
            return words[value.lower()]
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail('expected a day such as 2026-12-01, or "today" or "yesterday"', param, ctx)


REQUEST, INSTANT, DAY = RequestId(), Instant(), Day()


def as_json(command: Command) -> Command:
    """The option of every command that answers."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")(command)


def at(command: Command) -> Command:
    """The instant to look from."""
    text = "Look at it from this instant, such as 2027-01-20T09:00:00Z, instead of now."
    return click.option("--at", type=INSTANT, metavar="INSTANT", help=text)(command)


@contextmanager
def opened(*, create: bool = False, sandbox: bool = False) -> Iterator[Office]:
    """The unit's office, as the environment says; closed at the end. Raises what `open_office` raises.

    Tells on standard error what is to be doubted of the ledger (`flows.doubts`).
    """
    from flows.office import office
    from flows.settings import load

    with office(load(), create=create, sandbox=sandbox) as found:
        doubted(found)
        yield found


def doubted(office: Office) -> None:
    """Say on standard error what is to be doubted of a ledger that was just opened."""
    from desk.speaking import tell
    from flows.doubts import look

    for each in look(office, office.now()).told:
        tell(f"holdfast: WARNING: {each}")
