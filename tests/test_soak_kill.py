"""The soak of kills, with few of them: that the script itself works, and finds nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow  # some forty processes of the command line are started, killed, and started again
@pytest.mark.skipif(sys.platform != "linux", reason="children that outlive their parent are looked for as Linux does")
def test_a_few_kills_of_commands_leave_nothing_wrong():
    command = [sys.executable, "scripts/soak_kill.py", "--kills", "12", "--commands", "run,batch,import,report,two"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = re.findall(r"\| all \| (\d+) \|.* (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", done.stdout)
    kills, made, needed, repeated, in_flight, faults = map(int, row)
    assert kills >= 12
    assert made - needed == repeated == in_flight
    assert faults == 0
