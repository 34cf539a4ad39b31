import math

import numpy as np
import pytest

from semcomm.experiments.curves import DODGE, Curve, Panel, draw_curves

LEFT = Panel(
    "left", "SNR (dB)", "PSNR (dB)", [Curve("a", [0, 1, 2], [20, 21, 22], [1, 1, 1]), Curve("b", [0, 1], [19, None])]
)
RIGHT = Panel(
    "right", "SNR (dB)", "PSNR (dB)", [Curve("b", [0, 1], [18, 19]), Curve("c", [2], [25], [None])], zero=True
)


@pytest.fixture
def figure():
    return draw_curves([[LEFT, RIGHT], [LEFT]], title="A title", note="a note")


def test_every_curve_is_where_it_belongs(figure):
    left, right, below, unused = figure.axes
    assert [axes.get_title() for axes in (left, right, below)] == ["left", "right", "left"]
    assert [container.get_label() for container in left.containers] == ["a", "b"]
    data = [container.lines[0].get_xydata() for container in left.containers]
    np.testing.assert_array_equal(data[0], [[0, 20], [1, 21], [2, 22]])
    assert math.isnan(data[1][1, 1])
    assert not unused.axison
    assert (left.get_ylabel(), right.get_ylabel()) == ("PSNR (dB)", "")


def test_intervals_are_drawn_to_scale(figure):
    (bars,) = figure.axes[0].containers[0].lines[2]
    np.testing.assert_array_equal(
        bars.get_segments(), [[[x, y - 1], [x, y + 1]] for x, y in [(0, 20), (1, 21), (2, 22)]]
    )


def test_bars_at_one_place_stand_beside_one_another_and_points_do_not_move():
    panel = Panel("", "x", "y", [Curve(name, [0, 1], [20, 21], [1, 1]) for name in "abc"])
    figure = draw_curves([[panel]], title="")
    places = []
    for container in figure.axes[0].containers:
        line, caps, (bars,) = container.lines
        places.append([one.get_transform().transform((1, 21))[0] for one in (line, *caps, bars)])
    line, *moved = np.diff(np.array(places), axis=0).T
    np.testing.assert_allclose(line, 0)
    np.testing.assert_allclose(moved, DODGE / 72 * figure.dpi)


@pytest.mark.parametrize(("width", "inches", "rows"), [("single", 3.5, 3), ("double", 7.16, 2)])
def test_a_figure_fits_a_papers_column(width, inches, rows):
    figure = draw_curves([[LEFT, RIGHT], [LEFT]], title="A title", note="a note " * 20, width=width)
    assert figure.get_figwidth() == inches
    assert len({axes.get_subplotspec().rowspan.start for axes in figure.axes}) == rows
    assert figure.get_suptitle() == ""
    shown = [text for axes in figure.axes if axes.axison for text in (axes.title, axes.xaxis.label)]
    assert {text.get_fontsize() for text in shown} == {8.0}
    test_nothing_is_cut_off(figure)


def test_an_unknown_width_is_refused():
    with pytest.raises(ValueError, match="width must be one of screen, single, double, got 'triple'"):
        draw_curves([[LEFT]], title="", width="triple")


def test_a_scheme_looks_the_same_in_all_panels_and_unlike_the_others(figure):
    left, right = figure.axes[:2]
    looks = [
        (container.get_label(), line.get_color(), line.get_marker(), line.get_linestyle())
        for axes in (left, right)
        for container in axes.containers
        for line in container.lines[:1]
    ]
    assert len(looks) == 4
    assert len(set(looks)) == 3
    for feature in (1, 2, 3):
        assert len({look[feature] for look in set(looks)}) == 3


def test_one_legend_names_every_scheme_once(figure):
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]


def test_panels_of_a_row_share_their_scale(figure):
    left, right = figure.axes[:2]
    assert left.get_ylim() == right.get_ylim()


def test_differences_are_ruled_at_zero(figure):
    left, right = figure.axes[:2]
    horizontal = [line for line in right.lines if list(line.get_ydata()) == [0, 0]]
    assert len(horizontal) == 1
    assert not [line for line in left.lines if list(line.get_ydata()) == [0, 0]]


def test_nothing_is_cut_off(figure):
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    for artist in [*figure.axes, *figure.legends, *figure.texts]:
        box = artist.get_tightbbox(renderer)
        if box is not None:
            assert box.x0 >= -1
            assert box.y0 >= -1
            assert box.x1 <= figure.bbox.width + 1
            assert box.y1 <= figure.bbox.height + 1


def test_many_curves_all_look_different():
    panel = Panel("", "x", "y", [Curve(str(number), [0, 1], [20, 21]) for number in range(12)])
    (axes,) = draw_curves([[panel]], title="").axes
    looks = {(container.lines[0].get_color(), container.lines[0].get_marker()) for container in axes.containers}
    assert len(looks) == 12
