"""``python -m tests.fake_providers``: the server as a process of its own. Prints one line of JSON with its address."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys

from tests.fake_providers.faults import Fault
from tests.fake_providers.running import serve
from tests.fake_providers.server import FakeServer
from tests.fake_providers.state import Settings


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.fake_providers", description=__doc__)
    made.add_argument("--host", default="127.0.0.1", help="address to listen at")
    made.add_argument("--port", type=int, default=0, help="port to listen at; 0 for any that is free")
    made.add_argument("--latency", type=float, default=0.0, help="mean seconds that an answer takes")
    made.add_argument("--jitter", type=float, default=0.0, help="how far one may be off, as a share of the mean")
    made.add_argument("--capacity", type=int, help="most concurrent calls; one more gets 429")
    made.add_argument("--capacity-retry-after", default="1", help="seconds that such a 429 asks to wait; '' for none")
    made.add_argument("--seed", type=int, default=0, help="of latencies and of faults by rate")
    made.add_argument("--malformed", type=float, default=0.0, help="share of plans in a wrong form")
    made.add_argument(
        "--fault", action="append", default=[], metavar="KIND=RATE", help="share of requests that fail so; repeatable"
    )
    made.add_argument("--retry-after", help="seconds that 429 and 503 by rate ask to wait")
    made.add_argument("--batch-delay", type=float, default=0.0, help="seconds until a batch is finished")
    made.add_argument("--key", action="append", help="key that is taken; repeatable; any if left out")
    made.add_argument("--model", action="append", help="model that there is; repeatable; any if left out")
    made.add_argument("--keep", type=int, default=0, help="how many requests to keep for /_log, pictures included")
    return made


def main() -> None:
    """Serves until it is interrupted or terminated."""
    said = parser().parse_args()
    server = FakeServer(
        Settings(
            latency_s=said.latency,
            jitter=said.jitter,
            capacity=said.capacity,
            capacity_retry_after=said.capacity_retry_after or None,
            seed=said.seed,
            keys=frozenset(said.key) if said.key else None,
            models=frozenset(said.model) if said.model else None,
            malformed_rate=said.malformed,
            batch_delay_s=said.batch_delay,
            keep=said.keep,
        )
    )
    for one in said.fault:
        kind, _, rate = one.partition("=")
        server.schedule.rates[Fault(kind).kind] = float(rate)
    server.schedule.retry_after = said.retry_after
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(server, said.host, said.port))


async def _serve(server: FakeServer, host: str, port: int) -> None:
    runner, bound = await serve(server, host, port)
    address = f"http://{host}:{bound}"
    where = {"port": bound, "address": address, "openai_address": f"{address}/v1"}
    sys.stdout.write(json.dumps(where) + "\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
