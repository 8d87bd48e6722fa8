"""Lateral walls: what was planted is found, and what cannot be told is not made up."""

import itertools

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.catalog import load_catalog
from stackmotif.catalog.recipes.walls import WallRecipe
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching.walls import score_walls
from stackmotif.matching.walls.closing import MISSING_COLUMN_NATS, weigh_jumps
from stackmotif.stacking import OneRowWall, Word, state_after
from stackmotif.stacking.columnset import lens_field, place_columns, stack_phases
from stackmotif.stacking.wallset import PlantedWall, add_wall, wall_field
from stackmotif.structures.orientation import orient, repeat

FLIP = str.maketrans("+-", "-+")
DEVELOPMENT = 3100


def field(rng=DEVELOPMENT, **size):
    return wall_field(rng=rng, **{"n_rows": 30, "n_slots": 90, "n_inclusions": 8, **size})


def placed(phases, *, noise_A=0.1, **changes):
    settings = {"rng": 17, "missing": 0.05, "false": 0.01, "rotation_deg": 9.0, **changes}
    return place_columns(phases, noise_A=noise_A, **settings)


def read(truth, noise_A=0.1):
    return sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=noise_A))


def lone(wall, *, n_rows=16, n_slots=60, noise_A=0.05, **changes):
    """Columns of O3 with one wall, and their reading."""
    phases = stack_phases("+" * (n_rows - 1), n_slots)
    add_wall(phases, wall)
    truth = placed(phases, noise_A=noise_A, missing=0.0, false=0.0, rotation_deg=0.0, **changes)
    return truth, read(truth, noise_A)


@pytest.mark.parametrize("noise_A", [0.05, 0.1, 0.2])
def test_planted_walls_are_found_and_no_others(noise_A):
    right = resolved = total = 0
    for rng in range(DEVELOPMENT, DEVELOPMENT + 3):
        phases, planted = field(rng)
        truth = placed(phases, noise_A=noise_A)
        result = read(truth, noise_A)
        score = score_walls(result, truth, planted)
        assert score.recall >= 0.95
        assert score.precision >= 0.95
        walls = result.walls[score.found]
        true = [planted[k] for k in score.planted]
        jumps = [wall.jump_thirds for wall in true]
        assert np.mean(walls["jump_thirds"] == jumps) >= 0.95
        kinds = np.array([wall.kind for wall in true])
        known = walls["kind"] != "unresolved"
        right += int((walls["kind"] == kinds)[known].sum())
        resolved, total = resolved + int(known.sum()), total + len(known)
    assert right >= 0.97 * resolved
    assert resolved >= {0.05: 0.85, 0.1: 0.6, 0.2: 0.05}[noise_A] * total


def test_widths_are_unbiased_and_their_errors_hold():
    pulls = []
    for rng in range(DEVELOPMENT + 10, DEVELOPMENT + 14):
        phases, planted = field(rng, n_rows=40)
        truth = placed(phases, noise_A=0.12)
        result = read(truth, 0.12)
        score = score_walls(result, truth, planted)
        width = np.array([planted[k].width for k in score.planted])
        found = result.walls[score.found]
        sigma = np.maximum(found["width_sigma"], 0.3)
        pulls.append((found["width_columns"] - width) / sigma)
    pulls = np.concatenate(pulls)
    assert abs(np.median(pulls)) < 0.5
    assert np.mean(np.abs(pulls) < 2) > 0.88


@pytest.mark.parametrize("width", [2, 3])
def test_walls_of_two_or_three_columns_are_unresolved(width):
    phases, planted = field(DEVELOPMENT + 20, widths=(width, width, 6))
    truth = placed(phases, noise_A=0.08)
    result = read(truth, 0.08)
    score = score_walls(result, truth, planted)
    narrow = [k for k, n in zip(score.found, score.planted, strict=True) if planted[n].width < 4]
    assert len(narrow) >= 5
    assert np.mean(result.walls["kind"][narrow] == "unresolved") >= 0.85
    assert np.mean(result.walls["width_columns"][narrow]) == pytest.approx(width, abs=0.6)


