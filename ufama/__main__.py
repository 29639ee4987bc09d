"""``ufama`` and ``python -m ufama``: the command, which Ctrl-C ends quietly while it is still being imported."""

import os
import sys


def main() -> None:
    """Import the command and run it."""
    try:
        from ufama.cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("ufama: stopped by Ctrl-C.", file=sys.stderr, flush=True)
        os._exit(130)  # at once: modules that are half imported have nothing to finish


if __name__ == "__main__":
    main()
