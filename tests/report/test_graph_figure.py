import numpy as np
import pytest

from planted_walls import plant_walls, read
from stackmotif.errors import ResultError
from stackmotif.report.figure import save_png
from stackmotif.report.graph_figure import graph_figure
from stackmotif.stacking.columnset import place_columns
from stackmotif.stacking.palette import STATE_COLOURS, UNIT_COLOURS


@pytest.fixture(scope="module")
def graph():
    phases, _ = plant_walls(np.random.default_rng(2), n_rows=24, n_slots=44, n_walls=6)
    truth = place_columns(phases, rng=2, noise_A=0.04, missing=0.01, false=0.01)
    return read(truth, 0.05).graph()


def drawn(figure):
    (ax,) = figure.axes
    return {artist.get_gid(): artist for artist in (*ax.collections, *ax.patches, *ax.lines)}, ax


def test_every_bond_and_column_is_drawn_once_in_the_colour_of_its_state(graph):
    artists, _ = drawn(graph_figure(graph))
    states = [state for *_, state in graph.edges(data="state")]
    for state, colour in STATE_COLOURS.items():
        lines = artists[f"bonds-{state}"]
        assert len(lines.get_segments()) == states.count(state)
        if states.count(state):
            assert [round(255 * c) for c in lines.get_color()[0][:3]] == rgb(colour)
    thirds = [t for *_, t in graph.edges(data="thirds")]
    assert len(artists["bonds-row"].get_segments()) == thirds.count(3)
    assert len(artists["bonds-cut"].get_segments()) == thirds.count(4) + thirds.count(5) > 0
    labels = [d["label"] for _, d in graph.nodes(data=True) if d["row"] >= 0]
    for label in set(labels):
        assert len(artists[f"columns-{label}"].get_offsets()) == labels.count(label)


def rgb(colour):
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def test_units_are_filled_over_their_columns(graph):
    _, ax = drawn(graph_figure(graph))
    patches = [p for p in ax.patches if str(p.get_gid()).startswith("unit-")]
    units = graph.graph["units"]
    assert len(patches) == len(units) > 0
    for patch, unit in zip(patches, units, strict=True):
        corners = 10 * patch.get_xy()[:-1, ::-1]
        assert np.allclose(corners, [graph.nodes[c]["position_A"] for c in unit.columns])
        shown = [round(255 * c) for c in patch.get_facecolor()[:3]]
        assert not unit.resolved or shown == rgb(UNIT_COLOURS[unit.name])


def test_the_legend_counts_what_is_there(graph):
    (legend,) = graph_figure(graph).legends
    texts = [text.get_text() for text in legend.get_texts()]
    names = [unit.name for unit in graph.graph["units"] if unit.resolved]
    for name in set(names):
        assert f"{name}: {names.count(name)}" in texts


def test_an_image_lies_under_its_columns(graph):
    image = np.random.default_rng(0).random((300, 300), dtype=np.float32)
    figure = graph_figure(graph, image=image, pixel_size_A=0.4)
    _, ax = drawn(figure)
    (shown,) = ax.images
    assert shown.get_extent() == pytest.approx([-0.02, 11.98, 11.98, -0.02])
    assert save_png(figure)[:4] == b"\x89PNG"


def test_what_cannot_be_drawn_is_refused(graph):
    with pytest.raises(ResultError, match="0 columns"):
        graph_figure(graph.subgraph([]))
    with pytest.raises(ResultError, match="pixel_size_A"):
        graph_figure(graph, image=np.zeros((4, 4), dtype=np.float32), pixel_size_A=float("nan"))
