import inspect
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("agg")

from matplotlib import pyplot as plt

from ufama.analysis import paper
from ufama.analysis.evaluation import accuracy, accuracy_per_recording, confusion, select, summary
from ufama.data.layout import LAYOUTS
from ufama.report import drawings, figures, style
from ufama.report.style import figure

DATA_FIGURES = (
    "confusion_matrices", "tsne_panels", "loss_curves", "weights_and_gate", "screening_groups", "accuracy_over_epochs",
    "people_published_and_measured", "ablation", "screening_workflow", "recording",
)  # fmt: skip
ALL_FIGURES = {
    name: value
    for room in (figures, drawings)
    for name, value in vars(room).items()
    if inspect.isfunction(value) and hasattr(value, "alt_text")
}


def drawn(name, results, models, session):
    cross = select(results, dataset="seed", protocol="cross_subject")
    rng = np.random.default_rng(1)
    batch = pd.DataFrame({
        "eeg_confidence": rng.uniform(0.4, 1, 9), "eye_confidence": rng.uniform(0.4, 1, 9),
        "group": ["consistent", "partly_low", "conflicting"] * 2 + ["unused"] * 3,
    })  # fmt: skip
    points = pd.DataFrame({
        "panel": ["a"] * 6 + ["b"] * 6, "x": range(12), "y": range(12), "domain": ["source", "target"] * 6,
        "label": pd.Categorical(["sad", "sad", "fear"] * 4, ["fear", "sad"]),
    })  # fmt: skip
    make = {
        "confusion_matrices": lambda f: f(
            confusion(results, rule="oracle"), paper.published("figure6_confusion_diagonals")
        ),
        "tsne_panels": lambda f: f(points, title="simulated SEED"),
        "loss_curves": lambda f: f(results.history, cross.runs),
        "weights_and_gate": lambda f: f(results.history, cross.runs),
        "screening_groups": lambda f: f(results.history, cross.runs),
        "accuracy_over_epochs": lambda f: f(results.history, cross.runs, results.predictions),
        "people_published_and_measured": lambda f: f(
            accuracy_per_recording(cross), paper.published("table4_seed_per_subject"), rule="last"
        ),
        "ablation": lambda f: f(
            summary(accuracy(models), ["variant", "rule"]),
            paper.published("table7_ablation").query("dataset == 'seed'"), title="simulated SEED",
        ),
        "screening_workflow": lambda f: f(batch, threshold=0.7, gate=0.9, title="simulated SEED"),
        "recording": lambda f: f(session),
        "architecture": lambda f: f(),
        "fusion_block": lambda f: f(),
    }  # fmt: skip
    return make[name](ALL_FIGURES[name])


@pytest.fixture(scope="module")
def gallery(results, ablation, small):
    session = small.select((small.subject == 1) & (small.session == 1))
    made = {name: drawn(name, results, ablation, session) for name in ALL_FIGURES}
    for one in made.values():
        one.canvas.draw()
    return made


def test_a_drawn_figure_is_left_to_whoever_shows_it(gallery):
    opened = [plt.figure(number) for number in plt.get_fignums()]  # other tests may leave theirs
    assert not any(made is figure for made in gallery.values() for figure in opened)


def words(made):
    return " ".join([made.get_suptitle(), *(axes.get_title() for axes in made.axes)])


@pytest.mark.parametrize("name", ALL_FIGURES)
def test_figures_have_alt_text_white_ground_letters_of_10_points_or_more_and_labelled_axes(name, gallery):
    made = gallery[name]
    assert made.alt_text == ALL_FIGURES[name].alt_text
    assert len(made.alt_text) > 60
    assert made.get_facecolor() == (1, 1, 1, 1)
    grounds = {axes.get_facecolor() for axes in made.axes if not axes.patch.get_hatch()}
    assert all(ground[3] == 0 for ground in grounds)
    assert made.get_figwidth() <= 6.4
    texts = [text for text in made.findobj(mpl.text.Text) if text.get_text().strip() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) >= 10
    for axes in made.axes:
        if axes.axison and axes.get_visible():
            assert any(other.get_xlabel() for other in axes.get_shared_x_axes().get_siblings(axes))
            assert any(other.get_ylabel() for other in axes.get_shared_y_axes().get_siblings(axes))


@pytest.mark.parametrize("name", DATA_FIGURES)
def test_figures_of_simulated_data_say_so_and_have_their_mark(name, gallery):
    assert "simulated" in words(gallery[name]) + gallery[name].axes[-1].get_title(loc="left")
    assert any(axes.patch.get_hatch() == style.SIMULATED_HATCH for axes in gallery[name].axes)


@pytest.mark.parametrize("name", ["architecture", "fusion_block"])
def test_what_is_not_simulated_has_no_mark(name, gallery):
    assert not any(axes.patch.get_hatch() for axes in gallery[name].axes)


def two_panels(title, *names):
    """Alt: for a test."""
    drawing, grid = plt.subplots(1, len(names))
    for axes, name in zip(grid, names, strict=True):
        axes.set_title(name)
    style.headline(drawing, title)
    return drawing


@pytest.mark.parametrize(
    ("title", "names", "marked"),
    [
        ("simulated SEED", ("a", "b"), [True, True]),
        ("simulated SEED", ("published", "simulated SEED"), [False, True]),
        ("A message", ("real", "Simulated: the film"), [False, True]),
        ("A message", ("real", "published"), [False, False]),
    ],
)
def test_panels_whose_title_says_simulated_are_dotted_and_all_where_only_the_figures_does(title, names, marked):
    made = figure(two_panels)(title, *names)
    assert [axes.patch.get_hatch() == style.SIMULATED_HATCH for axes in made.axes] == marked


