"""Figures: they show the numbers they are given, for any name and any distance of one run from the others."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.table import Table
from PIL import Image

from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.scores import RunScores, load_scores
from lightemma.frame import Camera
from lightemma.kinematics import driven_back, integrate
from lightemma.report.figures import (
    calibration_figure,
    cost_figure,
    difference_figure,
    ecdf_figure,
    horizon_figure,
    latency_figure,
    outcome_figure,
    save_figure,
    strata_figure,
    write_figures,
)
from lightemma.report.figures.accuracy import Spent, pareto_front, spent
from lightemma.report.figures.birdseye import PlannedPath, draw_birdseye, view_limits
from lightemma.report.figures.calibration import calibration_bins
from lightemma.report.figures.ecdf import SHARES, quantiles
from lightemma.report.figures.frame import FrameView, frame_figure
from lightemma.report.figures.heat_map import cell_text
from lightemma.report.figures.picture import draw_picture
from lightemma.report.figures.scale import reach, short
from lightemma.report.figures.style import UNKNOWN_SIGN, new_figure, run_styles, shown, styled
from tests.conftest import make_frame, make_frames, steady, steady_run

NASTY = r"$\frac{1}{0 & <b> 車 \end"
CAMERA = Camera(
    np.array([[400.0, 0, 199.5], [0, 400.0, 112.0], [0, 0, 1]]),
    np.array([0.5, -0.5, 0.5, -0.5]),
    np.array([1.7, 0, 1.5]),
)
TRUTH, HISTORY = integrate(steady(5.0, 0.01)), np.linspace([-15.0, 0], [0, 0], 8)
VIEW = FrameView("s-1", 3, "token-3", TRUTH, HISTORY, np.array([5.0, 0.01]))


def scores(folder: Path, name: str, speed: float, failed: int = 0) -> RunScores:
    """A run over three scenes whose drivers speed up; ``failed`` of its frames have no plan."""
    frames = [
        make_frame(scene, index, driven=steady(4.0 + index / 3))
        for scene in ("s-1", "s-2", "s-3")
        for index in range(8)
    ]
    wrong = {
        frame.sample_token: "format:prose" if index % 2 else "call:timeout"
        for index, frame in enumerate(frames[:failed])
    }
    return load_scores(steady_run(folder, name, frames, speed, wrong))


def timed(run: RunScores, seconds: float, dollars: float = 1.0) -> RunScores:
    """The same run with a latency and a price."""
    model = msgspec.structs.replace(run.manifest.model, price={"input": dollars, "output": dollars})
    return replace(
        run,
        manifest=msgspec.structs.replace(run.manifest, models={"main": model}),
        latency=np.full(len(run.tokens), seconds),
        usage=np.tile([1000.0, 0, 100, 0, 0], (len(run.tokens), 1)),
        dollars=np.full(len(run.tokens), 1100.0 * dollars / 1e6),
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[RunScores]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        timed(scores(folder, "near", 5.5), 2.0, 1.0),
        timed(scores(folder, "mid", 6.5, failed=5), 1.0, 4.0),
        timed(scores(folder, "far", 300.0), 4.0, 9.0),
    ]


@pytest.fixture(scope="module")
def comparison(runs) -> Comparison:
    return compare_runs(runs, resamples=200)


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text"))]


def line(axes, label):
    return next(one for one in axes.get_lines() if one.get_label() == label)


def drawn(figure) -> bytes:
    """The figure as PNG; every warning of matplotlib is an error."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), styled():
        warnings.simplefilter("error")
        figure.savefig(buffer, format="png", dpi=40)
    return buffer.getvalue()


