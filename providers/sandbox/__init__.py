"""A provider on this machine, hostile as real ones are: a real HTTP server for trying out and for tests.

`serve` starts one in this process; `main` is the command line of ``python -m providers.sandbox``.
"""

from providers.sandbox.command import main, run
from providers.sandbox.faults import FAULTS
from providers.sandbox.server import Sandbox, serve

__all__ = ["FAULTS", "Sandbox", "main", "run", "serve"]