def test_a_line_is_the_mean_over_the_given_runs_only(results):
    runs = select(results, dataset="seed_iv", protocol="cross_session").runs
    made = figures.loss_curves(results.history, runs)
    values = results.history[results.history["digest"].isin(runs["digest"])].groupby("epoch")["classification"]
    np.testing.assert_allclose(made.axes[0].lines[0].get_ydata(), values.mean())
    band = made.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    ends = values.quantile(0.1).min(), values.quantile(0.9).max()
    assert (band.min(), band.max()) == pytest.approx(ends)


def test_epochs_without_an_evaluation_are_skipped_not_drawn_as_gaps(results):
    cross = select(results, dataset="seed", protocol="cross_subject")
    evaluated = cross.history["epoch"] % 5 == 1
    sparse = cross.history.assign(target_accuracy=cross.history["target_accuracy"].where(evaluated))
    made = figures.accuracy_over_epochs(sparse, cross.runs, cross.predictions)
    target = next(line for line in made.axes[0].lines if line.get_label() == "target")
    assert list(target.get_xdata()) == [2, 7, 12]


def test_a_class_has_the_colour_of_its_place_whichever_class_comes_first():
    """Two drawings whose first windows are of different classes: each class keeps its colour."""
    labels = ["neutral", "sad", "fear", "happy"]
    drawn_colours = []
    for order in (labels, labels[::-1]):
        points = pd.DataFrame({"panel": "a", "x": range(4), "y": range(4), "domain": "source", "label": order})
        made = figures.tsne_panels(
            points.assign(label=pd.Categorical(points["label"], labels)), title="simulated SEED-IV"
        )
        legend = made.legends[0]
        drawn_colours.append({
            text.get_text(): handle.get_facecolor()
            for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
            if text.get_text() in labels
        })  # fmt: skip
        crosses = [points for points in made.axes[0].collections if len(points.get_offsets()) == 1]
        assert [mpl.colors.to_hex(one.get_edgecolors()[0]) for one in crosses] == style.class_colours(labels)
    assert drawn_colours[0] == drawn_colours[1]


def test_a_class_has_one_colour_in_all_data_sets_and_no_two_classes_of_one_set_share_a_colour():
    sets = [LAYOUTS[name].class_names for name in ("seed", "seed_iv")] + [("happy", "left", "right", "up", "down")]
    for names in sets:
        colours = style.class_colours(names)
        assert len(set(colours)) == len(names)
        assert all(
            colours[k] == style.CLASS_COLOURS[name] for k, name in enumerate(names) if name in style.CLASS_COLOURS
        )
    assert {name for names in sets[:2] for name in names} == set(style.CLASS_COLOURS)
    assert len(set(style.class_colours([f"class {k}" for k in range(16)]))) == 16


def test_no_other_room_of_reports_defines_colours():
    """But for scales of colours, whose names are matplotlib's."""
    folder = Path(style.__file__).parent
    own = re.compile(r"\"#[0-9a-fA-F]{3,8}\"|[\"'](tab:|C\d)|\btab10\b|color_palette\(.colorblind")
    found = [path.name for path in folder.glob("*.py") if path.name != "style.py" and own.search(path.read_text())]
    assert not found


def test_published_and_measured_people_stand_in_panels_of_their_own(results):
    cross = select(results, dataset="seed", protocol="cross_subject")
    made = figures.people_published_and_measured(
        accuracy_per_recording(cross), paper.published("table4_seed_per_subject"), rule="last"
    )
    above, below = made.axes
    assert above.get_title(loc="left").startswith("published") and "simulated SEED" in below.get_title(loc="left")
    assert (above.patch.get_hatch(), below.patch.get_hatch()) == (None, "...")


def test_no_bar_of_the_ablation_reaches_beyond_100_percent(ablation):
    facts = paper.published("table7_ablation").query("dataset == 'seed'")
    summaries = summary(accuracy(ablation), ["variant", "rule"]).assign(accuracy_sd_population=0.5)
    made = figures.ablation(summaries, facts, title="simulated SEED")
    ends = [path.vertices[:, 0].max() for axes in made.axes for bars in axes.collections for path in bars.get_paths()]
    assert max(ends) <= 100


def test_two_datasets_in_one_curve_are_an_error(results):
    with pytest.raises(ValueError, match="these runs are of simulated SEED, simulated SEED-IV"):
        figures.loss_curves(results.history, results.runs)


@pytest.mark.filterwarnings("error")
def test_one_run_can_be_drawn(results):
    one = select(results, dataset="seed", protocol="cross_subject", fold="session1-subject01", seed=0)
    assert "(n\xa0=\xa01\xa0run)" in words(figures.loss_curves(one.history, one.runs))
    words(figures.accuracy_over_epochs(one.history, one.runs, one.predictions))


def test_published_recall_stands_in_its_own_column(results):
    part = select(results, dataset="seed_iv", protocol="cross_session")
    made = figures.confusion_matrices(confusion(part, rule="last"), paper.published("figure6_confusion_diagonals"))
    boxed = [text.get_text() for text in made.axes[0].texts[16:]]
    assert boxed == ["0.88", "–", "–", "–"]


def test_drawing_leaves_the_readers_own_settings_alone(results):
    with mpl.rc_context():
        mpl.rcParams.update(mpl.rcParamsDefault | {"backend": "agg"})
        before = dict(mpl.rcParams)
        drawings.architecture()
        assert dict(mpl.rcParams) == before


def test_a_figure_without_alt_text_cannot_be_defined():
    def silent():
        """A figure."""

    with pytest.raises(TypeError, match="silent: the docstring of a figure ends with a paragraph 'Alt"):
        figure(silent)
