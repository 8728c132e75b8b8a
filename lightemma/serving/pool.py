"""The servers of one session: equal launches share one server."""

from __future__ import annotations

import os
from pathlib import Path

from lightemma.serving.launch import Launch
from lightemma.serving.server import Server


def default_home() -> Path:
    """The folder for the logs and notes of servers that belong to no run."""
    state = os.environ.get("XDG_STATE_HOME", "").strip()
    return (Path(state) if state else Path.home() / ".local" / "state") / "lightemma"


class ServerPool:
    """Servers by what they serve and how.

    Args:
        home: folder of runs; it holds the notes of running servers.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or default_home()
        self._servers: dict[str, Server] = {}

    def join(self, launch: Launch, folder: Path | None = None) -> Server:
        """The server for a launch, shared by all that need the same one; not started yet.

        Args:
            launch: which server.
            folder: of the run that uses it; its log is kept there.
        """
        server = self._servers.get(launch.key)
        if server is None:
            server = self._servers[launch.key] = Server(launch, self.home)
        server.users += 1
        if folder is not None:
            server.start_log.join(folder)
        return server

    async def leave(self, server: Server) -> None:
        """Ends one use of a server; the last user ends the server."""
        server.users -= 1
        if server.users <= 0:
            self._servers.pop(server.launch.key, None)
            await server.stop()

    async def aclose(self) -> None:
        """Ends all servers that still run."""
        for server in list(self._servers.values()):
            await server.stop()
        self._servers.clear()