class TestHorizons:
    def test_lines_are_the_mean_step_errors(self, comparison, runs):
        figure = horizon_figure(comparison)
        (axes,) = figure.axes
        for run in runs:
            np.testing.assert_allclose(line(axes, run.name).get_ydata(), np.nanmean(run.errors, axis=0))
            assert line(axes, run.name).get_xdata() == pytest.approx([0.5, 1, 1.5, 2, 2.5, 3])
        assert len(axes.get_lines()) == len(axes.collections) == 4  # the baseline is there, and everyone has a band

    def test_one_run_far_off_does_not_squash_the_others(self, comparison, runs):
        (axes,) = horizon_figure(comparison).axes
        top = axes.get_ylim()[1]
        assert np.nanmean(runs[1].errors, axis=0)[-1] < top < 20 < np.nanmean(runs[2].errors, axis=0)[-1]
        assert any("far: " in text and "off the axis" in text for text in texts(axes))

    def test_says_what_kind_of_error(self, comparison):
        assert any("step errors, before any L2 convention" in text for text in texts(horizon_figure(comparison)))


class TestDifferences:
    def test_dots_and_bars_are_the_table(self, comparison):
        (axes,) = difference_figure(comparison).axes
        rows = sorted(
            (row for row in comparison.summary if row.run != "constant-action"), key=lambda r: r.diff_vs_baseline
        )
        assert [label.get_text() for label in axes.get_yticklabels()] == [row.run for row in rows]
        dots = {one.get_ydata()[0]: one.get_xdata()[0] for one in axes.get_lines() if one.get_marker() == "o"}
        bars = {one.get_ydata()[0]: tuple(one.get_xdata()) for one in axes.get_lines() if one.get_linewidth() == 2.4}
        for place, row in enumerate(rows[:2]):
            assert dots[place] == pytest.approx(row.diff_vs_baseline)
            assert bars[place] == pytest.approx((row.ci_low, row.ci_high))
        assert 2 not in dots  # far off
        assert any(text.startswith("off the axis: ") for text in texts(axes))

    def test_one_scene_has_no_bar(self, tmp_path):
        run = load_scores(steady_run(tmp_path, "vlm", make_frames({"s-1": 3}), 5.7))
        figure = difference_figure(compare_runs([run], resamples=100))
        assert any("[one scene]" in text for text in texts(figure))
        assert drawn(figure)


class TestEcdf:
    def test_quantiles_are_those_of_the_ok_frames(self, runs):
        run = runs[1]
        values = l2(run.errors[run.ok], "endpoint")[:, 3]
        found = quantiles(run, "endpoint")
        for share, value in zip(SHARES[1:], found[1:], strict=True):
            assert (values <= value).mean() >= share - 1e-9
            assert (values < value).mean() < share + 1e-9

    def test_names_the_convention(self, runs):
        (axes,) = ecdf_figure(compare_runs(runs, "cumulative", resamples=100)).axes
        assert "convention cumulative" in axes.get_xlabel()
        assert len(axes.get_lines()) == 4

    def test_a_run_without_plans_is_no_curve(self, runs):
        empty = replace(runs[0], errors=np.full_like(runs[0].errors, np.nan), name="empty")
        assert np.isnan(quantiles(empty, "lightemma")).all()
        assert drawn(ecdf_figure(compare_runs([empty], resamples=100)))


class TestStrata:
    def test_cells_are_the_table(self, comparison):
        axes = strata_figure(comparison).axes[0]
        values = axes.images[0].get_array()
        names = list(dict.fromkeys(row.stratum for row in comparison.strata if not row.stratum.startswith("scene:")))
        assert values.shape == (3, len(names))
        rows = {(row.run, row.stratum): row for row in comparison.strata}
        for place, run in enumerate(("near", "mid", "far")):
            expected = [rows[run, name].diff_vs_baseline for name in names]
            np.testing.assert_allclose(values[place], expected)
        assert len(list(axes.get_xticklabels())) == len(names)

    def test_a_run_far_off_does_not_bleach_the_others(self, comparison):
        image = strata_figure(comparison).axes[0].images[0]
        assert image.norm.vmax < 10

    def test_an_asterisk_marks_what_is_significant(self, comparison):
        row = comparison.strata[0]
        assert cell_text(replace(row, diff_vs_baseline=0.5, significant="worse")) == "+0.50*"
        assert cell_text(replace(row, diff_vs_baseline=-0.5, significant="")) == "\u22120.50"
        assert cell_text(replace(row, diff_vs_baseline=float("nan"))) == ""


