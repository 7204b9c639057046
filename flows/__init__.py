"""Do it now.

The shell around the pure rooms: reads settings, catalogues and case files, holds the only clock and the
only secrets, turns one room's values into another's, and acts. No rule of law lives here.
"""

import os

# Before any module here can import Prefect: without a server it would start one of its own, and hide it.
os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"
