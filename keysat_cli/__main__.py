"""``python -m keysat_cli`` is ``keysat``."""

from keysat_cli.main import main

main()