@pytest.mark.parametrize("left", ["++", "00", "--", "+0", "0+", "-+", "+-", "0-", "-0"])
@pytest.mark.parametrize("jump", [1, 2])
def test_every_abrupt_wall_has_its_classes_and_units(left, jump):
    states = "+++++++" + left + "+++++++"
    phases = stack_phases(states, 50)
    add_wall(phases, PlantedWall(row=8, start=25, jump_thirds=jump, width=1))
    result = read(placed(phases, noise_A=0.04, missing=0, false=0, rotation_deg=0), 0.04)
    assert len(result.walls) == 1
    wall, fit = result.walls[0], result.wall_fits[0]
    expected = OneRowWall(left, jump)
    flipped = result.summary["gauge"]["flipped"]
    swap = str.maketrans("+-", "-+" if flipped else "+-")
    assert (wall["left"], wall["right"]) == (left.translate(swap), expected.right.translate(swap))
    assert wall["jump_thirds"] == jump
    assert wall["kind"] == "A"
    assert (fit["class_above"], fit["class_below"]) == expected.classes
    assert (fit["unit_above"], fit["unit_below"]) == expected.units
    assert (wall["wall_class"], wall["unit"]) == (expected.classes[1], expected.units[1])
    units = [u for u in expected.units if u != "none"]
    counts = result.summary["motif_counts"]
    assert counts["A_wall"] == 1
    assert all(counts[unit] == units.count(unit) for unit in units)


def test_units_are_named_by_probability_and_rarely_where_there_is_none():
    named, right, abrupt = 0, 0, 0
    for rng in range(12):
        for width in (1, 4):
            wall = PlantedWall(row=8, start=25, jump_thirds=1, width=width)
            _, result = lone(wall, noise_A=0.1, rng=rng)
            fit = result.wall_fits[0]
            told = (fit["unit_above"], fit["unit_below"])
            assert (told != ("none", "none")) == (fit["p_abrupt"] >= 0.8)
            named += told != ("none", "none")
            right += width == 1 and told == OneRowWall("++", 1).units
            abrupt += width == 1
    assert right >= 0.6 * abrupt
    assert right >= 0.9 * named


def test_states_beside_walls_obey_the_jumps():
    phases, _ = field(DEVELOPMENT + 30)
    result = read(placed(phases))
    alone = 0
    for wall in result.walls:
        flip = result.summary["gauge"]["flipped"]
        left, right = (str(wall[s]).translate(FLIP) if flip else wall[s] for s in ("left", "right"))
        below = state_after(left[1], row="upper", jump_thirds=int(wall["jump_thirds"]))
        above = state_after(left[0], row="lower", jump_thirds=int(wall["jump_thirds"]))
        alone += (above, below) == (right[0], right[1])
    # Where two rows of a gap jump at one place, the states follow from both jumps.
    assert alone >= 0.4 * len(result.walls)


def test_walls_stand_where_they_were_planted():
    truth, result = lone(PlantedWall(row=7, start=30, jump_thirds=1, width=1))
    wall = result.walls[0]
    beside = truth.positions_A[(truth.row == 7) & np.isin(truth.slot, (30, 31))]
    assert (wall["y_A"], wall["x_A"]) == pytest.approx(tuple(beside.mean(axis=0)), abs=0.3)
    own = result.shifts[result.shifts["wall"] == 0]
    assert len(own) >= 2
    assert np.abs(own["x_A"] - wall["x_A"]).max() < 2 * 2.5
    corners = result.columns[np.isin(result.columns["motif"], ("ASU", "TSU"))]
    assert 4 <= len(corners) <= 8
    assert np.abs(corners["x_A"] - wall["x_A"]).max() < 2 * 2.5


def mirrored(truth, axis):
    positions = truth.positions_A.copy()
    positions[:, axis] *= -1
    return truth.__class__(**{**truth.__dict__, "positions_A": positions})


@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored_fields_have_mirrored_walls(axis):
    phases, _ = field(DEVELOPMENT + 40)
    truth = placed(phases)
    one, two = read(truth), read(mirrored(truth, axis))
    assert len(one.walls) == len(two.walls)

    def story(result, sign):
        rows = [0, 0]
        rows[axis] = 1
        y, x = (
            result.walls[name] * (sign if k == axis else 1) for k, name in ((0, "y_A"), (1, "x_A"))
        )
        order = np.lexsort((np.round(x, 0), np.round(y, 0)))
        names = ("jump_thirds", "kind")
        units = [sorted(pair) for pair in zip(
            result.wall_fits["unit_above"], result.wall_fits["unit_below"], strict=True
        )]  # fmt: skip
        return [(*(result.walls[n][k] for n in names), *units[k]) for k in order]

    assert sorted(story(one, 1)) == sorted(story(two, -1))


