"""Writes the trained model as the package runs it: stock weights in 16 bits, and two graphs that read them.

``model.safetensors`` and ``config.json`` are a folder of transformers. ``tower.onnx`` turns pixels into a picture's tokens, and
``decoder.onnx`` gives the next token's scores with the keys and values of what came before; both hold no weights of their own.
"""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from tiny_driver.frames import SIZE
from tiny_driver.network import TinyDriver
from torch import Tensor, nn
from transformers import FastVlmForConditionalGeneration, LlamaConfig

from lightemma.backends.tiny.vocabulary import VOCABULARY as V

#: Initializers smaller than this stay inside the graph.
SMALL = 64


class Tower(nn.Module):
    """Pixels to tokens."""

    def __init__(self, vlm: FastVlmForConditionalGeneration) -> None:
        super().__init__()
        self.model = vlm.model

    def forward(self, pixels: Tensor) -> Tensor:
        maps = self.model.vision_tower(pixels).last_hidden_state
        return self.model.multi_modal_projector(maps.flatten(2).transpose(1, 2))


class Decoder(nn.Module):
    """Llama with its cache as plain tensors: (layers, heads, past, size)."""

    def __init__(self, vlm: FastVlmForConditionalGeneration) -> None:
        super().__init__()
        self.model, self.lm_head = vlm.model, vlm.lm_head
        config: LlamaConfig = vlm.config.text_config
        self.heads = config.num_attention_heads
        self.size = config.hidden_size // self.heads
        theta = config.rope_parameters["rope_theta"]
        self.register_buffer("turns", 1.0 / theta ** (torch.arange(0, self.size, 2).float() / self.size))

    def forward(self, embeds: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores (V,) after (n, width) embeddings, and the longer cache."""
        lm = self.model.language_model
        past, count = keys.shape[2], embeds.shape[0]
        place = torch.arange(past + count)
        angle = place[past:, None].float() * self.turns
        angle = torch.cat([angle, angle], 1)
        cos, sin = angle.cos(), angle.sin()
        allowed = place[None] <= place[past:, None]
        x, all_keys, all_values = embeds, [], []
        for number, layer in enumerate(lm.layers):
            h = layer.input_layernorm(x)
            attention = layer.self_attn
            q, k, v = (
                one(h).view(-1, self.heads, self.size).transpose(0, 1)
                for one in (attention.q_proj, attention.k_proj, attention.v_proj)
            )
            q, k = self.turned(q, cos, sin), self.turned(k, cos, sin)
            k, v = torch.cat([keys[number], k], 1), torch.cat([values[number], v], 1)
            all_keys.append(k)
            all_values.append(v)
            score = q @ k.transpose(1, 2) * self.size**-0.5
            score = torch.where(allowed, score, torch.full_like(score, -1e9)).softmax(-1)
            x = x + attention.o_proj((score @ v).transpose(0, 1).reshape(-1, self.heads * self.size))
            h = layer.post_attention_layernorm(x)
            x = x + layer.mlp.down_proj(F.silu(layer.mlp.gate_proj(h)) * layer.mlp.up_proj(h))
        return self.lm_head(lm.norm(x[-1])), torch.stack(all_keys), torch.stack(all_values)

    def turned(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        half = self.size // 2
        return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class Teacher(nn.Module):
    """Pixels and motion to a plan: what drives while the tiny driver learns."""

    def __init__(self, net: TinyDriver) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: Tensor, past: Tensor, base: Tensor) -> Tensor:
        return self.net.teacher(self.net.maps(pixels), past, base)[0]


def export_teacher(net: TinyDriver, path: Path) -> list[str]:
    """Writes the teacher's graph, which reads all its weights from elsewhere; their names. The network is not changed."""
    own = copy.deepcopy(net).cpu().float()
    with torch.no_grad():
        for values in own.state_dict().values():  # those that are equal now would become one
            if values.is_floating_point():
                values.uniform_(0.5, 1.0)
    given = (torch.zeros(1, 6, SIZE[1], SIZE[0]), torch.zeros(1, 25), torch.zeros(1, 6, 2))
    return _write(Teacher(own), given, path, ["pixels", "past", "base"], ["plan"], {}, small=1)


def write_teacher(net: TinyDriver, names: list[str], path: Path) -> None:
    """Writes the weights that the teacher's graph reads, as they are now."""
    held = Teacher(net).state_dict()
    draft = path.with_suffix(".part.npz")
    np.savez(draft, **{name: held[name].detach().float().cpu().numpy() for name in names})
    draft.rename(path)


def export(net: TinyDriver, folder: Path) -> None:
    """Writes the folder. The network is not changed."""
    folder.mkdir(parents=True, exist_ok=True)
    net = copy.deepcopy(net).cpu().float()
    vlm = net.finished().eval()
    vlm.half().save_pretrained(folder)
    vlm.float()  # as rounded: what is checked is what is shipped
    for path in folder.glob("generation_config.json"):
        path.unlink()
    (folder / "config.json").write_text(
        json.dumps(_short(json.loads((folder / "config.json").read_text())), indent=1) + "\n"
    )
    width, layers, heads = net.shape.width, net.shape.layers, net.shape.heads
    cache = torch.zeros(layers, heads, 3, width // heads)
    tower = _write(
        Tower(vlm), (torch.zeros(1, 6, SIZE[1], SIZE[0]),), folder / "tower.onnx", ["pixels"], ["tokens"], {}
    )
    decoder = _write(
        Decoder(vlm), (torch.zeros(2, width), cache, cache), folder / "decoder.onnx",
        ["embeds", "keys", "values"], ["scores", "new_keys", "new_values"],
        {"embeds": {0: "n"}, "keys": {2: "past"}, "values": {2: "past"}, "new_keys": {2: "all"}, "new_values": {2: "all"}},
    )  # fmt: skip
    (folder / "graphs.json").write_text(json.dumps({"tower": tower, "decoder": decoder}, indent=1) + "\n")


def _short(config: dict) -> dict:
    """Without what only says which version wrote it."""
    return {key: value for key, value in config.items() if key != "transformers_version"}


def _write(
    module: nn.Module, inputs: tuple, path: Path, names: list[str], outputs: list[str], axes: dict, small: int = SMALL
) -> list[str]:
    """The names of the weights that the graph reads from elsewhere."""
    import onnx

    held = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            module.eval(), inputs, held, input_names=names, output_names=outputs, dynamic_axes=axes, opset_version=17,
            dynamo=False, do_constant_folding=False, keep_initializers_as_inputs=False,
        )  # fmt: skip
    graph = onnx.load_from_string(held.getvalue())
    known, outside = set(module.state_dict()), list[str]()
    for one in graph.graph.initializer:
        if one.name in known and np.prod(one.dims) >= small:
            one.ClearField("raw_data")
            one.data_location = onnx.TensorProto.EXTERNAL
            del one.external_data[:]
            entry = one.external_data.add()
            entry.key, entry.value = "location", "model.safetensors"
            outside.append(one.name)
    for node in graph.graph.node:
        node.ClearField("doc_string")
    onnx.save(graph, str(path))
    return outside


@torch.no_grad()
def generated(
    vlm: FastVlmForConditionalGeneration, pixels: Tensor, ids: list[int], stops: list[int], most: int = 40
) -> list[int]:
    """What transformers itself says, greedily."""
    given = torch.tensor([ids])
    out = vlm.generate(
        input_ids=given, attention_mask=torch.ones_like(given), pixel_values=pixels, max_new_tokens=most, do_sample=False,
        eos_token_id=stops, pad_token_id=0,
    )  # fmt: skip
    return [int(one) for one in out[0, len(ids) :]]


assert len(V)
