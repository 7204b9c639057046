"""Channels to people beyond mail: apprise addresses (chat, SMS, push …), and the notification blocks of Prefect.

An address of apprise holds its own password, so it stands in the environment, and the policy only names it:
``apprise:duty`` is HOLDFAST_NOTIFY_DUTY. A block stands in Prefect and is read anew each time: when Prefect is
away, so is the channel. What a channel says of itself may quote an address or a token: no text of it is repeated,
only its kind. One that hangs costs `TIMEOUT` seconds, and is then left alone for `REST`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flows.prefect_api import prepare, speaking_to, why_not
from flows.settings import Settings

if TYPE_CHECKING:
    from apprise import Apprise

VARIABLE = "HOLDFAST_NOTIFY_"

TIMEOUT = 15.0
"""Seconds for one channel, as for a mail server; a sweep must not hang on it."""

REST = 60.0
"""Seconds for which a channel that hung is not tried again."""

SHORT = 600
"""A service that takes no more characters in one message (SMS, pagers) gets the subject alone."""

_STATUS = re.compile(r"\berror=(\d{3})\b")
_hung: dict[str, float] = {}


def notify(settings: Settings, channel: str, subject: str, text: str, *, within: float = TIMEOUT) -> str:
    """Tell over a channel, ``apprise:NAME`` or ``block:TYPE/NAME``, `within` seconds at most. Never raises.

    Returns:
        "" where it was taken, else why not: without any address, and without a word of the channel's own.
    """
    kind, _, name = channel.partition(":")
    ways = {"apprise": _by_apprise, "block": _by_block}
    if kind not in ways:
        return "there is no such channel"
    key = f"{channel} {settings.home}"
    if time.monotonic() < _hung.get(key, 0.0):
        return f"it gave no answer just now, and is left alone for {REST:g} s"
    why = _prefect_is_there(settings) if kind == "block" else ""
    if why:
        return f"the block cannot be read: {why}"
    reasons: list[str] = []

    def work() -> None:
        try:
            reasons.append(ways[kind](settings, name, subject, text))
        except Exception as error:  # its text may quote the address
            reasons.append(type(error).__name__)

    thread = threading.Thread(target=work, name=kind, daemon=True)
    thread.start()
    thread.join(within)
    if not reasons:
        _hung[key] = time.monotonic() + REST
        return f"no answer within {within:g} s"
    return reasons[0]


# ---- apprise ------------------------------------------------------------------------------------------------------


def variable_of(name: str) -> str:
    """The environment variable that has the addresses of ``apprise:NAME``."""
    return VARIABLE + name.upper()


def _by_apprise(settings: Settings, name: str, subject: str, text: str) -> str:
    variable = variable_of(name)
    addresses = settings.environ.get(variable, "").split()
    if not addresses:
        return f"{variable} is not set: put an apprise address into it, several with a space between"
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Holdfast",
        app_desc="",
        app_url="",
        image_url_mask="",  # no picture that whoever reads it would load from another machine
        image_url_logo="",
        async_mode=False,
        storage_mode="memory",
    )
    reasons = []
    for number, address in enumerate(addresses, start=1):
        service = apprise.Apprise(asset=asset)
        with _listening() as heard:
            known = service.add(address)
            reason = _tell(service, subject, text, heard) if known else "cannot be read by apprise"
        if reason:
            which = f"address {number} of {len(addresses)} " if len(addresses) > 1 else "its address "
            reasons.append(which + reason)
    return "; ".join(reasons)


def _tell(service: Apprise, subject: str, text: str, heard: list[str]) -> str:
    """Tell one service; gives what went wrong, as the end of a sentence."""
    from apprise import NotifyFormat

    short = all(each.body_maxlen <= SHORT for each in service)
    for each in service:
        if "mailtos" in (each.secure_protocol or ""):
            each.notify_format = NotifyFormat.TEXT  # as HTML, its lines run into one another or never break
    title, body = ("", subject) if short else (subject, text)
    if service.notify(body=body, title=title, body_format=NotifyFormat.TEXT):
        return ""
    return _what_went_wrong(heard)


def _what_went_wrong(heard: list[str]) -> str:
    """What a service logged, without any of its words."""
    status = next((found[1] for found in map(_STATUS.search, heard) if found), "")
    if status:
        return f"answered with status {status}"
    return "could not be reached" if any("onnection error" in each for each in heard) else "did not take it"


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What apprise logs in this thread, and nowhere else: it names addresses."""
    heard: list[str] = []
    thread = threading.get_ident()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                heard.append(record.getMessage())

    log, ear = logging.getLogger("apprise"), Ear(logging.WARNING)
    log.propagate = False
    log.addHandler(ear)
    try:
        yield heard
    finally:
        log.removeHandler(ear)


# ---- blocks of Prefect --------------------------------------------------------------------------------------------


def _prefect_is_there(settings: Settings) -> str:
    """Why no block can be read, or "". Imports Prefect, which takes seconds: not on the time of the service."""
    if why := why_not(settings):
        return why
    try:
        prepare(settings.environ)
        import prefect.blocks.notifications  # noqa: F401 - so that its types are known
        from prefect.plugins import load_prefect_collections

        load_prefect_collections()
    except Exception as error:  # another channel may still tell
        return f"Prefect cannot be used here ({type(error).__name__})"
    return ""


def _by_block(settings: Settings, slug: str, subject: str, text: str) -> str:
    with speaking_to(settings):
        return asyncio.run(_through_block(slug, subject, text))


async def _through_block(slug: str, subject: str, text: str) -> str:
    from prefect.blocks.abstract import NotificationBlock, NotificationError
    from prefect.blocks.core import Block, UnknownBlockType

    try:
        block: Any = await Block.aload(slug)
    except UnknownBlockType:
        return "this machine lacks the package that its type of block comes from"
    except ValueError:  # not found, or not as its type wants it
        return "there is no such block in Prefect, or it cannot be read"
    if not isinstance(block, NotificationBlock):
        return "it is no block that notifies"
    say: Callable[..., Any] = getattr(block, "anotify", block.notify)
    with block.raise_on_failure(), _listening() as heard:
        try:
            said = say(text, subject)
            if asyncio.iscoroutine(said):
                await said
        except NotificationError:
            return f"the service {_what_went_wrong(heard)}"
        except Exception as error:
            answer = getattr(error, "response", None)
            status = getattr(answer, "status_code", "")
            return f"the service answered with status {status}" if status else type(error).__name__
    return ""
