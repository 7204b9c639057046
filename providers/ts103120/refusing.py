"""What an unsuccessful answer makes the caller do: from codes in a body, from an HTTP status, to `providers.errors`.

No reason quotes the provider's own text; it is in the record.
"""

from __future__ import annotations

from collections.abc import Iterable

from providers.errors import ConfigurationError, OutcomeUnknown, ProviderError, Refused, Unavailable, Unsupported
from providers.interface import Action, Exchange
from providers.ts103120.codes import NOT_APPLIED, Then, fault_of, ground_of


def decisive(codes: Iterable[int]) -> int:
    """The code that tells why a message failed.

    Where one action is refused, the good ones beside it get 3000; a "not now" decides only where nothing is refused
    for good; "already there" is no failure.
    """
    said = set(codes)
    for_good = {
        code for code in said if code != NOT_APPLIED and fault_of(code).then not in (Then.AGAIN, Then.COMPARE)
    }
    not_now = {code for code in said if fault_of(code).then is Then.AGAIN}
    not_applied = said & {NOT_APPLIED}
    return min(for_good or not_now or not_applied or said)


def by_code(
    provider: str, code: int, *, where: str, action: Action, exchange: Exchange, wait: float | None = None
) -> ProviderError | ConfigurationError:
    """The error for an error code."""
    fault = fault_of(code)
    said = f"{provider}: it answered with error {code} ({fault.says})"
    match fault.then:
        case Then.AGAIN:
            return Unavailable(said, retry_after=wait, exchange=exchange)
        case Then.COMPARE:
            return OutcomeUnknown(f"{said}, which does not tell whether it took effect", exchange=exchange)
        case Then.OTHER_WAY:
            return Unsupported(said, exchange=exchange)
        case Then.MEND:
            return ConfigurationError(f"{said}: mend [adapter] in {where}, or ask the provider to set us up")
        case _:
            return Refused(said, ground=ground_of(code, action), exchange=exchange)


def by_status(
    provider: str, status: int, *, where: str, action: Action, exchange: Exchange, wait: float | None = None
) -> ProviderError | ConfigurationError:
    """The error for an HTTP status that is no success: the protocol itself knows 200 alone (9.3.3)."""
    said = f"{provider}: it answered with status {status}"
    if status in (408, 425, 429, 503):
        return Unavailable(f"{said}: not now", retry_after=wait, exchange=exchange)
    if status in (401, 403):
        return ConfigurationError(f"{said}: it does not know our certificate; mend [adapter] in {where}")
    if status in (301, 307, 308, 404, 405, 410):
        return ConfigurationError(f"{said}: its address is another one; mend adapter.url in {where}")
    if 400 <= status < 500:  # noqa: PLR2004
        ground = "form" if status in (400, 406, 413, 415, 422) else "other"
        ground = "extension-not-granted" if action is Action.EXTEND and ground == "other" else ground
        return Refused(f"{said}: refused ({ground})", ground=ground, exchange=exchange)
    return OutcomeUnknown(f"{said}, which does not tell whether it took effect", exchange=exchange)
