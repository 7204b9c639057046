"""Ctrl-C while requests are worked on: once stops between two acts, twice stops at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from desk.endings import INTERRUPTED

_ONCE = b"\nholdfast: stopping after what is under way (Ctrl-C again stops at once)\n"
_TWICE = b"\nholdfast: stopped at once. Whether what was under way arrived is not known: the next sweep asks.\n"


class Stopping:
    """Watches for Ctrl-C inside a ``with``; `check` raises `KeyboardInterrupt` where stopping is safe."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._asked_for)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _asked_for(self, number: int, frame: FrameType | None) -> None:
        # os.write: the interrupted thread may hold the lock of the stream.
        os.write(2, _TWICE if self.asked else _ONCE)
        if self.asked:
            os._exit(INTERRUPTED)
        self.asked = True

    def check(self) -> None:
        """Stop here, if it was asked for: the act before is recorded, the next not begun."""
        if self.asked:
            raise KeyboardInterrupt
