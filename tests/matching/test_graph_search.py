"""Sub-graph search of catalog motifs, and the units of walls, against planted truth."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

import stackmotif as sm
from planted_walls import IMAGES, make_field, plant_walls, random_states, read
from stackmotif.catalog.recipes.walls import WallRecipe
from stackmotif.errors import CatalogError
from stackmotif.matching.graph import (
    CROSS_GAP,
    find_motif,
    motif_graph,
    slot_words,
    together,
)
from stackmotif.matching.graph.patterns import seen_from_behind, turned
from stackmotif.stacking import OneRowWall
from stackmotif.stacking.columnset import lens_field, place_columns, stack_phases
from stackmotif.stacking.strip_cells import UNITS
from stackmotif.structures.orientation import orient

CATALOG = sm.load_catalog()
MORE = [pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2)]
ABRUPT = {k: m for k, m in CATALOG.items() if m.family == "wall-abrupt"}


def wall_of(motif):
    """The only wall of an entry, as the two gaps beside its row see it."""
    (jump,) = motif.recipe.jumps
    states = sm.Word.parse(motif.recipe.word).metal_text
    return OneRowWall(states[jump.slab] + states[jump.slab - 1], jump.thirds)


def planted_field(seed, *, noise_A=0.05, missing=0.0, rotation_deg=0.0, **changes):
    rng = np.random.default_rng(seed)
    phases, planted = plant_walls(rng, **changes)
    truth = place_columns(
        phases, rng=rng, noise_A=noise_A, missing=missing, false=missing / 4,
        rotation_deg=rotation_deg,
    )  # fmt: skip
    return read(truth, max(noise_A, 0.02)), truth, planted


def planted_units(planted):
    """Row, slot and name of every unit that an abrupt wall has: one in each gap beside it."""
    return sorted((p.row, p.slot, u) for p in planted if p.length == 1 for u in p.wall.units)


def found_units(graph, truth, *, resolved=True):
    return sorted(
        (int(truth.row[u.bond[0]]), int(min(truth.slot[list(u.bond)])), u.name)
        for u in graph.graph["units"]
        if u.resolved or not resolved
    )


@pytest.mark.parametrize("seed", [0, *MORE])
def test_units_are_at_exactly_the_planted_abrupt_walls(seed):
    result, truth, planted = planted_field(seed, noise_A=0.03, rotation_deg=25.0 * seed)
    assert len(planted) == 10
    assert found_units(result.graph(), truth) == planted_units(planted)


@pytest.mark.parametrize("seed", [0, *MORE])
def test_with_noise_and_missing_columns_units_may_be_missed_and_none_is_made_up(seed):
    result, truth, planted = planted_field(seed, noise_A=0.08, missing=0.03)
    found, expected = found_units(result.graph(), truth), planted_units(planted)
    assert set(found) <= set(expected)
    assert len(found) > 0.4 * len(expected)


@pytest.mark.parametrize("noise_A", [0.0, 0.05, 0.1])
def test_continuous_walls_have_no_units(noise_A):
    for seed in (11, 12):
        result, truth, _ = planted_field(
            seed, noise_A=noise_A, lengths=(4, 6), jumps=(1, -1, 2, -2)
        )
        assert found_units(result.graph(), truth, resolved=False) == []


def test_a_narrow_wall_is_no_resolved_unit():
    for seed in (13, 14):
        result, truth, _ = planted_field(seed, lengths=(2, 3))
        assert found_units(result.graph(), truth) == []


def test_a_tsu_is_a_triangle_with_its_apex_across_the_gap():
    result, truth, _ = planted_field(5, noise_A=0.03)
    graph = result.graph()
    triangles = [u for u in graph.graph["units"] if u.name == "TSU"]
    assert triangles
    for unit in triangles:
        *bond, apex = unit.columns
        assert (tuple(bond), apex) == (unit.bond, unit.apex)
        assert abs(truth.row[apex] - truth.row[bond[0]]) == 1
        base, legs = (
            np.diff([graph.nodes[n]["along"] for n in bond])[0],
            [abs(graph.nodes[n]["along"] - graph.nodes[apex]["along"]) for n in bond],
        )
        assert base == pytest.approx(4 / 3, abs=0.08)
        assert legs == pytest.approx([2 / 3, 2 / 3], abs=0.08)
        gaps = [
            d["gap"]
            for *_, d in (*graph.in_edges(apex, data=True), *graph.out_edges(apex, data=True))
            if d["kind"] == CROSS_GAP
        ]
        assert unit.gap not in gaps  # it has no partner there: both ends of the cut are as near


def brute_units(truth):
    """Units of a field from its exact places: nearest partners, then four columns at a time."""
    x = np.arange(truth.phases.shape[1]) + truth.phases / 3
    found = set()
    for gap in range(len(x) - 1):
        up, low = x[gap], x[gap + 1]
        for j, k in np.argwhere(np.abs(up[:, None] - low[None, :]) < 0.49).tolist():
            for move in (1, -1):
                if not (0 <= j + move < len(up) and 0 <= k + move < len(low)):
                    continue
                left = (min(j, j + move), min(k, k + move))
                top, bottom = (
                    np.rint(3 * (row[i + 1] - row[i]))
                    for row, i in zip((up, low), left, strict=True)
                )
                if top == bottom or min(top, bottom) < 3:
                    continue
                s = np.rint(3 * (up[left[0]] - low[left[1]]))
                pair = {int(s) % 3, int(s + top - bottom) % 3}
                name = ("wide-" if abs(top - bottom) == 2 else "") + ("ASU" if 0 in pair else "TSU")
                found.add((gap + (top < bottom), left[0] if top > bottom else left[1], name, gap))
    return sorted((row, slot, name) for row, slot, name, _ in found)


@pytest.mark.parametrize("seed", [0, *MORE])
def test_lenses_have_the_units_that_their_exact_places_have(seed):
    phases = lens_field(rng=seed, n_rows=50, n_slots=80, n_lenses=7)
    truth = place_columns(phases, rng=seed, noise_A=0.03, rotation_deg=3)
    found, expected = found_units(read(truth, 0.03).graph(), truth), brute_units(truth)
    assert set(found) <= set(expected)
    assert len(found) >= 14
    for row, slot, name in set(expected) - set(found):
        # The other end of a lens squeezes a row by a third at once, which no crystal can do; the
        # reading gives one of its columns to no row, and what lies beside that is not told.
        beside = phases[row - 1 : row + 2, slot - 1 : slot + 3]
        assert np.diff(beside, axis=1).min() < 0, (row, slot, name)


@pytest.mark.parametrize("seed", [0, *MORE])
def test_every_abrupt_wall_of_the_catalog_is_found_where_it_was_planted(seed):
    """Each planted wall once, under the entry that has its states, and no other."""
    result, truth, planted = planted_field(seed, noise_A=0.03, rotation_deg=-40.0)
    graph = result.graph()
    entries = {wall_of(m).canonical(): k for k, m in ABRUPT.items() if not k.endswith("glided")}
    assert len(entries) == 12
    expected = sorted((entries[p.wall.canonical()], p.row, p.slot) for p in planted)
    bonds = {frozenset(u.bond) for u in graph.graph["units"]}
    found = []
    for motif_id in entries.values():
        for one in find_motif(graph, ABRUPT[motif_id]):
            (bond,) = [b for b in bonds if b <= set(one.columns)]
            rows, slots = truth.row[list(bond)], truth.slot[list(bond)]
            assert rows[0] == rows[1]
            found.append((motif_id, int(rows[0]), int(slots.min())))
            assert not one.mirror
            assert one.p > 0.9
    assert sorted(found) == expected


def columns_of(motif):
    """Metal columns (y, x) of the stored atoms, y down [Å]; the lowest slab is at the bottom."""
    cell = orient(motif.structure())
    metals = cell.positions_A[cell.symbols == "Ni"][:, [1, 0]]
    metals[:, 0] = (metals[:, 0] - 1.0) % cell.extent_A[1]
    return sm.Columns.from_positions(np.unique(np.round(metals, 3), axis=0), sigma_A=0.03)


@pytest.mark.parametrize("motif_id", sorted(ABRUPT))
def test_stored_atoms_of_an_abrupt_wall_have_its_units_and_its_pattern(motif_id):
    motif = ABRUPT[motif_id]
    graph = sm.identify(columns_of(motif)).graph()
    units = graph.graph["units"]
    assert sorted(u.name for u in units if u.resolved) == sorted(wall_of(motif).units)
    (one,) = find_motif(graph, motif)
    assert {c for u in units for c in (*u.bond, *u.columns)} <= set(one.columns)
    others = [m for k, m in ABRUPT.items() if wall_of(m).canonical() != wall_of(motif).canonical()]
    assert not any(find_motif(graph, other) for other in others)


@pytest.mark.slow
def test_stored_atoms_of_continuous_walls_have_no_units():
    for motif in CATALOG.query(family="wall-continuous"):
        assert sm.identify(columns_of(motif)).graph().graph["units"] == ()


def positions_of(word, states):
    return sum(states.startswith(word, k) for k in range(len(states)))


@pytest.mark.parametrize(
    "motif_id",
    [
        "td-2-glided",
        "h1-3",
        *(
            pytest.param(motif_id, marks=pytest.mark.slow)
            for motif_id in (
                "td-1-flipped", "td-3-glided", "o1-fault-1", "o1-fault-2", "o1-o3-boundary",
            )
        ),
    ],
)  # fmt: skip
def test_words_are_found_as_often_as_the_truth_spells_them(motif_id):
    """Counted in the text of the stack, read in both senses, overlaps included."""
    total = 0
    for seed in range(3):
        states = random_states(np.random.default_rng(70 + seed), n_gaps=34)
        truth = place_columns(stack_phases(states, 26), rng=seed, noise_A=0.08, missing=0.03)
        graph = read(truth, 0.08).graph()
        word = pattern_states(motif_graph(CATALOG[motif_id]))
        expected = positions_of(word, states) + (word != word[::-1]) * positions_of(
            word[::-1], states
        )
        found = together(graph, find_motif(graph, CATALOG[motif_id]))
        assert len(found) == expected, states
        total += expected
    assert total or motif_id == "o1-o3-boundary"


def pattern_states(pattern):
    return "".join(
        s
        for *_, s in sorted(pattern.edges(data="state"), key=lambda e: -pattern.nodes[e[0]]["row"])
    )


def test_occurrences_of_a_td_are_those_of_the_words_of_all_columns():
    """VF2 against an exhaustive walk: every chain of cells that spells + - - +."""
    result = read(make_field("lenses", 3))
    graph = result.graph()
    up = nx.DiGraph((a, b, d) for a, b, d in graph.edges(data=True) if d["kind"] == CROSS_GAP)
    for word in ("+---+", "+000+", "+0-+"):
        expected = set()
        for sense in {word, word[::-1]}:
            chains = [[n] for n in up]
            for state in sense:
                chains = [
                    [*c, b] for c in chains for b, d in up[c[-1]].items() if d["state"] == state
                ]
            expected |= {frozenset(c) for c in chains}
        found = find_motif(graph, sm.Word.parse("".join(f"?{s}" for s in word) + "?."))
        assert len(found) == len(expected)
        assert {frozenset(one.columns) for one in found} == expected
    assert expected


def test_mirror_images_are_left_out_unless_asked_for_and_then_marked():
    states = "+" * 8 + "-" * 3 + "+" * 8 + "-" * 7 + "+" + "-" * 7 + "+" * 8
    truth = place_columns(stack_phases(states, 24), rng=2, noise_A=0.05)
    graph = read(truth, 0.05).graph()
    td1, td3 = CATALOG["td-1-glided"], CATALOG["td-3-glided"]
    assert find_motif(graph, td1) == []
    (mirrored,) = together(graph, find_motif(graph, td1, mirrors=True))
    assert all(one.mirror for one in mirrored)
    found = find_motif(graph, td3, mirrors=True)
    assert len(together(graph, found)) == 1
    assert not any(one.mirror or one.turned for one in found)


def test_a_pattern_that_is_its_own_mirror_image_is_no_mirror():
    truth = place_columns(stack_phases("+++000+++", 20), rng=2, noise_A=0.05)
    found = find_motif(read(truth, 0.05).graph(), CATALOG["o1"], mirrors=True)
    assert found
    assert not any(one.mirror for one in found)


@pytest.mark.parametrize(
    "image",
    ["mirrored", *(pytest.param(i, marks=pytest.mark.slow) for i in IMAGES if i != "mirrored")],
)
def test_a_moved_image_has_the_same_occurrences(image):
    phases, planted = plant_walls(np.random.default_rng(31), n_rows=25, n_slots=46, n_walls=6)
    truth = place_columns(phases, rng=32, noise_A=0.04, missing=0.01)
    graphs = [
        read(t, 0.05).graph()
        for t in (truth, replace(truth, positions_A=IMAGES[image](truth.positions_A)))
    ]
    total = 0
    for motif_id in ("td-1-glided", "td-2-flipped", "o1-fault-1", "h1-3", *ABRUPT):
        first, other = (
            {frozenset(one.columns) for one in find_motif(g, CATALOG[motif_id])} for g in graphs
        )
        assert first == other
        total += len(first) if motif_id in ABRUPT else 0
    assert total >= len(planted) - 2  # a missing corner takes a wall away


def test_turning_and_mirroring_a_pattern_are_its_own_inverses():
    for motif_id in ("o1-o3-boundary", "wall-asu-tsu-o3", "wall-wide-o3"):
        pattern = motif_graph(CATALOG[motif_id])
        for image in (turned, seen_from_behind):
            again = image(image(pattern))
            assert nx.utils.edges_equal(
                again.edges(data=True), pattern.edges(data=True), directed=True
            )


def test_wide_patterns_find_the_same_motifs():
    truth = place_columns(stack_phases("++++--+++++0++++", 22), rng=4, noise_A=0.05)
    graph = read(truth, 0.05).graph()
    for motif_id in ("td-2-glided", "o1-fault-1"):
        chains = find_motif(graph, CATALOG[motif_id])
        strips = find_motif(graph, CATALOG[motif_id], columns=2)
        assert len(together(graph, chains)) == len(together(graph, strips)) == 1
        assert len(strips) == len(chains) - 1


def test_the_search_in_a_part_loses_nothing(monkeypatch):
    result, *_ = planted_field(3, noise_A=0.05, n_rows=22, n_slots=44, n_walls=6)
    graph = result.graph()
    names = ("td-1-glided", "wall-asu-tsu-o3", "wall-tsu-o3r-o3", "wall-asu-o1-o3", "h1-3")
    fast = {name: find_motif(graph, CATALOG[name]) for name in names}
    monkeypatch.setattr("stackmotif.matching.graph.search._neighbourhood", lambda g, p: g)
    assert fast == {name: find_motif(graph, CATALOG[name]) for name in names}


@pytest.mark.parametrize(
    ("motif_id", "message"),
    [
        ("nio", "no stacking word"),
        ("t2", r"only \+, 0 and -"),
        ("wall-c-o3-plus-1", "continuous"),
        ("lens-o1-3-missing", "closed"),
    ],
)
def test_motifs_without_a_pattern_are_refused(motif_id, message):
    with pytest.raises(CatalogError, match=message):
        motif_graph(CATALOG[motif_id])


@pytest.mark.parametrize("options", [{"columns": 0}, {"flank": 0}])
def test_sizes_of_patterns_are_checked(options):
    with pytest.raises(CatalogError, match="1 or more"):
        motif_graph(CATALOG["td-1-glided"], **options)


def test_every_entry_has_a_pattern_or_is_refused():
    made = 0
    for motif in CATALOG.values():
        try:
            pattern = motif_graph(motif)
        except CatalogError:
            continue
        made += 1
        assert nx.is_weakly_connected(pattern)
        if isinstance(motif.recipe, WallRecipe):
            assert {u.name for u in pattern.graph["units"]} <= set(UNITS)
    assert made > 95


def test_words_of_patterns_are_their_own():
    pattern = motif_graph(CATALOG["td-2-glided"], columns=3, flank=2)
    assert set(slot_words(pattern).values()) == {"++--++"}
