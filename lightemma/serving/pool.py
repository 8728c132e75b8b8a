"""The servers of one command: launches that are alike share one."""

from __future__ import annotations

import os
from pathlib import Path

from lightemma.serving.launch import Launch
from lightemma.serving.server import Server


def default_home() -> Path:
    """Where servers that belong to no run keep their log and their note."""
    state = os.environ.get("XDG_STATE_HOME", "").strip()
    return (Path(state) if state else Path.home() / ".local" / "state") / "lightemma"


class ServerPool:
    """Servers by what they serve and how.

    Args:
        home: folder of runs; notes of running servers stand in it.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or default_home()
        self._servers: dict[str, Server] = {}

    def join(self, launch: Launch, folder: Path | None = None) -> Server:
        """The server for a launch, shared with everyone who wants the same; not started yet.

        Args:
            launch: what is wanted.
            folder: of the run that it is for, where its log is kept.
        """
        server = self._servers.get(launch.key)
        if server is None:
            server = self._servers[launch.key] = Server(launch, self.home)
        server.users += 1
        if folder is not None:
            server.journal.join(folder)
        return server

    async def leave(self, server: Server) -> None:
        """One user less; the last one out ends the server."""
        server.users -= 1
        if server.users <= 0:
            self._servers.pop(server.launch.key, None)
            await server.stop()

    async def aclose(self) -> None:
        """Ends all that is left."""
        for server in list(self._servers.values()):
            await server.stop()
        self._servers.clear()
