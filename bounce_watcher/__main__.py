"""`python -m bounce_watcher`. Guarded: worker processes import this module again."""

import sys

from bounce_watcher.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
