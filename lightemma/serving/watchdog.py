"""Runs a server's command, and ends the server when the harness has ended.

A program that is started by its path and needs only the standard library: ``python watchdog.py GRACE_S COMMAND…``. Its
standard input is a pipe that the harness keeps open and never writes to. When the harness ends, even by SIGKILL, the system
closes the pipe, and the watchdog ends the server's whole process group, itself included.

A death signal (``PR_SET_PDEATHSIG``) would do less: it reaches only the first process, it is sent when the *thread* that
started the process ends, and only Linux has it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

#: Seconds between two checks whether the server has ended by itself.
_LOOK_S = 0.2


def main() -> int:
    """Runs the command to its end, or ends it when standard input does.

    Returns:
        The command's exit status, negative if a signal ended it.
    """
    grace_s = float(sys.argv[1])
    # SIGTERM is sent to the whole group; the watchdog waits for the server, to return its status.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
    while (status := server.poll()) is None:
        readable, _, _ = select.select([0], [], [], _LOOK_S)
        if readable and not os.read(0, 1024):
            os.killpg(0, signal.SIGTERM)
            try:
                server.wait(grace_s)
            except subprocess.TimeoutExpired:
                pass
            else:
                # Workers may take a moment longer than their parent.
                time.sleep(min(1.0, grace_s))
            os.killpg(0, signal.SIGKILL)
    return status


if __name__ == "__main__":
    # The exit status that shells use for a signal.
    code = main()
    sys.exit(128 - code if code < 0 else code)
