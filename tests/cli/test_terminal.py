"""Tables on a terminal fit its width: columns are left out and named, never a run's name or its L2; a pipe gets all."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.conftest import make_frames, steady_run

FRAMES = make_frames({"s-1": 3, "s-2": 3})
LONG = "qwen2.5-vl-72b+single-call+3-frames+no-motion+guided"
#: Sentences with paths and warnings of the log are no tables; the terminal wraps them.
WIDTHS = [60, 80, 100, 160]


@pytest.fixture
def results(elsewhere):
    place = elsewhere / "results"
    for name, speed in (("claude", 5.2), ("gpt-4o", 5.4), (LONG, 6.0)):
        steady_run(place / "made-up", name, FRAMES, speed)
    steady_run(place / "made-up", "short", FRAMES[:2], 5.0)
    return place


@pytest.mark.parametrize(
    ("term", "width"), [*(("xterm-256color", width) for width in WIDTHS), ("dumb", 60), ("dumb", 160)]
)
def test_compare_fits_and_keeps_name_and_l2(results, cli, pty, monkeypatch, width, term):
    monkeypatch.setenv("TERM", term)
    with pty(width) as shown:
        assert cli("compare", "results", "--out", "tables", "--resamples", "100").status == 0
    lines = shown().splitlines()
    start = next(place for place, text in enumerate(lines) if text.startswith("run "))
    end = next(place for place, text in enumerate(lines) if text.startswith("recorded actions"))
    table = lines[start : end + 1]
    assert max(map(cell_len, table)) <= width
    assert "l2_avg" in table[0]
    assert any(text.startswith("gpt-4o") and "0.7000" in text for text in table)
    # A name that is too long is folded, and can be read whole.
    first = len(table[0]) - len(table[0].removeprefix("run").lstrip())
    assert LONG in "".join(text[:first].strip() for text in table[3:]) or any(text.startswith(LONG) for text in table)
    left_out = " ".join(text for text in lines[end:]).partition("Left out at ")[2].partition(".")[0]
    assert ("miss_rate_2m" in table[0]) != ("miss_rate_2m" in left_out)


def test_a_pipe_gets_every_column(results, cli):
    printed = cli("compare", "results", "--out", "tables", "--resamples", "100").out
    heading = next(text for text in printed.splitlines() if text.strip().startswith("run "))
    assert heading.split()[:10] == [
        "run", "inputs", "frames", "ok_frames", "l2_1s", "l2_2s", "l2_3s", "l2_avg", "fde", "miss_rate_2m",
    ]  # fmt: skip
    assert "Left out" not in printed


@pytest.mark.parametrize("width", WIDTHS)
def test_models_fits_and_says_what_is_missing(cli, pty, width):
    with pty(width) as shown:
        assert cli("models").status == 0
    lines = shown().splitlines()
    start = next(place for place, text in enumerate(lines) if text.startswith("name "))
    end = next(place for place, text in enumerate(lines) if text.startswith("vllm-local"))
    assert max(map(cell_len, lines[start : end + 1])) <= width
    assert lines[start].rstrip().endswith("to use it")
    assert any(text.startswith("gpt-4o ") and "key OPENAI_API_KEY" in text for text in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_runs_fits_and_lists_what_can_be_compared(results, cli, pty, width):
    with pty(width) as shown:
        assert cli("runs").status == 0
    lines = shown().splitlines()
    assert max(cell_len(text) for text in lines if not text.startswith("compare, ")) <= width
    assert lines[0].startswith("made-up-drives-v1.0-made-up (3 runs, 6 frames)")
    assert any(text.startswith("short") for text in lines)
    assert lines[-1] == "compare, report and plot show made-up-drives-v1.0-made-up; --group NAME shows another."


@pytest.mark.parametrize(
    "arguments", [("-h",), ("run", "-h"), ("compare", "--help"), ("plot", "-h"), ("distill", "-h")]
)
@pytest.mark.parametrize("width", [60, 160])
def test_help_fits_and_cuts_no_summary(cli, pty, width, arguments):
    with pty(width) as shown:
        assert cli(*arguments).status == 0
    printed = shown()
    assert "-h, --help" in printed
    assert "..." not in printed.replace("[OPTIONS] COMMAND [ARGS]...", "").replace("{runs}...", "").replace(
        "runs...", ""
    )
    assert max(map(len, printed.splitlines())) <= max(width, 80)


def test_help_has_headings_defaults_and_ranges(cli):
    text = " ".join(cli("run", "-h").out.split())
    assert "Every n-th frame of each scene. [default: 1; 1 or more]" in text
    assert "JPEG quality of pictures that are resized or converted. [default: 90; 1 to 95]" in text
    assert "[above 0]" in text
    for heading in ("What is driven:", "Who drives:", "How models are asked:", "How it runs:", "Where models answer:"):
        assert heading in text
    assert "Which runs and frames:" in cli("report", "-h").out
    commands = " ".join(cli("-h").out.split())
    assert "Drive recorded scenes:" in commands
    assert "resumes where it stopped" in commands


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_steps_are_written_over_on_a_terminal_and_lines_on_a_dumb_one(pty, monkeypatch, term):
    from lightemma.cli import steps_shown
    from lightemma.steps import counted

    monkeypatch.setenv("TERM", term)
    clock = iter(range(0, 1000, 11))
    monkeypatch.setattr(steps_shown.time, "monotonic", lambda: float(next(clock)))
    with pty(80) as shown, steps_shown.showing_steps():
        list(counted("abc", "reading", "runs"))
    printed = shown()
    if term == "dumb":
        assert [text.partition(",")[0] for text in printed.splitlines()] == [
            f"reading: {done} of 3 runs" for done in range(4)
        ]
        assert "\r" not in printed
    else:
        assert "\n" not in printed
        assert printed.count("\r") == 5, "four updates and one that clears the line"
        assert "reading: 3 of 3 runs" in printed
