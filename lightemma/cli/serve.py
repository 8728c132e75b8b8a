"""lightemma serve: starts a model's server in the foreground, or shows the command for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightemma.cli.output import echo

if TYPE_CHECKING:
    from lightemma.backends.config import ModelConfig
    from lightemma.serving.launch import Launch
    from lightemma.serving.server import Server

#: Seconds between two checks of the server.
_LOOK_S = 5.0


def serve(
    model: Annotated[
        str,
        typer.Argument(help="A name in configs/models, a YAML, a folder of weights, or a name on Hugging Face."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="KEY=VALUE replaces an option of the YAML, such as port=8000; may be given several times."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command, but do not start the server.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the server's log; a folder in ~/.local/state if left out.")
    ] = None,
) -> None:
    """Start a model's server, print when it answers, and stop it on Ctrl-C; `provider: vllm` does this within a run."""
    import asyncio

    from lightemma.serving.weights import old_rope

    launch = launch_of(model, settings or ())
    hint = old_rope(launch.served.model)
    if hint:
        echo(f"Note: {hint}", err=True)
    if dry_run:
        _show(launch)
        return
    launch.check()
    raise typer.Exit(asyncio.run(_until_interrupted(launch, out)))


def launch_of(spec: str, settings: list[str] | tuple[str, ...] = ()) -> Launch:
    """The server of a model.

    For a model with an address on this machine the server uses that address; models that run inside lightemma can be
    served too.

    Args:
        spec: as on the command line.
        settings: ``KEY=VALUE`` in place of options.

    Raises:
        UserError: if there is no such model, an option is wrong, or the model is served by its provider.
    """
    from lightemma.backends.registry import SERVES_WEIGHTS, backend_class, config_of, provider_class
    from lightemma.backends.served import ServedBackend
    from lightemma.errors import UserError

    config = config_of(spec, weights=True)
    backend = backend_class(config)
    changes = dict(_setting(text) for text in settings)
    if not issubclass(backend, ServedBackend):
        config = _as_served_here(config)
        backend = provider_class(SERVES_WEIGHTS)
    made = backend(config.model_copy(update={"options": {**config.options, **changes}}))
    if not isinstance(made, ServedBackend):
        raise UserError(f"Model '{config.name}' has no server to start.")
    return made.launch


def _as_served_here(config: ModelConfig) -> ModelConfig:
    """The settings of a server on this machine for a model with another provider."""
    from lightemma.backends.registry import SERVES_WEIGHTS, facts_of
    from lightemma.errors import UserError
    from lightemma.preflight.readiness import local_addresses

    facts, addresses = facts_of(config.provider), local_addresses(config)
    if facts.in_process:
        options: dict[str, Any] = {}
    elif facts.any_server and addresses:
        host, port = addresses[0]
        options = {"host": "127.0.0.1" if host == "localhost" else host, "port": port}
    else:
        raise UserError(
            f"Model '{config.name}' is served by its provider ({config.provider}), not by you; name a model with open weights, "
            "such as vllm-7b, or a folder of weights."
        )
    return config.model_copy(update={"provider": SERVES_WEIGHTS, "base_url": None, "options": options})


def _setting(text: str) -> tuple[str, Any]:
    import yaml

    from lightemma.bounded_yaml import load_yaml
    from lightemma.errors import UserError

    key, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set {text} is not a setting; write KEY=VALUE, such as --set port=8000.")
    try:
        return key.strip().replace("-", "_"), load_yaml(value)
    except yaml.YAMLError:
        return key.strip().replace("-", "_"), value


def _show(launch: Launch) -> None:
    """Prints the exact command, even on a machine without GPUs."""
    import os

    from lightemma.errors import UserError
    from lightemma.serving.command import shown
    from lightemma.serving.gpus import visible_gpus
    from lightemma.serving.launch import choose_port

    try:
        python = launch.interpreter()
    except UserError as error:
        python = launch.options.python or "python"
        echo(f"Note: {error}", err=True)
    port = launch.options.port or choose_port(launch.options, launch.name)
    echo(shown(launch.command(python, port), launch.options))
    if not launch.options.cpu and visible_gpus({**os.environ, **launch.options.env}) == 0:
        echo("Note: no GPU is visible here, so it was not checked whether the model fits.", err=True)
        return
    launch.check()


async def _until_interrupted(launch: Launch, out: Path | None) -> int:
    """Keeps the server running.

    Returns:
        The command's exit status: 0 if a person stopped it.
    """
    import asyncio
    import signal

    from lightemma.serving.pool import ServerPool, default_home
    from lightemma.serving.server import ServerLostError

    folder = out or default_home() / "serve" / launch.name
    servers = ServerPool(folder)
    server = servers.join(launch, folder)
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        interrupted.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)  # a second one quits immediately

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    echo(f"Starting the server of {launch.name}; its log is {server.log_path}")
    ending = asyncio.ensure_future(interrupted.wait())
    keeping = asyncio.ensure_future(_keep_up(server))
    try:
        await asyncio.wait({ending, keeping}, return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            keeping.result()
    except ServerLostError as error:
        echo(f"Error: {error}.", err=True)
        return 1
    finally:
        ending.cancel()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await servers.leave(server)
    echo("Stopped.")
    return 0


async def _keep_up(server: Server) -> None:
    """Starts the server, restarts it if it dies, and prints its address each time."""
    import asyncio
    import time

    while True:
        began = time.monotonic()
        running = await server.ready()
        echo(
            f"Healthy after {time.monotonic() - began:.0f} s: {running.model} at {running.address.base_url} (Ctrl-C stops it)"
        )
        while server.is_up:
            await asyncio.sleep(_LOOK_S)
            await server.doubt(running)
