"""The base class of backends whose server the harness starts itself."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from lightemma.backends import own_facts
from lightemma.backends.base import Backend, CallError, Completion, Constraint, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.http.errors import read_key
from lightemma.backends.http.sdk_calls import load_sdk
from lightemma.backends.openai_compatible import OpenAICompatibleBackend
from lightemma.errors import UserError
from lightemma.failures import failure_kind
from lightemma.serving.engines import ENGINES, Engine, Served
from lightemma.serving.launch import Launch
from lightemma.serving.options import ServerOptions
from lightemma.serving.pool import ServerPool
from lightemma.serving.server import Running, Server, ServerLostError


class ServedBackend(Backend):
    """A model on a server that is started with the first call and ended by ``aclose``.

    The server is asked through its OpenAI-compatible interface. ``limits.timeout_s`` limits one answer; starting the server,
    also after it died, is limited by ``options.startup_timeout_s`` and is not part of any latency. Backends of one session
    that need the same server share it.

    Raises:
        UserError: if the ``openai`` package is missing, or the model has a ``base_url``.
    """

    facts: ClassVar[Facts] = own_facts.SERVED

    class Options(OpenAICompatibleBackend.Options, ServerOptions):
        """How the server is started, and how it is asked."""

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        if config.base_url is not None:
            raise UserError(
                f"Model '{config.name}' has a base_url, but the provider {config.provider} starts a server of its own; "
                "remove it, or write `provider: openai-compatible` to ask the server that runs there."
            )
        load_sdk(
            OpenAICompatibleBackend.sdk_module, config, self.facts
        )  # before minutes are spent on starting the server
        key = None
        if config.api_key_env:
            key = read_key(
                config, config.api_key_env, "choose any key, or remove api_key_env: the server then needs none."
            )
        options = self.options
        self._given = config
        self._launch = Launch(
            config.name,
            Served(_folder_or_id(config.model), config.revision, key),
            ServerOptions(**{name: getattr(options, name) for name in ServerOptions.model_fields}),
        )
        # The harness's timeout runs while the server starts.
        patience = options.startup_timeout_s * (1 + options.restarts) + 2 * config.limits.timeout_s
        longest = [length for length in (config.context_tokens, options.max_model_len) if length is not None]
        self.config = config.model_copy(
            update={
                "limits": config.limits.model_copy(update={"timeout_s": config.limits.timeout_s + patience}),
                "context_tokens": min(longest, default=None),
            }
        )
        self._servers: ServerPool | None = None
        self._folder: Path | None = None
        self._server: Server | None = None
        self._client: OpenAICompatibleBackend | None = None
        self._client_of = 0

    @property
    def given_config(self) -> ModelConfig:
        """The settings as they were given: those in ``config`` have a longer timeout, which includes starting the server."""
        return self._given

    @property
    def _engine(self) -> Engine:
        return ENGINES[self.options.engine]

    @property
    def launch(self) -> Launch:
        """How the server is started."""
        return self._launch

    @property
    def rate_key(self) -> str:
        """Models on the same server share its limits."""
        return f"server|{self._launch.key}"

    @property
    def constraints(self) -> frozenset[Constraint]:
        """What the engine can constrain answers to."""
        constrained = self._engine.constrains_answers and self.options.structured_output
        return frozenset({"json", "regex"}) if constrained else frozenset()

    @classmethod
    def answers_per_call(cls, config: ModelConfig) -> int:
        """As many as ``n`` allows, unless the engine does not have it or the options switch it off."""
        engine = ENGINES.get(config.options.get("engine", cls.Options.model_fields["engine"].default))
        return 1 if engine is not None and not engine.several_answers else super().answers_per_call(config)

    @property
    def gpu_count(self) -> int:
        """GPUs that the server holds: tensor x pipeline x data."""
        return self._launch.gpu_count

    def prepare_run(self, folder: Path, servers: ServerPool) -> None:
        """The server's log is written into the run's folder; runs that need the same server share it from now on."""
        if self._server is None:
            self._folder, self._servers = folder, servers
            self._server = servers.join(self._launch, folder)

    async def generate(self, request: Request) -> Completion:
        """Ask the model once; the first call waits for the server.

        Raises:
            CallError: if no answer came, for any reason.
            UserError: if the server cannot be started.
        """
        server = self._joined()
        try:
            running = await server.ready()
        except ServerLostError as error:
            self._give_up()
            raise CallError("server_error", str(error)) from None
        client = await self._client_for(running)
        started = time.monotonic()
        try:
            completion = await client.generate(request)
        except CallError as error:
            if failure_kind(error.kind).server_suspect:
                await server.doubt(running, timed_out_since=started if error.kind == "timeout" else None)
            raise
        running.answered()
        return replace(completion, latency_s=time.monotonic() - started)

    async def aclose(self) -> None:
        """Close the connections; the server ends with its last user. A later call starts it again."""
        client, self._client = self._client, None
        server, self._server = self._server, None
        try:
            if client is not None:
                await client.aclose()
        finally:
            if server is not None and self._servers is not None:
                await self._servers.leave(server)

    def _joined(self) -> Server:
        if self._server is None:
            self._servers = self._servers or ServerPool()
            self._server = self._servers.join(self._launch, self._folder)
        return self._server

    async def _client_for(self, running: Running) -> OpenAICompatibleBackend:
        """The client of a running server; a server that was started again has another address."""
        if self._client is None or self._client_of != running.number:
            before, self._client = self._client, self._client_at(running)
            self._client_of = running.number
            if before is not None:
                await before.aclose()
        return self._client

    def _client_at(self, running: Running) -> OpenAICompatibleBackend:
        config, given = self._given, self.options
        names = OpenAICompatibleBackend.Options.model_fields
        options: dict[str, Any] = {name: getattr(given, name) for name in names if name in given.model_fields_set}
        if self._engine.regex_parameter is not None:
            options.setdefault("regex_parameter", self._engine.regex_parameter)
        if not self._engine.several_answers:
            options["several_answers"] = False
        return OpenAICompatibleBackend(
            config.model_copy(update={"model": running.model, "base_url": running.address.base_url, "options": options})
        )

    def _give_up(self) -> None:
        """The server cannot be started any more: further calls are tried only once, without waiting."""
        limits = self.config.limits.model_copy(update={"attempts": 1})
        self.config = self.config.model_copy(update={"limits": limits})


def _folder_or_id(model: str) -> str:
    """A folder as an absolute path, which the server finds from any working directory; a hub id unchanged."""
    return str(Path(model).expanduser().absolute()) if model.startswith(("~", "./", "../")) else model
