"""Ctrl-C while requests are worked on: once finishes the acts in hand, twice stops at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from desk.endings import INTERRUPTED

_ONCE = b"\nholdfast: finishing what is under way, then stopping (Ctrl-C again stops at once)\n"
_TWICE = b"\nholdfast: stopped at once. Whether what was under way arrived is not known: the next sweep asks.\n"
_SHOW_CURSOR = b"\x1b[?25h"


class Stopping:
    """Watches for Ctrl-C inside a ``with``. `stop` is set by the first one; the work looks at it between two acts."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._before: Any = None

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._asked_for)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _asked_for(self, number: int, frame: FrameType | None) -> None:
        again = self.stop.is_set()
        self.stop.set()  # first of all: the second Ctrl-C may come while the first is still being told
        # os.write: the thread that was interrupted may hold the lock of the stream.
        os.write(2, _TWICE if again else _ONCE)
        if again:
            if os.isatty(1):
                os.write(1, _SHOW_CURSOR)  # the live lines hid it
            os._exit(INTERRUPTED)
