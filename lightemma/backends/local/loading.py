"""Loads a model and its processor from a folder or the Hugging Face cache; errors say what to do."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightemma.backends.config import ModelConfig
from lightemma.backends.local.faster import vllm_offer
from lightemma.backends.local.inputs import shortened
from lightemma.backends.local.memory import is_out_of_memory
from lightemma.backends.local.options import LocalOptions
from lightemma.errors import UserError

_LOG = logging.getLogger(__name__)

#: Packages that the backend needs; accelerate is needed for device_map only.
_PACKAGES = ("torch", "transformers", "PIL")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to answer.

    Attributes:
        model: of transformers, in evaluation mode.
        processor: the model's own.
        name: the model as loaded, with the commit of its repository if it has one.
    """

    model: Any
    processor: Any
    name: str


def check_packages(config: ModelConfig) -> None:
    """Looks for the packages without importing them.

    Raises:
        UserError: if one is missing, or a folder is named that does not exist.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"Model '{config.name}' runs in this process and needs {' and '.join(missing)}; install with "
            "pip install 'lightemma[local]'."
        )
    if config.model.startswith((".", "/", "~")) and not _place(config.model).is_dir():
        raise UserError(f"Model '{config.name}' names the folder '{config.model}', which does not exist.")


def transformers_package() -> Any:
    """``transformers``, untyped: the types of its automatic classes and mappings are wrong or missing."""
    return importlib.import_module("transformers")


def load_model(config: ModelConfig, options: LocalOptions) -> LoadedModel:
    """Loads a model; takes seconds to minutes.

    Raises:
        UserError: if it is missing, is not an image-text model, needs a package, or does not fit into the memory.
    """
    try:
        return _load(config, options)
    except UserError:
        raise
    except Exception as error:
        raise UserError(_sentence(config, options, error)) from error


def _load(config: ModelConfig, options: LocalOptions) -> LoadedModel:
    import torch

    transformers = transformers_package()
    where = str(_place(config.model)) if _place(config.model).is_dir() else config.model
    source: dict[str, Any] = {"trust_remote_code": options.trust_remote_code}
    if config.revision is not None:
        source["revision"] = config.revision
    # The kind of model is checked first, since its config is small and its weights are large.
    settings = transformers.AutoConfig.from_pretrained(where, **source)
    _check_kind(config, settings)
    processor = _processor(where, source, settings)
    _limit_pixels(config, options, getattr(processor, "image_processor", None))
    device_map = options.device_map
    if device_map is None and torch.cuda.is_available() and importlib.util.find_spec("accelerate"):
        device_map = "auto"
    dtype = options.dtype if options.dtype == "auto" else getattr(torch, options.dtype)
    model = transformers.AutoModelForImageTextToText.from_pretrained(
        where,
        dtype=dtype,
        **({"device_map": device_map} if device_map else {}),
        **({"attn_implementation": options.attention} if options.attention else {}),
        **source,
    )
    if not device_map and torch.cuda.is_available():
        _LOG.warning("Model '%s' runs on the CPU; install accelerate or set device_map for the GPU.", config.name)
    if offer := vllm_offer(config.name, settings.model_type, gpu=torch.cuda.is_available()):
        _LOG.warning("%s", offer)
    model.eval()
    commit = getattr(model.config, "_commit_hash", None)
    name = f"{config.model}@{commit}" if commit else config.model
    _LOG.info("loaded %s: %s on %s, %s", name, type(model).__name__, model.device, model.dtype)
    return LoadedModel(model, processor, name)


def _check_kind(config: ModelConfig, settings: Any) -> None:
    mapping = transformers_package().MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    own_code = getattr(settings, "auto_map", None) or {}
    if type(settings) in mapping or "AutoModelForImageTextToText" in own_code:
        return
    raise UserError(
        f"Model '{config.name}' ({config.model}) is of the type '{settings.model_type}', which cannot answer questions about "
        "pictures in transformers; name an image-text-to-text model, such as Qwen/Qwen2.5-VL-7B-Instruct."
    )


def _processor(where: str, source: dict[str, Any], settings: Any) -> Any:
    try:
        return transformers_package().AutoProcessor.from_pretrained(where, **source)
    except ImportError:
        if importlib.util.find_spec("torchvision"):
            raise
        return _without_video(where, source, settings)


def _without_video(where: str, source: dict[str, Any], settings: Any) -> Any:
    """The model's processor without its video part, the only part that needs torchvision.

    Raises:
        ImportError: if the processor has no video part or no class of its own.
    """
    transformers = transformers_package()
    known = transformers.PROCESSOR_MAPPING.get(type(settings), None)
    if known is None or "video_processor" not in known.get_attributes():
        raise ImportError("the model's processor needs torchvision: pip install torchvision")
    loaders = {"tokenizer": transformers.AutoTokenizer, "image_processor": transformers.AutoImageProcessor}

    def parts(cls: Any, name: str, /, processor_dict: Any = None, **kwargs: Any) -> list[Any]:
        return [
            loaders[part].from_pretrained(name, **kwargs) if part in loaders else None for part in cls.get_attributes()
        ]

    def check(self: Any, name: str, part: Any) -> Any:
        return None if part is None else known.check_argument_for_proper_class(self, name, part)

    body = {"_get_arguments_from_pretrained": classmethod(parts), "check_argument_for_proper_class": check}
    _LOG.info("torchvision is missing: pictures are prepared by Pillow, videos not at all")
    pictures_only: Any = type(known.__name__, (known,), body)
    return pictures_only.from_pretrained(where, **source)


def _limit_pixels(config: ModelConfig, options: LocalOptions, image_processor: Any) -> None:
    """Sets the least and the most pixels of a picture.

    Raises:
        UserError: if the processor has no such limit and would ignore it.
    """
    wanted = {"min_pixels": options.min_pixels, "max_pixels": options.max_pixels}
    known = getattr(getattr(image_processor, "valid_kwargs", None), "__annotations__", {})
    size = dict(getattr(image_processor, "size", None) or {})
    for (name, value), edge in zip(wanted.items(), ("shortest_edge", "longest_edge"), strict=True):
        if value is None:
            continue
        if name not in known:
            raise UserError(
                f"Model '{config.name}': the processor of {config.model} has no {name}; remove the option and scale the "
                "pictures down before they are sent."
            )
        # Processors with these settings keep them here, as numbers of pixels.
        size[edge] = value
        image_processor.size = type(image_processor.size)(**size)


def _place(model: str) -> Path:
    return Path(model).expanduser()


def _sentence(config: ModelConfig, options: LocalOptions, error: Exception) -> str:
    """What went wrong, and what to do."""
    head = f"Model '{config.name}' ({config.model}) cannot be loaded"
    message = shortened(error)
    if is_out_of_memory(error):
        return f"{head}, since the memory is too small; take a smaller model or dtype: bfloat16 ({message})."
    if isinstance(error, ImportError):
        return f"{head}, since a package is missing; install it, or change `attention` if it names one ({message})."
    if "trust_remote_code" in str(error) and not options.trust_remote_code:
        return f"{head}: it contains Python code; read that code, then set the option trust_remote_code: true."
    if _place(config.model).is_dir():
        return (
            f"{head} from that folder; it must contain the files that save_pretrained or a download wrote ({message})."
        )
    if isinstance(error, OSError):
        pinned = f" --revision {config.revision}" if config.revision else ""
        return (
            f"{head}: it is not a folder, not in the Hugging Face cache, and could not be downloaded. Check the name and the "
            f"revision, download it with `hf download {config.model}{pinned}` (HF_TOKEN for gated models), or name a folder "
            f"({message})."
        )
    return f"{head} ({message})."