class TestOutcomes:
    def test_bars_add_up_to_the_failed_share(self, comparison, runs):
        (axes,) = outcome_figure(comparison).axes
        width = {}
        for bars in axes.containers:
            for place, bar in enumerate(bars):
                width[place] = width.get(place, 0) + bar.get_width()
        assert width[1] == pytest.approx(100 * 5 / 24)
        assert width[0] == 0
        # An answer outside the format and no answer are shown apart.
        assert [bars.get_label() for bars in axes.containers][:2] == ["format: prose", "no answer: timeout"]
        assert any("20.8 %" in text for text in texts(axes))


class TestCalibration:
    def test_lines_are_the_bins(self, comparison):
        figure = calibration_figure(comparison)
        for axes, quantity in zip(figure.axes, ("speed", "curvature"), strict=True):
            for place, rows in enumerate(calibration_bins(comparison, quantity).values()):
                assert axes.get_lines()[place].get_xdata() == pytest.approx([row.planned_mean for row in rows])
                assert axes.get_lines()[place].get_ydata() == pytest.approx([row.recorded_mean for row in rows])
        assert calibration_bins(comparison, "speed")["near"]

    def test_the_axis_shows_what_cars_do(self, comparison):
        assert calibration_figure(comparison).axes[0].get_xlim()[1] < 50


class TestAccuracy:
    def test_points_are_the_summary(self, comparison):
        (axes,) = latency_figure(comparison).axes
        rows = {row.run: row for row in comparison.summary}
        for name in ("near", "mid"):
            assert line(axes, name).get_xdata() == [rows[name].latency_mean_s]
            assert line(axes, name).get_ydata() == [rows[name].l2_avg]
        assert axes.get_xscale() == "log"
        assert any(text.startswith("\u2191") for text in texts(axes))  # the run far off

    def test_the_front_is_a_step(self, comparison):
        (axes,) = cost_figure(comparison).axes
        assert line(axes, "Pareto front").get_drawstyle() == "steps-post"
        assert len(line(axes, "Pareto front").get_xdata()) == 1  # near is the cheapest and the best

    def test_unknown_cost(self, tmp_path):
        comparison = compare_runs([scores(tmp_path, "vlm", 5.5)], resamples=100)
        assert spent(comparison.summary, "cost_usd_per_frame") == []
        assert any("no run has a known cost" in text for text in texts(cost_figure(comparison)))

    @given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), min_size=1, max_size=12))
    def test_no_run_beats_the_front(self, pairs):
        all_runs = [Spent(str(index), price, error) for index, (price, error) in enumerate(pairs)]
        front = pareto_front(all_runs)
        for one in all_runs:
            beaten = any(
                other.price <= one.price
                and other.error <= one.error
                and (other.price, other.error) != (one.price, one.error)
                for other in all_runs
            )
            on_front = (one.price, one.error) in {(other.price, other.error) for other in front}
            assert on_front != beaten


