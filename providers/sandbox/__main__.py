"""``python -m providers.sandbox``."""

import sys

from providers.sandbox import main

sys.exit(main(sys.argv[1:]))
