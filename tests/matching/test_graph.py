"""The graph of a region: its answers are those of the arrays, and of the truth."""

from collections import Counter
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

import stackmotif as sm
from planted_walls import IMAGES, make_field, plant_walls, read
from stackmotif.conventions import STATES
from stackmotif.errors import ResultError
from stackmotif.matching.graph import (
    CROSS_GAP,
    IN_ROW,
    column_graph,
    motif_counts,
    name_runs,
    slot_words,
    walk_up,
)
from stackmotif.matching.runs import motif_grid, motif_name
from stackmotif.stacking import Word
from stackmotif.stacking.columnset import place_columns, stack_phases

FIELDS = ("words", "words-rotated", "lenses", "walls")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((kind, seed), marks=[pytest.mark.slow] * (seed > 1), id=f"{kind}-{seed}")
        for kind in FIELDS
        for seed in (1, 2)
    ],
)
def field(request):
    result = read(make_field(*request.param))
    return result, result.graph()


@pytest.fixture(scope="module")
def small():
    truth = place_columns(stack_phases("+++-+++0+++", 24), rng=3, noise_A=0.08, missing=0.03)
    return read(truth)


def edges(graph, kind):
    return [(a, b, data) for a, b, data in graph.edges(data=True) if data["kind"] == kind]


def test_nodes_are_the_columns(field):
    result, graph = field
    table = result.columns
    assert list(graph) == table["id"].tolist()
    for name in ("row", "slot", "label", "motif", "domain"):
        assert [v for _, v in graph.nodes(data=name)] == table[name].tolist()
    places = np.array([v for _, v in graph.nodes(data="position_A")])
    assert np.array_equal(places, np.stack([table["y_A"], table["x_A"]], axis=1))
    assert all(graph.degree(n) == 0 for n, row in graph.nodes(data="row") if row < 0)


def test_cross_gap_edges_are_the_cells(field):
    """Each line of gaps.csv once, between the columns of which it is the middle."""
    result, graph = field
    crossing = {(data["gap"], data["slot"]): (a, b, data) for a, b, data in edges(graph, CROSS_GAP)}
    assert len(crossing) == len(edges(graph, CROSS_GAP)) == len(result.shifts)
    for cell in result.shifts:
        lower, upper, data = crossing[int(cell["gap"]), int(cell["slot"])]
        ends = [graph.nodes[n] for n in (lower, upper)]
        assert [end["row"] for end in ends] == [cell["gap"] + 1, cell["gap"]]
        assert ends[1]["slot"] == cell["slot"]
        middle = np.mean([end["position_A"] for end in ends], axis=0)
        assert middle == pytest.approx([cell["y_A"], cell["x_A"]], abs=1e-9)
        assert data["state"] == cell["state"]
        assert (data["shift"], data["sigma"]) == (cell["shift"], cell["sigma"])
        told = [data[name] for name in ("p_plus", "p_zero", "p_minus", "p_unknown")]
        assert sum(told) == pytest.approx(1)
        assert data["p"] == max(told)
        if data["state"] != "x":
            assert STATES[int(np.argmax(told))] == data["state"]


def test_bonds_lie_as_their_shifts_say(field):
    """Measured places in the gauge's direction give the shift of a cell, up to slow distortion."""
    _, graph = field
    for lower, upper, data in edges(graph, CROSS_GAP):
        apart = graph.nodes[upper]["along"] - graph.nodes[lower]["along"]
        off = apart - data["shift"]
        assert abs(off - round(off)) < 0.1


def test_in_row_edges_lead_to_the_next_column_on_the_right(field):
    result, graph = field
    flipped = result.summary["gauge"]["flipped"]
    assert graph.graph["gauge_flipped"] is flipped
    for left, right, data in edges(graph, IN_ROW):
        a, b = graph.nodes[left], graph.nodes[right]
        assert a["row"] == b["row"] >= 0
        assert data["width"] == pytest.approx(b["along"] - a["along"])
        assert 0 < data["width"] < 11 / 6
    beyond = Counter(left for left, _, _ in edges(graph, IN_ROW))
    assert set(beyond.values()) == {1}