class TestFrame:
    picture = np.full((225, 400, 3), 90, dtype=np.uint8)

    def test_picture_has_a_line_for_truth_and_each_plan(self):
        plans = [PlannedPath("a", integrate(steady(6.0)), steady(6.0)), PlannedPath("b", None, None, "format:prose")]
        axes = new_figure(9.0, 5.5).add_subplot()
        draw_picture(axes, self.picture, CAMERA, TRUTH, plans)
        solid = [one for one in axes.get_lines() if one.get_linestyle() == "-"]
        assert len(solid) == 2
        assert axes.get_xlim() == (-0.5, 399.5)
        assert axes.get_ylim() == (224.5, -0.5)

    def test_the_table_shows_actions_and_outcomes(self):
        plans = [PlannedPath("a", integrate(steady(6.0)), steady(6.0)), PlannedPath("b", None, None, "format:prose")]
        figure = frame_figure(replace(VIEW, picture=self.picture, camera=CAMERA), plans)
        (table,) = figure.findobj(Table)
        found = texts(figure) + [cell.get_text().get_text() for cell in table.get_celld().values()]
        assert found.count("6.00, +0.000") == 6
        assert "format:prose" in found
        assert any("s-1, frame 3 (token-3)" in text for text in found)

    @pytest.mark.parametrize("panels", [False, True])
    def test_panels(self, panels):
        plans = [PlannedPath(f"run-{index}", integrate(steady(5.0 + index)), steady(5.0 + index)) for index in range(3)]
        figure = frame_figure(replace(VIEW, picture=self.picture, camera=CAMERA), plans, panels=panels)
        assert len([axes for axes in figure.findobj(type(figure.axes[0])) if axes.images]) == (3 if panels else 1)
        assert drawn(figure)

    def test_without_a_picture_the_view_from_above_is_drawn_alone(self):
        figure = frame_figure(VIEW, [PlannedPath("a", integrate(steady(6.0)), steady(6.0))])
        assert not any(axes.images for axes in figure.axes)
        assert drawn(figure)

    def test_birdseye_draws_everything(self):
        boxes = np.array([[[10.0, 2], [10, 4], [14, 4], [14, 2]]])
        plan = PlannedPath("a", integrate(steady(6.0)), steady(6.0))
        axes = new_figure(5.4, 5.6).add_subplot()
        draw_birdseye(axes, TRUTH, HISTORY, [plan], boxes)
        np.testing.assert_allclose(line(axes, "a").get_xydata()[1:, ::-1], plan.trajectory)
        np.testing.assert_allclose(line(axes, "recorded").get_xydata()[1:, ::-1], TRUTH)
        assert len(axes.patches) == 2  # the car and the box
        left, right = axes.get_xlim()
        assert left > right  # y grows to the left

    def test_a_plan_out_of_this_world_does_not_set_the_view(self):
        far = PlannedPath("far", np.full((6, 2), 1e200), np.full((6, 2), 1e200))
        (_, ahead), (_, left) = view_limits(TRUTH, HISTORY, [far])
        assert max(ahead, left) < 40
        figure = frame_figure(VIEW, [far])
        assert any("leaves the view" in text for text in texts(figure))
        assert drawn(figure)

    @given(st.floats(1, 15), st.floats(-0.05, 0.05))
    def test_driving_back_and_forth_ends_where_it_began(self, speed, curvature):
        back = driven_back(steady(speed, curvature))
        steps = np.diff(back, axis=0)
        np.testing.assert_allclose(np.hypot(*steps.T), speed / 2)
        assert back[-1].tolist() == [0, 0]
        assert back[-2, 0] < 0
        # The car came along a curve to the left, so it was to the left of its line of sight.
        assert np.sign(np.round(back[0, 1], 9)) == np.sign(np.round(curvature * 1e3, 6)) or abs(curvature) < 1e-6