@pytest.mark.parametrize("rotation_deg", [37.0, 90.0, -61.0])
def test_rotation_changes_nothing(rotation_deg):
    phases, planted = field(DEVELOPMENT + 50)
    truth = placed(phases, rotation_deg=rotation_deg)
    result = read(truth)
    score = score_walls(result, truth, planted)
    assert score.recall == score.precision == 1.0


@pytest.mark.parametrize(
    "defect",
    [{"shear_deg": 4.0}, {"row_jitter_A": 0.1}, {"curvature_A": 0.6}, {"missing": 0.15}],
)
def test_distorted_fields_keep_their_walls(defect):
    phases, planted = field(DEVELOPMENT + 60)
    truth = placed(phases, noise_A=0.08, **defect)
    result = read(truth, 0.08)
    score = score_walls(result, truth, planted)
    assert score.recall >= 0.9
    assert score.precision >= 0.9


@pytest.mark.parametrize("rng", range(6))
def test_pure_o3_has_no_wall(rng):
    noise_A = (0.1, 0.2, 0.3)[rng % 3]
    truth = placed(stack_phases("+" * 49, 80), rng=rng, noise_A=noise_A, row_jitter_A=0.05)
    assert len(read(truth, noise_A).walls) == 0


def test_lenses_are_closed_and_lone_faults_end_on_partials():
    phases = lens_field(rng=DEVELOPMENT + 70, n_rows=40, n_slots=120, n_lenses=5)
    result = read(placed(phases, noise_A=0.08), 0.08)
    told = result.summary["walls"]
    assert len(told["inclusions"]) == 5
    assert told["partials"] == []
    assert told["n_open"] == 0
    for lens in told["inclusions"]:
        assert lens["burgers_pitch"] == sum(lens["missing_columns"].values())

    phases = stack_phases("+" * 23, 60)
    for row in range(12):
        add_wall(phases, PlantedWall(row=row, start=30, jump_thirds=1, width=4))
    told = read(placed(phases, noise_A=0.05, missing=0, false=0), 0.05).summary["walls"]
    assert len(told["partials"]) == 1
    assert told["partials"][0]["burgers_thirds_modulo_3"] == 1
    assert told["partials"][0]["rows"] in ([0, 11], [12, 23])


def test_a_row_that_is_stretched_twice_has_lost_a_column():
    phases = stack_phases("+" * 15, 60)
    add_wall(phases, PlantedWall(row=7, start=15, jump_thirds=1, width=1))
    add_wall(phases, PlantedWall(row=7, start=40, jump_thirds=2, width=1))
    result = read(placed(phases, noise_A=0.05, missing=0, false=0, rotation_deg=0), 0.05)
    assert result.walls["jump_thirds"].tolist() == [1, 2]
    assert result.wall_fits["row_sum_thirds"].tolist() == [3, 3]
    assert result.summary["walls"]["inclusions"][0]["missing_columns"] == {"7": 1}


def test_closing_is_exact():
    """The posterior of every jump is that of all choices written out."""
    rng = np.random.default_rng(4)
    stretched = rng.integers(1, 3, 5)
    stretched[-1] = (-stretched[:-1].sum() - 1) % 3 + 1
    while stretched.sum() % 3:
        stretched[-1] = stretched[-1] % 2 + 1
        stretched[0] = stretched[0] % 2 + 1
    jumps = np.stack([stretched, stretched - 3], axis=1)
    evidence = rng.normal(0, 2, jumps.shape)
    total = np.zeros(jumps.shape)
    for choice in itertools.product((0, 1), repeat=len(jumps)):
        lines = np.arange(len(jumps))
        missing = abs(jumps[lines, choice].sum()) / 3
        weight = np.exp(evidence[lines, choice].sum() - MISSING_COLUMN_NATS * missing)
        total[lines, choice] += weight
    found = weigh_jumps(jumps, evidence, np.zeros(len(jumps), dtype=np.int64))
    np.testing.assert_allclose(found, total / total.sum(axis=1, keepdims=True), rtol=1e-9)