def test_words_are_those_of_the_arrays_in_every_slot(field):
    result, graph = field
    words = slot_words(graph)
    letters = np.array(STATES)[result.field.state]
    assert sorted(words) == list(range(letters.shape[1]))
    for slot, word in words.items():
        measured = result.field.measured[::-1, slot]
        assert (np.array(list(word)) == letters[::-1, slot])[measured].all()


@pytest.mark.parametrize("seed", [1, *(pytest.param(k, marks=pytest.mark.slow) for k in (2, 3))])
@pytest.mark.parametrize("kind", FIELDS)
def test_counts_are_those_of_the_summary(kind, seed):
    result = read(make_field(kind, seed))
    graph = result.graph()
    told = result.summary["motif_counts"]
    gaps = {name: n for name, n in told.items() if name.startswith(("TD", "O1_fault", "H1-3"))}
    counts, expected = Counter(motif_counts(graph)), Counter(gaps)
    assert counts <= expected
    if kind != "walls":
        assert counts == expected
    # Slots that are empty beside a wall are left open here; there they are filled from the left,
    # which may make a motif one column wide.
    assert (expected - counts).total() <= 1


def test_a_walk_follows_the_cells(field):
    """Where every column has a partner, the walk is a join of the cell table."""
    result, graph = field
    of_lower = {}
    for lower, upper, data in edges(graph, CROSS_GAP):
        of_lower.setdefault(lower, []).append((upper, data["state"]))
    rows = nx.get_node_attributes(graph, "row")
    lowest = [n for n, row in rows.items() if row == result.summary["n_rows"] - 2]
    longest = 0
    for start in lowest[::3]:
        walk = walk_up(graph, start)
        assert len(walk.columns) == len(walk.states) + 1
        assert [rows[c] for c in walk.columns] == list(
            range(rows[start], rows[start] - len(walk.columns), -1)
        )
        column, expected = start, ""
        while len(of_lower.get(column, [])) == 1:
            column, state = of_lower[column][0]
            expected += state
        assert walk.states.startswith(expected)
        longest = max(longest, len(expected))
    assert longest > 8


def test_a_walk_in_a_full_width_stack_spells_the_truth():
    states = "+++0++--+++-+++0+0+0+++"
    truth = place_columns(stack_phases(states, 40), rng=5, noise_A=0.08, missing=0.05)
    graph = read(truth, 0.08).graph()
    rows = nx.get_node_attributes(graph, "row")
    middle = [
        n for n, row in rows.items() if row == len(states) and 8 < graph.nodes[n]["slot"] < 26
    ]
    assert middle
    for start in middle:
        walk = walk_up(graph, start)
        assert walk.word == states[::-1]
        assert Word.parse(walk.text).metal_text == states[::-1]


def window_names(states):
    codes = np.array([STATES.index(s) for s in states], dtype=np.int8)
    return [motif_name(int(c)) for c in motif_grid(np.stack([codes, codes], axis=1))[:, 0]]


def run_names(states):
    found = [""] * len(states)
    for run in name_runs(states):
        found[run.start : run.stop] = [run.name] * (run.stop - run.start)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_grammar_names_random_words_as_the_array_windows_do(seed):
    rng = np.random.default_rng(seed)
    states = "".join(rng.choice(list("+0-x"), p=[0.5, 0.2, 0.25, 0.05], size=60))
    if seed % 2:
        states = "+" * 5 + "".join(
            str(rng.choice(["0", "-", "0+0+0", "--", "-0-0-0", "+"]))
            + "+" * int(rng.integers(0, 4))
            for _ in range(12)
        )
    expected, backwards = window_names(states), window_names(states[::-1])[::-1]
    for found in (run_names(states), run_names(states[::-1])[::-1]):
        told = [(a, b) for a, b, c in zip(found, expected, backwards, strict=True) if b == c]
        assert len(told) > 0.6 * len(states)  # where H1-3s of both signs touch, windows differ
        assert all(a == b for a, b in told)


