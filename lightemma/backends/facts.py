"""What is known of a provider before any call: plain data on its class, which all other modules read."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.backends.token_rules import PictureRule, TextRule


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one provider, as ``Backend.facts``. All have a default that suits a user's own class.

    Attributes:
        title: whose models these are, for lists, such as ``Anthropic's models``.
        packages: distributions that the backend needs; manifests record their versions.
        also_recorded: further distributions that can change an answer; manifests record them where they are installed.
        extra: extra of lightemma that installs the packages, or None.
        install: command that installs the packages, if no extra of lightemma does; empty: the command follows from ``extra``.
        key_variable: environment variable of the key where the YAML names none; None where no key is needed.
        key_place: where a user gets a key, as the rest of a sentence that begins with "make one".
        address: where the models are asked unless the YAML names a ``base_url``; None where there is no fixed address.
        asks_model: False for recordings and scripts: nothing is sent, and it costs nothing.
        reads_pictures: False where no picture is needed; with True, a run over data without pictures is refused before the
            first call.
        cacheable: False where an answer costs nothing to get again.
        takes_urls: whether the provider fetches pictures itself, so that the address of a picture can be sent.
        several_answers: the most answers that one call brings, where the provider counts the prompt once.
        holds_weights: whether the process that asks holds the weights or starts a server that does, so that a second process
            would load the weights again; None: True if the model's YAML names neither an address nor a key.
        starts_server: whether the backend starts a server and stops it. Its ``Options`` then extend ``ServerOptions``.
        engine: the program of that server, unless the options name another one; None where that is not known before.
        any_server: whether ``base_url`` alone says who serves the model, so that its price is looked up by that address.
        addresses_option: option with the addresses of several servers, instead of one ``base_url``.
        batch_option: option that bounds how many calls are answered concurrently, for models in this process.
        price_list: the provider's name in genai-prices; None where it has no price list.
        batch_share: share of the price that a call through the provider's batch API costs; used only where the price is set
            in a YAML. None where there is no such API. (Every batch rate of OpenAI, Anthropic and Google in genai-prices
            0.2.3 is half the standard one.)
        picture_tokens: how many tokens a picture counts as, by model and size.
        characters_per_token: characters of text per token, by model.
    """

    title: str = ""
    packages: tuple[str, ...] = ()
    also_recorded: tuple[str, ...] = ()
    extra: str | None = None
    install: str = ""
    key_variable: str | None = None
    key_place: str = ""
    address: str | None = None
    asks_model: bool = True
    reads_pictures: bool = True
    cacheable: bool = True
    takes_urls: bool = False
    several_answers: int = 1
    holds_weights: bool | None = None
    starts_server: bool = False
    engine: str | None = None
    any_server: bool = False
    addresses_option: str | None = None
    batch_option: str | None = None
    price_list: str | None = None
    batch_share: float | None = None
    picture_tokens: PictureRule | None = None
    characters_per_token: TextRule | None = None

    @property
    def in_process(self) -> bool:
        """Whether this process itself holds the weights and runs them with plain Python calls, without a serving engine."""
        return self.holds_weights is True and not self.starts_server

    @property
    def install_command(self) -> str:
        """How the packages are installed."""
        return self.install or (f"pip install 'lightemma[{self.extra}]'" if self.extra else _pip(self.packages))


def _pip(packages: tuple[str, ...]) -> str:
    return f"pip install {' '.join(packages)}" if packages else ""
