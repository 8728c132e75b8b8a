"""What is shown of runs in progress: at every width from 60 columns, on a dumb terminal and in a pipe."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from lightemma.calls.monitor import Monitor
from lightemma.cli import live
from lightemma.cli.live import LiveView, choose_style, line, snapshot
from lightemma.cli.live_layout import bar, duration, rate, shortened, view_lines
from lightemma.cli.running import ending
from lightemma.cli.steps_shown import step_line, step_words
from lightemma.cli.width import fitting, wrapped
from lightemma.sessions.run import RunOutcome
from lightemma.steps import Step, counted, listening

LONG = "qwen2.5-vl-72b+single-call+3-frames+no-motion"


def monitor(
    name: str, *, done: int = 0, frames: int = 3908, dollars: float | None = None, unit: str = "frames"
) -> Monitor:
    one = Monitor(name, frames=frames, dollars=dollars, unit=unit)
    for _ in range(done):
        one.plan_made("ok")
        one.unit_done(failed=False)
    one.calls = 3 * done
    return one


def shown(*monitors: Monitor, width: int, height: int = 40) -> list[str]:
    return view_lines([snapshot(one) for one in monitors], width, height)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("names", [["gpt-4o", "a"], [LONG, f"{LONG}+dialogue", "gpt-4o"], ["名前" * 12]])
def test_name_bar_done_failed_left_rate_and_dollars_are_there_at_every_width(width, names):
    runs = [monitor(name, done=1954, dollars=12.345) for name in names]
    heading, *lines = shown(*runs, width=width)
    assert max(map(cell_len, (heading, *lines))) <= width
    assert heading.split()[:6] == ["run", "done", "failed", "left", "rate", "spent"]
    for name, text in zip(names, lines, strict=True):
        assert text.startswith(name[:3])
        assert re.search(r"█{2,}", text)
        assert "1954/3908" in text
        assert "$12.3" in text
        assert re.search(r"\d/s", text)
    assert len({text.split(" █")[0] for text in lines}) == len(names), "cut names still differ"


def test_more_columns_come_with_more_room_and_dollars_only_with_a_price():
    few = shown(monitor("gpt-4o", done=5), width=60)[0].split()
    many = shown(monitor("gpt-4o", done=5), width=160)[0].split()
    assert "spent" not in few + many
    assert few == many[: len(few)]
    assert {"calls/s", "concurrent", "retrying", "tokens"} <= set(many)
    # A formula asks nothing, and frames have no further decisions.
    formula = monitor("stop", done=5)
    formula.calls = 0
    assert "calls/s" not in shown(formula, width=160)[0]
    assert "decisions" in shown(monitor("drive-stop", done=5, unit="episodes"), width=160)[0]


def test_what_is_finished_is_left_out_first_where_lines_are_few():
    runs = [monitor(f"run-{place}", done=4 if place < 6 else 1, frames=4) for place in range(9)]
    lines = shown(*runs, width=80, height=7)
    assert len(lines) == 6
    assert [text.split()[0] for text in lines[1:4]] == ["run-6", "run-7", "run-8"]
    assert lines[-1] == "and 5 more"


def test_format_errors_of_a_world_are_shares_of_decisions():
    one = monitor("drive-vlm", frames=2, unit="episodes")
    for outcome in ["ok"] * 80 + ["format:prose"] * 8 + ["format:missing"] * 3 + ["call:timeout"] * 9:
        one.plan_made(outcome)
    one.unit_done(failed=True)
    one.calls = 100
    numbers = snapshot(one)
    assert (numbers["plans"], numbers["misformed"]) == (100, 11)
    assert numbers["format_error_rate"] == round(11 / 91, 4)
    assert one.commonest_misform == "format:prose"
    assert line(numbers).startswith("drive-vlm: 1/2 episodes, 1 failed, ")
    assert "100 decisions, 12.1% outside the format" in line(numbers)


def test_the_closing_line_says_how_most_answers_failed():
    outcome = RunOutcome(
        208, 208, 0, 5, reason="timeout: too late", calls=624, plans=208, misformed=12, misform="format:prose"
    )
    assert ending(outcome, "frames") == (
        "208 frames, 5 with failed calls, mostly timeout: too late (the same command tries them again), "
        "12 of 208 answers outside the format, mostly format:prose"
    )
    assert "12 of 208 decisions outside the format" in ending(outcome, "episodes")


@pytest.mark.parametrize(
    ("term", "style"), [("xterm-256color", "table"), ("dumb", "lines"), ("unknown", "lines"), (None, "lines")]
)
def test_a_dumb_terminal_and_a_pipe_get_lines(monkeypatch, pty, term, style):
    with pty(80):
        monkeypatch.delenv("TERM", raising=False)
        if term is not None:
            monkeypatch.setenv("TERM", term)
        assert choose_style(quiet=False, json_log=False) == style
    monkeypatch.setenv("TERM", "xterm")
    assert choose_style(quiet=False, json_log=False) == "lines", "standard error is no terminal here"


def test_a_line_comes_at_every_tick_whether_or_not_there_is_news(monkeypatch, capsys):
    view, slow, over = LiveView("lines"), monitor("slow", frames=4), monitor("over", done=4, frames=4)
    view.add(slow)
    view.add(over)
    ticks = iter([False, False, True])
    monkeypatch.setattr(
        view, "_end", type("Clock", (), {"wait": lambda _, seconds: seconds == live.LINES_S and next(ticks)})()
    )
    view._lines()
    lines = [text.split(",")[0] for text in capsys.readouterr().err.splitlines()]
    assert lines == ["slow: 0/4 frames", "over: 4/4 frames", "slow: 0/4 frames"]


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_live_view_is_drawn_as_wide_as_the_terminal(pty, width):
    from rich.console import Console

    view = LiveView("table")
    view.add(monitor(LONG, done=1954, dollars=1.5))
    with pty(width) as ended:
        import sys

        screen = Console(stderr=True, highlight=False)
        screen.print(view._view(screen))
        assert sys.stderr.isatty()
    lines = ended().splitlines()
    assert len(lines) == 2, "nothing is wrapped"
    assert max(map(cell_len, lines)) <= width
    assert "1954/3908" in lines[1]


def test_steps_are_counted_and_told_only_to_those_who_listen():
    told: list[Step] = []
    assert list(counted("ab", "reading", "runs")) == ["a", "b"]
    with listening(told.append):
        assert list(counted(["a", "b"], "reading", "runs")) == ["a", "b"]
        assert list(counted(iter("a"), "filming", "frames")) == ["a"]
    assert [(one.done, one.total) for one in told] == [(0, 2), (1, 2), (2, 2), (0, None), (1, None)]
    assert list(counted("a", "reading", "runs")) == ["a"]
    assert len(told) == 5


@pytest.mark.parametrize("width", [20, 40, 59, 79, 159])
def test_a_step_is_one_line_of_the_terminal(width):
    step = Step("writing gpt-4o", 1954, 3908, "frames")
    assert step_words(step, 10.0) == "writing gpt-4o: 1,954 of 3,908 frames, 0:10 left"
    assert len(step_line(step, 10.0, width)) <= width
    assert ("█" in step_line(step, 10.0, width)) == (width >= 59)
    assert step_words(Step("reading", 7, None, "frames"), 1.0) == "reading: 7 frames"


def test_small_words():
    assert [rate(value) for value in (0.0, 12.4, 1.25, 0.5, 0.001)] == ["", "12/s", "1.2/s", "30/min", "3.6/h"]
    assert [duration(value) for value in (None, 5.4, 65, 3725)] == ["", "0:05", "1:05", "1:02:05"]
    assert [bar(value, 4) for value in (0.0, 0.5, 1.0, 2.0)] == ["····", "██··", "████", "████"]
    assert shortened("abcdefgh", 5) == "ab…gh"
    assert shortened("abc", 5) == "abc"
    assert cell_len(shortened("名前" * 12, 12)) <= 12
    assert wrapped("one two three", 7) == "one two\nthree"
    assert fitting({"run": 30, "l2": 6, "fde": 6}, ["fde"], 30) == (["run", "l2"], 22)
    assert fitting({"run": 30, "l2": 6}, ["run"], 10)[0] == ["run", "l2"], "the name is never dropped"
