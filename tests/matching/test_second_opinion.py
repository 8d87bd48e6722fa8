"""The network beside the geometry: asked when it helps, and heard when the two disagree."""

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.errors import StackmotifError
from stackmotif.imaging.atlas import PreparedAtlas, default_atlas
from stackmotif.imaging.noise import poisson_dose
from stackmotif.matching.second_opinion import describe_sight, sight_warnings
from stackmotif.matching.tables import new_table
from stackmotif.micrograph.network import Seen, Sight

PIXEL_A = 0.2
WORD, METAL = "|R+[Li]3 R0 R+ R-|", "+++0+-"


@pytest.fixture(scope="module")
def clean():
    """HAADF of an 8 nm crystal, 64 Å wide: 14 rows."""
    prepared = PreparedAtlas(default_atlas(), "stem-300kV", thickness_A=80.0)
    image = prepared.image(
        WORD, pixel_size_A=PIXEL_A, field_A=(64.0, 64.0), position_A=(62.0, 0.0), mix_guests=True
    )[0]
    return image[list(prepared.detectors).index("HAADF")]


def dim(clean, dose, rng=3):
    counted = poisson_dose(clean, dose_per_A2=dose, pixel_size_A=PIXEL_A, rng=rng)
    return sm.Micrograph(counted.astype(np.float32), PIXEL_A)


NOBODY = {
    "asked": "off", "sha256": None, "phases": {}, "agreement": None, "o1_agreement": None,
}  # fmt: skip


def test_nobody_looks_where_columns_stand_out(clean):
    told = sm.identify(dim(clean, 5000)).summary["network"]
    assert told == NOBODY | {"asked": "auto"}


def test_a_dim_image_is_read_with_its_help(clean):
    image = dim(clean, 50)
    alone, helped = sm.identify(image, network="off"), sm.identify(image)
    assert len(helped.columns) > len(alone.columns)
    assert METAL in 3 * helped.summary["word"][1:-1] or METAL in helped.summary["word"]
    told = helped.summary["network"]
    assert len(told["sha256"]) == 64
    assert sum(told["phases"].values()) == pytest.approx(1, abs=1e-3)
    assert sum(told["phases"][name] for name in ("O3", "O1", "layered")) > 0.8
    assert told["agreement"] > 0.7
    assert helped.seen.network == told["sha256"]
    assert alone.seen is None


def test_it_speaks_alone_where_nothing_can_be_read():
    noise = np.random.default_rng(0).poisson(4.0, (200, 200)).astype(np.float32)
    result = sm.identify(sm.Micrograph(noise, PIXEL_A))
    assert result.status == "failed"
    phases = result.summary["network"]["phases"]
    assert phases["amorphous"] + phases["vacuum"] + phases["unresolved"] > 0.9
    assert phases["O3"] + phases["O1"] + phases["layered"] < 0.02
    assert sm.identify(sm.Micrograph(noise, PIXEL_A), network="off").summary["network"] == NOBODY


def test_a_crystal_of_another_kind_is_given_no_name():
    from stackmotif.imaging.columnsum import column_sum_image

    square = np.stack(np.meshgrid(np.arange(3.0, 60, 2.8), np.arange(3.0, 60, 2.8)), -1)
    pixels = column_sum_image(
        square.reshape(-1, 2), shape=(320, 320), pixel_size_A=PIXEL_A, dose_e_per_A2=5e3
    )
    result = sm.identify(sm.Micrograph(pixels, PIXEL_A))
    assert result.status == "failed"
    assert result.summary["network"]["phases"] == {}


def test_other_words_are_refused(clean):
    with pytest.raises(StackmotifError, match="off, auto, on"):
        sm.identify(dim(clean, 500), network="maybe")


@pytest.fixture
def shifts():
    table = new_table("gaps", 40)
    table["y_A"], table["x_A"] = np.repeat([1.0, 3.0], 20), np.tile(np.arange(20) * 0.2, 2)
    table["state"] = np.repeat(["0", "+"], 20)
    return table


def test_agreement_is_counted_cell_by_cell(shifts):
    shape = (20, 20)
    first = np.repeat([1.0, 0.0], 10)[:, None] * np.ones(shape)
    phases = {"layered": first.astype(np.float32), "rocksalt": (1 - first).astype(np.float32)}
    none = np.zeros(shape, dtype=np.float32)
    sight = Sight("on")
    sight.seen = Seen(none, none, none, phases, "0" * 64)
    told = describe_sight(sight, shifts, pixel_size_A=0.2)
    assert told["agreement"] == 0.5
    assert "50 % of the cells" in sight_warnings(told)[0]
    assert told["o1_agreement"] is None
    assert told["phases"] == {
        "O3": 0.0, "O1": 0.0, "layered": 0.5, "rocksalt": 0.5, "unresolved": 0.0,
    }  # fmt: skip
    doubtful = {name: 0.2 * one + 0.4 for name, one in phases.items()}
    sight.seen = Seen(none, none, none, doubtful, "0" * 64)
    told = describe_sight(sight, shifts, pixel_size_A=0.2)
    assert told["phases"]["unresolved"] == 1.0
    assert told["agreement"] == 1.0
    sight.seen = Seen(none, none, none, phases, "0" * 64)
    assert describe_sight(sight, shifts[:20], pixel_size_A=0.2)["agreement"] == 1.0
    assert not sight_warnings({"agreement": 0.9, "o1_agreement": 0.9})
    assert not sight_warnings({"agreement": None, "o1_agreement": None})


@pytest.mark.parametrize(("o1", "share"), [(0.95, 0.5), (0.05, 0.5), (0.5, None)])
def test_o1_is_compared_where_it_is_named(shifts, o1, share):
    """Half the cells are O1; a network that calls all of them one thing is right in half."""
    full, none = (np.full((20, 20), value, dtype=np.float32) for value in (1.0, 0.0))
    sight = Sight("on")
    sight.seen = Seen(none, none, none, {"layered": full}, "0" * 64, o1=o1 * full)
    told = describe_sight(sight, shifts, pixel_size_A=0.2)
    assert told["o1_agreement"] == share
    assert told["agreement"] == 1.0
    assert len(sight_warnings(told)) == (share is not None)


def test_a_cell_by_cell_answer_that_fits_is_no_warning(shifts):
    """The first row of cells (y = 1 Å) is O1, the second one (3 Å) is not."""
    full, none = (np.full((20, 20), value, dtype=np.float32) for value in (1.0, 0.0))
    o1 = np.repeat([0.9, 0.1], 10)[:, None] * full
    sight = Sight("on")
    sight.seen = Seen(none, none, none, {"layered": full}, "0" * 64, o1=o1)
    told = describe_sight(sight, shifts, pixel_size_A=0.2)
    assert told["o1_agreement"] == 1.0
    assert not sight_warnings(told)
    assert told["phases"]["O1"] == told["phases"]["O3"] == 0.5
