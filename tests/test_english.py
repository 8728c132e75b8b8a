"""Pages, help texts and messages do without the turns of speech that the glossary leaves out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: As in docs/glossary.md, in every form of the verb.
REFUSED = {
    "reckon": r"reckon(s|ed|ing)?",
    "asks nobody": r"ask(s|ed|ing)? nobody",
    "nobody knows": r"nobody knows",
    "of its own kind": r"of (its|their|his|her|our) own kinds?",
    "go on with": r"(go|goes|going|went|gone) on with",
    "under way": r"under ?way",
    "likewise": r"likewise",
    "stand in for": r"(stand|stands|standing|stood) in for",
    "let go of": r"(let|lets|letting) go of",
    "what came of": r"what (came|comes|became|becomes) of (it|them)",
    "not so much as": r"not so much as",
}
WORDS = re.compile(rf"\b({'|'.join(REFUSED.values())})\b", re.IGNORECASE)
#: Where one text of the source is written in two pieces.
JOINED = re.compile(r'"\s+f?"')
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]
MODULES = sorted((ROOT / "lightemma").rglob("*.py"))
#: What is asked of models, and what matches their words, is no text of ours to people.
PROMPTS = ("prompts/", "evaluation/reasoning/", "sessions/judging.py")


def own_words(page: Path) -> str:
    """A page without the list of words that the glossary leaves out."""
    text = page.read_text(encoding="utf-8").partition("\n## Words to leave out\n")[0]
    if page.name != "glossary.md":
        return text
    return "\n".join(line.rpartition(" | ")[0] if line.startswith("|") else line for line in text.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_in_plain_english(page):
    assert [found.group() for found in WORDS.finditer(own_words(page))] == []


def texts_of(module: Path) -> Iterator[str]:
    """Every text of a module in which something may be found: messages, help texts and docstrings."""
    source = module.read_text(encoding="utf-8")
    if not WORDS.search(" ".join(JOINED.sub("", source).split())):
        return  # quick: few modules need to be understood
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield " ".join(node.value.split())


def test_messages_help_texts_and_docstrings_are_in_plain_english():
    ours = [path for path in MODULES if not str(path.relative_to(ROOT / "lightemma")).startswith(PROMPTS)]
    assert len(ours) > 300
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in ours
        if (found := [text for text in texts_of(path) if WORDS.search(text)])
    }
    assert wrong == {}


def test_the_glossary_lists_what_is_refused():
    listed = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").partition("## Words to leave out")[2]
    assert [words for words in REFUSED if f"*{words}*" not in listed] == []


@pytest.mark.parametrize(
    "text",
    ["It reckons so", "two tables of their own kind", "Going on with it", "They asked nobody", "work is underway"],
)
def test_every_form_is_found(text):
    assert WORDS.search(text)


@pytest.mark.parametrize("text", ["The run goes on. With it", "ask anybody", "a kind of its own", "so much as that"])
def test_other_words_are_left(text):
    assert not WORDS.search(text)