def blurred_image(spread):
    """O3 with one abrupt wall that stands at another column at every depth of the foil."""
    pixel, pieces = 0.16, []
    for start in np.round(np.linspace(30 - spread, 30 + spread, 8)).astype(int):
        phases = stack_phases("+" * 19, 60)
        add_wall(phases, PlantedWall(row=9, start=int(start), jump_thirds=1, width=1))
        pieces.append(placed(phases, noise_A=0, missing=0, false=0, rotation_deg=0).positions_A)
    positions = np.concatenate(pieces)
    positions = positions - positions.min(axis=0) + 6.0
    shape = tuple(np.ceil((positions.max(axis=0) + 6.0) / pixel).astype(int))
    pixels = column_sum_image(
        positions, shape=shape, pixel_size_A=pixel, amplitude=0.25 / 8, dose_e_per_A2=2000.0, rng=1
    )
    return sm.identify(sm.Micrograph(pixels, pixel), network="off")


def test_an_inclined_wall_is_not_called_continuous():
    assert blurred_image(0).walls["kind"].tolist() == ["A"]
    inclined = blurred_image(4)
    assert set(inclined.walls["kind"]) <= {"unresolved"}


ABRUPT = {
    k: motif
    for k, motif in load_catalog().items()
    if isinstance(motif.recipe, WallRecipe)
    and not motif.recipe.inclination_deg
    and len(motif.recipe.jumps) == 1
}


@pytest.mark.parametrize("motif_id", sorted(ABRUPT))
def test_atoms_of_catalog_walls_are_read_as_they_were_built(motif_id):
    motif = ABRUPT[motif_id]
    (jump,) = motif.recipe.jumps
    cell = repeat(orient(motif.structure()), (1, 1, 1))
    metals = cell.positions_A[cell.symbols == "Ni"][:, [1, 0]]
    seen = np.unique(np.round(metals, 3), axis=0)
    rng = np.random.default_rng(1)
    columns = sm.Columns.from_positions(seen + rng.normal(0, 0.03, seen.shape), sigma_A=0.03)
    result = sm.identify(columns)
    if result.status == "failed":
        pytest.skip("too small a model to be read")
    word = Word.parse(motif.recipe.word)
    states = word.metal_text.strip("|").replace(".", "")
    if not 0 < jump.slab < word.n_gaps:
        pytest.skip("the wall is in the first or the last row")
    expected = OneRowWall(states[jump.slab] + states[jump.slab - 1], jump.thirds)
    near = [k for k, wall in enumerate(result.walls) if wall["jump_thirds"] == jump.thirds]
    assert near, result.walls
    fit = result.wall_fits[near[0]]
    assert (fit["class_above"], fit["class_below"]) == expected.classes
    wanted = ("none", "none") if jump.type == "C" else expected.units
    assert (fit["unit_above"], fit["unit_below"]) == wanted


@pytest.mark.parametrize("rotation_deg", [0.0, 90.0])
def test_a_unit_between_two_walls_counts_once(rotation_deg):
    """Rows 7 and 8 jump by one and two thirds at one place: one ASU or TSU between them."""
    phases = stack_phases("+" * 15, 60)
    add_wall(phases, PlantedWall(row=7, start=30, jump_thirds=1, width=1))
    # The rows stand at -1/3 and +1/3: the column below and to the left of slot 30 is slot 29.
    add_wall(phases, PlantedWall(row=8, start=29, jump_thirds=2, width=1))
    truth = placed(phases, noise_A=0.04, missing=0, false=0, rotation_deg=rotation_deg)
    result = read(truth, 0.04)
    assert len(result.walls) == 2
    between = result.wall_fits["unit_below"][np.argmin(result.walls["row"])]
    assert between == result.wall_fits["unit_above"][np.argmax(result.walls["row"])] != "none"
    units = ("ASU", "TSU", "wide-ASU", "wide-TSU")
    assert sum(result.summary["motif_counts"].get(name, 0) for name in units) == 3


@pytest.mark.parametrize("left", ["++", "00", "+0", "-+"])
@pytest.mark.parametrize("jump", [1, 2])
def test_the_graph_names_the_same_units(left, jump):
    """Strip cells, from positions and bonds alone, are an oracle for the fits of the walls."""
    phases = stack_phases("+++++++" + left + "+++++++", 40)
    add_wall(phases, PlantedWall(row=8, start=20, jump_thirds=jump, width=1))
    truth = placed(phases, noise_A=0.03, missing=0, false=0, rotation_deg=12)
    result = read(truth, 0.03)
    cells = [unit.name for unit in result.graph().graph["units"] if unit.resolved]
    fits = [*result.wall_fits["unit_above"], *result.wall_fits["unit_below"]]
    assert sorted(cells) == sorted(name for name in fits if name != "none") != []