class TestText:
    def test_names_of_any_kind_are_drawn(self, tmp_path):
        names = [NASTY.replace("/", ""), "a_b^c", "\u202egnp.exe", "x" * 80, "no\nline"]
        made = [replace(scores(tmp_path, f"run-{index}", 5.0 + index), name=name) for index, name in enumerate(names)]
        compared = compare_runs(made, resamples=100)
        for draw in (
            horizon_figure,
            difference_figure,
            strata_figure,
            outcome_figure,
            calibration_figure,
            latency_figure,
        ):
            assert drawn(draw(compared)), draw
        assert drawn(ecdf_figure(compared))
        plans = [PlannedPath(name, integrate(steady(5.0)), steady(5.0)) for name in names]
        assert drawn(frame_figure(replace(VIEW, scene=NASTY, picture=TestFrame.picture, camera=CAMERA), plans))

    def test_unknown_characters_become_boxes_and_control_characters_are_removed(self):
        assert shown("a\u8eca b\x1b[31m\u202e\n c\ud800") == f"a{UNKNOWN_SIGN} b[31m c"
        assert shown("Grüße ≈ μ $x$") == "Grüße ≈ μ $x$"

    @given(st.text(max_size=60), st.integers(1, 20))
    def test_shown_text_is_one_short_line(self, text, limit):
        line = shown(text, limit)
        assert len(line) <= limit
        assert line.isprintable()

    def test_settings_do_not_leak(self):
        import matplotlib

        before = dict(matplotlib.rcParams)
        with styled():
            assert matplotlib.rcParams["text.parse_math"] is False
        assert dict(matplotlib.rcParams) == before


class TestScale:
    def test_the_jump_is_cut(self):
        assert reach([1.0, 1.2, 0.9, 46.0]) == 1.2
        assert reach([0.01, 0.05, 0.3, -45.0]) == 0.3
        assert reach([1.0, 2.0, 3.0]) == 3.0
        assert reach([float("nan"), float("inf")]) == 0.0

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
    def test_most_of_the_runs_are_on_the_axis(self, values):
        limit = reach(values)
        assert limit in np.abs(values)
        assert (np.abs(values) <= limit).sum() * 2 > len(values)

    def test_short_numbers(self):
        assert [short(value) for value in (0.004, -1.5, 46.04, 370.2, 1.2e12)] == [
            "0.00",
            "\u22121.50",
            "46.0",
            "370",
            "1.2e12",
        ]

    def test_ten_runs_and_more_have_styles_of_their_own(self):
        styles = run_styles([f"run-{index}" for index in range(24)] + ["constant-action"])
        assert len(set(styles.values())) == 25
        first = {(style.colour, style.line) for style in list(styles.values())[:10]}
        assert len(first) == 10


class TestFiles:
    def test_every_figure_in_every_format_twice_the_same(self, comparison, runs, tmp_path):
        written = write_figures(comparison, tmp_path / "a")
        names = {
            "differences",
            "horizons",
            "ecdf",
            "calibration",
            "strata",
            "outcomes",
            "accuracy_latency",
            "accuracy_cost",
        }
        assert {path.stem for path in written} == names
        assert len(written) == 24
        for path in written:
            if path.suffix == ".png":
                with Image.open(path) as image:
                    assert image.format == "PNG"
                    assert min(image.size) > 300
            elif path.suffix == ".svg":
                assert b"<svg" in path.read_bytes()[:1000]
            else:
                assert path.read_bytes().startswith(b"%PDF")
        again = [
            save_figure(draw(comparison), tmp_path / "b" / f"{name}.{kind}")
            for draw, name, kind in (
                (outcome_figure, "outcomes", "pdf"),
                (difference_figure, "differences", "svg"),
                (strata_figure, "strata", "svg"),
            )
        ]
        for path in again:
            assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes(), path.name

    def test_runs_are_cut_as_the_comparison_was(self, runs, tmp_path):
        fewer = [runs[0], runs[1].take(np.arange(16))]
        compared = compare_runs(fewer, shared_only=True, resamples=100)
        written = write_figures(compared, tmp_path, ["svg"])
        assert len(written) == 8

    def test_unknown_formats_and_folders_are_reported(self, comparison, tmp_path):
        figure = difference_figure(comparison)
        with pytest.raises(UserError, match=r"let it end in \.pdf, \.svg, \.png"):
            save_figure(figure, tmp_path / "a.bmp")
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="give another --out"):
            save_figure(figure, tmp_path / "file" / "a.png")
