"""Templates against domains of the bundled micrograph, and of images that they are not of."""

from dataclasses import replace
from importlib.resources import as_file, files

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.errors import ResultError, StackmotifError
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching.tables import new_table
from stackmotif.matching.templates import score_domains
from stackmotif.matching.templates.asking import with_templates
from stackmotif.matching.templates.conditions import TemplatesDoNotFitError
from stackmotif.stacking.columnset import add_lens, place_columns, stack_phases


@pytest.fixture(scope="module")
def micrograph():
    """A part of the bundled micrograph with a TD(2): multislice, about 4 nm to 5 nm thick."""
    with as_file(files("stackmotif") / "_data" / "demo.emd") as path:
        whole = sm.read(path)
    return replace(whole, image=np.array(whole.image[60:430, 20:400]))


@pytest.fixture(scope="module")
def read(micrograph):
    return sm.identify(micrograph, templates="off")


@pytest.fixture(scope="module")
def scored(read):
    return score_domains(read)


def winners(result):
    first = result.scores[result.scores["rank"] == 1]
    return dict(zip(first["target"].tolist(), first["motif"].tolist(), strict=True))


def test_multislice_agrees_with_geometry(scored):
    told = scored.summary["templates"]
    assert told["agreement"] == 1.0
    assert told["contradicted"] == []
    assert told["fit"] > 0.99
    assert told["weight"] == 1.0
    assert "TD(2)" in winners(scored).values()
    assert abs(told["thickness_A"] - 48) < 2 * told["thickness_sigma_A"]
    assert "scores" not in scored.summary["not_yet"]
    assert any("assumed" in line for line in told["assumed"])


def test_the_table_is_ranked_and_its_posteriors_are_shares(scored):
    table = scored.scores
    for target in np.unique(table["target"]):
        lines = table[table["target"] == target]
        assert lines["rank"].tolist() == list(range(1, len(lines) + 1))
        assert (np.diff(lines["log_evidence"]) <= 0).all()
        assert lines["posterior"].sum() == pytest.approx(1.0, abs=1e-6)
    assert (np.abs(table["ncc"]) <= 1).all()
    assert np.isfinite(table["thickness_A"]).all()


def test_columns_and_cells_are_left_as_they_were(read, scored):
    assert read.shifts.tobytes() == scored.shifts.tobytes()
    assert read.columns.tobytes() == scored.columns.tobytes()
    np.testing.assert_array_equal(read.domains["p"], scored.domains["p"])


@pytest.mark.parametrize(
    "turn",
    [
        lambda i: i[::-1, ::-1],
        pytest.param(lambda i: i[:, ::-1], marks=pytest.mark.slow),
        pytest.param(np.rot90, marks=pytest.mark.slow),
    ],
)
def test_turned_and_mirrored_images_have_the_same_winners(micrograph, scored, turn):
    turned = replace(micrograph, image=np.array(turn(micrograph.image)))
    again = sm.identify(turned, templates="on")
    assert again.summary["templates"]["agreement"] == 1.0
    assert sorted(winners(again).values()) == sorted(winners(scored).values())


def test_gain_offset_and_a_sloping_background_do_not_matter(read, scored):
    slope = np.linspace(0, 0.3 * np.ptp(read.image), read.image.shape[1])
    other = replace(read, image=(7.0 * (read.image + slope) - 400.0).astype(np.float32))
    again = score_domains(other)
    assert winners(again) == winners(scored)
    assert again.summary["templates"]["fit"] > 0.99


def misread(read, kind="TD"):
    """Return the result as if the gaps of one kind had been read as O1."""
    number = int(read.domains["id"][read.domains["kind"] == kind][0])
    shifts, state = read.shifts.copy(), read.field.state.copy()
    own = shifts["domain"] == number
    shifts["state"][own] = "0"
    state[shifts["gap"][own], shifts["slot"][own]] = 1
    return replace(read, shifts=shifts, field=replace(read.field, state=state)), number


def test_a_wrong_reading_is_contradicted_and_its_probability_lowered(read):
    wrong, number = misread(read)
    found = score_domains(wrong)
    told = found.summary["templates"]
    assert told["contradicted"] == [number]
    assert told["agreement"] < 1.0
    assert found.domains["p"][number] < 0.01 < 0.9 < wrong.domains["p"][number]
    assert any(f"domain {number} was read as O1_fault(2)" in w for w in found.summary["warnings"])
    assert winners(found)[f"domain {number}"] == "TD(2)"


