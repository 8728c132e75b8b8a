"""How much faster than real time the world steps: prints simulated seconds per second of processor time.

Every scenario with the ego at a constant speed. The time is that of the steps and the referee only.
"""

from __future__ import annotations

import argparse
import time

import script_input

from lightemma.simulation.events import Referee
from lightemma.simulation.scenarios import SCENARIOS, make_world
from lightemma.simulation.world import STEP_TIME


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=script_input.positive, default=20.0, help="simulated per episode")
    arguments.add_argument("--seeds", type=script_input.count, default=3)
    options = arguments.parse_args()
    total_simulated = total_spent = 0.0
    print(f"{'scenario':22}{'vehicles':>9}{'people':>8}{'things':>8}{'x real time':>13}")
    for name in SCENARIOS:
        simulated = spent = 0.0
        vehicles = people = things = 0
        for seed in range(options.seeds):
            world = make_world(name, seed)
            vehicles, people, things = len(world.traffic.at), len(world.walkers), len(world.thing_boxes)
            referee = Referee(world)
            steps = round(options.seconds / STEP_TIME)
            started = time.process_time()
            for _ in range(steps):
                world.step(5.0, 0.0)
                referee.look()
            spent += time.process_time() - started
            simulated += steps * STEP_TIME
        print(f"{name:22}{vehicles:9d}{people:8d}{things:8d}{simulated / spent:13.0f}")
        total_simulated, total_spent = total_simulated + simulated, total_spent + spent
    print(f"all: {total_simulated / total_spent:.0f} x real time")


if __name__ == "__main__":
    script_input.ends(main)