def test_a_region_is_the_part_of_the_whole_inside_it(small):
    whole = small.graph()
    y, x = np.array([p for _, p in whole.nodes(data="position_A")]).T
    region = (y.min() + 8, x.min() + 10, y.max() - 9, x.max() - 12)
    part = small.graph(region)
    inside = [
        n
        for n, (b, a) in whole.nodes(data="position_A")
        if region[0] <= b <= region[2] and region[1] <= a <= region[3]
    ]
    assert 40 < len(inside) < len(whole)
    expected = whole.subgraph(inside)
    assert dict(part.nodes(data=True)) == dict(expected.nodes(data=True))
    assert {e[:2]: e[2] for e in part.edges(data=True)} == {
        e[:2]: e[2] for e in expected.edges(data=True)
    }
    assert part.graph["region"] == region


@pytest.mark.parametrize(
    "region",
    [
        (0, 0, 10),
        (0, 0, 0, 10),
        (10, 0, 0, 10),
        (0, 0, np.nan, 10),
        "here",
        [[0, 0], [9, 9]],
        5,
        (0, 0, np.inf, 9),
    ],
)
def test_a_malformed_region_is_refused(small, region):
    with pytest.raises(ResultError, match="y0, x0, y1, x1"):
        small.graph(region)


def test_a_region_without_columns_is_refused_and_says_where_they_are(small):
    with pytest.raises(ResultError, match=r"no column .* expected one within y -?\d"):
        small.graph((-500, -500, -400, -400))


def test_a_result_without_rows_has_no_graph():
    points = np.random.default_rng(0).random((200, 2)) * 60
    failed = sm.identify(sm.Columns.from_positions(points, sigma_A=0.1))
    assert failed.status == "failed"
    with pytest.raises(ResultError, match="no rows of columns"):
        failed.graph()


def test_sigma_must_be_positive(small):
    with pytest.raises(ResultError, match="least_sigma"):
        column_graph(small, least_sigma=0)


def test_a_walk_starts_at_a_column_of_a_row(small):
    with pytest.raises(ResultError, match="in no row"):
        walk_up(small.graph(), 10**6)


def test_a_region_of_one_column_is_a_graph(small):
    table = small.columns[small.columns["row"] >= 0]
    y, x = float(table["y_A"][0]), float(table["x_A"][0])
    graph = small.graph((y - 0.1, x - 0.1, y + 0.1, x + 0.1))
    assert (len(graph), graph.number_of_edges(), graph.graph["units"]) == (1, 0, ())
    assert (slot_words(graph), motif_counts(graph), walk_up(graph, next(iter(graph))).states) == (
        {},
        {},
        "",
    )


def test_a_saved_result_has_the_same_graph(small, tmp_path):
    small.to_npz(tmp_path / "result.npz")
    again = sm.load(tmp_path).graph()
    assert nx.utils.graphs_equal(again, small.graph())
    assert again.graph["units"] == small.graph().graph["units"]


@pytest.mark.parametrize("image", IMAGES)
def test_the_graph_of_a_moved_image_is_the_same_crystal(image):
    """Mirrored, the gauge changes and the bonds stay; upside down, up and down change places."""
    phases, _ = plant_walls(np.random.default_rng(21), n_rows=28, n_slots=50, n_walls=7)
    truth = place_columns(phases, rng=22, noise_A=0.05, missing=0.01, false=0.01)
    first = read(truth, 0.05).graph()
    other = read(replace(truth, positions_A=IMAGES[image](truth.positions_A)), 0.05).graph()

    def bonds(graph):
        return {frozenset(e[:2]): e[2]["state"] for e in edges(graph, CROSS_GAP)}

    assert bonds(first) == bonds(other)
    upright = image in ("mirrored", "by 37 degrees")
    turned = {frozenset(e[:2]) for e in edges(first, IN_ROW)} ^ {
        frozenset(e[:2]) for e in edges(other, IN_ROW)
    }
    assert not turned
    sense = [first.has_edge(a, b) for a, b, _ in edges(other, CROSS_GAP)]
    assert all(sense) if upright else not any(sense)
    units = [
        {(u.name, u.resolved, frozenset(u.columns), u.apex) for u in g.graph["units"]}
        for g in (first, other)
    ]
    assert units[0] == units[1]
    assert motif_counts(first) == motif_counts(other)