@pytest.mark.slow
def test_templates_of_another_detector_count_for_nothing(read):
    """Columns are bright in this image and dark in ABF."""
    found = score_domains(replace(misread(read)[0], detector="abf"))
    told = found.summary["templates"]
    assert told["fit"] < 0.9
    assert told["weight"] < 1.0
    assert any("without noise" in line for line in found.summary["warnings"])
    np.testing.assert_array_equal(found.domains["p"] > 0.5, read.domains["p"] > 0.5)


def test_templates_that_do_not_fit_are_refused(read):
    with pytest.raises(TemplatesDoNotFitError, match="pixel size"):
        score_domains(replace(read, pixel_size_A=0.8))
    with pytest.raises(TemplatesDoNotFitError, match="detector"):
        score_domains(replace(read, detector="idpc"))
    with pytest.raises(TemplatesDoNotFitError, match="energy_eV"):
        score_domains(read, microscope="stem-200kV")
    lattice = {**read.summary["lattice"], "pitch_A": 2.9}
    with pytest.raises(TemplatesDoNotFitError, match="pitch"):
        score_domains(replace(read, summary={**read.summary, "lattice": lattice}))
    with pytest.raises(ResultError, match="ignore"):
        score_domains(read, ignore=["everything"])


def test_what_does_not_fit_may_be_allowed(read):
    found = score_domains(read, microscope="stem-200kV", ignore=["voltage"])
    assert "a different voltage was allowed" in found.summary["templates"]["assumed"]


def test_identify_says_whether_and_why_not(micrograph):
    off = sm.identify(micrograph, templates="off")
    assert len(off.scores) == 0
    assert off.summary["templates"] == {"asked": "off", "used": False, "because": "not asked for"}
    with pytest.raises(StackmotifError, match="templates"):
        sm.identify(micrograph, templates="maybe")
    columns = place_columns(stack_phases("+++-+++", 20), rng=1).positions_A
    bare = sm.identify(sm.Columns.from_positions(columns, sigma_A=0.1), templates="on")
    assert "no image" in bare.summary["templates"]["because"]
    assert any("no image" in line for line in bare.summary["warnings"])


def test_without_domains_nothing_is_matched(read):
    shifts = read.shifts.copy()
    shifts["domain"] = -1
    found = with_templates(replace(read, shifts=shifts), asked="auto")
    assert found.summary["templates"]["because"] == "no domain was read"


def picture(phases, *, dose=2000.0):
    truth = place_columns(phases, rng=5, noise_A=0.0)
    positions = truth.positions_A - truth.positions_A.min(axis=0) + 5.0
    shape = tuple(np.ceil((positions.max(axis=0) + 5.0) / 0.18).astype(int))
    pixels = column_sum_image(
        positions, shape=shape, pixel_size_A=0.18, sigma_A=0.55, dose_e_per_A2=dose, rng=6
    )
    return sm.Micrograph(pixels, 0.18)


def wall(result, *, row, x_A, left, right):
    """Return a result with one wall in a row."""
    cells = result.shifts[result.shifts["gap"] == row]
    walls = new_table("walls", 1)
    walls["row"], walls["gap"], walls["left"], walls["right"] = row, row, left, right
    walls["x_A"], walls["y_A"] = x_A, cells["y_A"].mean() - 2.4
    walls["width_columns"], walls["wall_class"] = 1.0, "O3|O1 test"
    return replace(result, walls=walls)


def test_a_wall_is_told_from_a_row_that_goes_on():
    phases = stack_phases("+" * 9, 40)
    add_lens(phases, gap=3, start=20, stop=36, states="000")
    result = sm.identify(picture(phases), templates="off")
    start = result.shifts[(result.shifts["gap"] == 3) & (result.shifts["state"] == "0")]["x_A"]
    there = wall(result, row=4, x_A=start.min() - 1.3, left="++", right="00")
    found = score_domains(there)
    assert winners(found)["wall 0"] == "O3|O1 test"
    elsewhere = wall(result, row=4, x_A=start.min() - 18.0, left="++", right="00")
    assert winners(score_domains(elsewhere))["wall 0"] == "no wall, ++"
