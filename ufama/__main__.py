"""``python -m ufama`` is the command `ufama`."""

from ufama.cli.main import main

main()
