"""``python -m lightemma`` is ``lightemma``."""

from lightemma.cli import main

main()
