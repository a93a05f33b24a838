"""`python -m captioner`: the command `captioner`, found by the name under which it is installed.

This package knows nothing of the one that has the commands.
"""

import sys
from importlib.metadata import entry_points

if __name__ == "__main__":
    commands = entry_points(group="console_scripts", name="captioner")
    if not commands:
        sys.exit("The command captioner is not installed. Install it: pip install captioner, or pip install -e . here.")
    next(iter(commands)).load()()
