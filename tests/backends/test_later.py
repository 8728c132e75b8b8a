"""The package of OpenAI is read in parts, and whole for whoever uses more of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_CODE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from lightemma.backends.http import later
together = Barrier(4)
with ThreadPoolExecutor(4) as threads:
    sdk, *others = threads.map(lambda _: (together.wait(), later.package("openai"))[1], range(4))
client = sdk.AsyncOpenAI(api_key="none", http_client=sdk.DefaultAsyncHttpxClient())
before = [name for name in sys.modules if name.startswith("openai.types.")]
import openai
from openai import __version__ as version
from openai import BadRequestError, OpenAI
from openai.types.chat import ChatCompletion
print(json.dumps({
    "before": before,
    "same": sdk is openai and type(client) is openai.AsyncOpenAI and openai.OpenAI is OpenAI,
    "once": all(other is sdk for other in others),
    "error": issubclass(BadRequestError, openai.APIStatusError) and BadRequestError.__module__ == "openai",
    "types": openai.types.chat.ChatCompletion is ChatCompletion and hasattr(openai.types, "Batch"),
    "version": version == openai.version.VERSION,
    "absent": hasattr(openai, "there_is_no_such_name"),
}))
"""


@pytest.mark.parametrize("log", [None, "info"])
def test_more_than_the_client_is_read_when_it_is_used(log, monkeypatch):
    monkeypatch.delenv("OPENAI_LOG", raising=False)
    if log:
        monkeypatch.setenv("OPENAI_LOG", log)  # which the whole package looks at when it is imported
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert any(name.startswith("openai.types.responses") for name in found["before"]) is bool(log)
    wanted = ("same", "once", "error", "types", "version")
    assert {name: found[name] for name in wanted} == dict.fromkeys(wanted, True)
    assert found["absent"] is False


def test_a_package_that_is_built_in_another_way_is_imported_whole(monkeypatch, tmp_path):
    (tmp_path / "openai").mkdir()
    (tmp_path / "openai/__init__.py").write_text("AsyncOpenAI = DefaultAsyncHttpxClient = int\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    code = "from lightemma.backends.http import later; print(later.package('openai').AsyncOpenAI)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "<class 'int'>\n"
