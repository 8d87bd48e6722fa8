"""Tilts, kinds and words from an image that shows oxygen. Seeds below 60000: development."""

import itertools
import json

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.errors import ReadError
from stackmotif.imaging.scenes.pairs import make_pair
from stackmotif.matching.oxygen import KINDS, kind_probability
from stackmotif.stacking import gap_kind

DOSE = 1000.0
FIELD = (44.0, 40.0)
TURNS = {
    "upright": lambda image: image,
    "upside down": lambda image: image[::-1, ::-1],
    "mirrored": lambda image: image[:, ::-1],
    "reflected": lambda image: image[::-1],
    "rotated": np.rot90,
}


def counted(pair, detector, *, dose=DOSE, rng=1, turn=TURNS["upright"], pixels=None):
    """Return a micrograph of one detector."""
    if pixels is None:
        pixels = pair.images[detector]
    electrons = dose * pair.pixel_size_A**2
    noisy = np.random.default_rng(rng).poisson(np.maximum(pixels, 0) * electrons) / electrons
    return sm.Micrograph(turn(noisy), pair.pixel_size_A, detector=detector, name=detector)


def read_pair(pair, detector="abf", **settings):
    """Identify a metal image with its oxygen image."""
    metal = counted(pair, "adf", rng=2, turn=settings.get("turn", TURNS["upright"]))
    return sm.identify(metal, oxygen=counted(pair, detector, **settings))


def tilts_right(result, pair):
    """Return which columns of rows have a tilt, and which of these have the true one."""
    inside = result.columns["row"] >= 0
    columns = result.columns[inside]
    places = np.stack([columns["y_A"], columns["x_A"]], axis=1)
    sign = -1 if result.summary["gauge"]["flipped"] else 1
    true = np.where(pair.tilts_at(places) * sign > 0, "R", "L")
    given = columns["tilt"] != "?"
    return given, (columns["tilt"] == true)[given], columns


@pytest.fixture(scope="module")
def o3():
    return make_pair("|R+[Li]|", field_A=FIELD, rotation_deg=4)


@pytest.fixture(scope="module")
def o1():
    return make_pair("|R0|", field_A=FIELD, rotation_deg=-3)


@pytest.fixture(scope="module")
def faulted():
    word = "|R- L-2 L+ R+2 R- R+2 R0 L0 R+2 R0 R+4|"
    return make_pair(word, field_A=(92.0, 40.0), position_A=(76.0, 20.0), rotation_deg=2)


@pytest.fixture(scope="module")
def decided(faulted):
    return read_pair(faulted)


def test_kinds_are_those_of_the_language():
    for below, above, shift in itertools.product((1, -1), (1, -1), (1, 0, -1)):
        lower, upper = (np.array([[t > 0, t < 0]], dtype=float) for t in (below, above))
        state = np.array([[shift == s for s in (1, 0, -1)]], dtype=float)
        found = kind_probability(lower, upper, state)[0]
        assert KINDS[int(found.argmax())] == gap_kind(below, shift, above)
        assert found.max() == found.sum() == 1


def test_kinds_do_not_depend_on_the_gauge_and_sum_to_what_is_known():
    chance = np.random.default_rng(3)
    lower, upper = chance.dirichlet([1, 1, 1], (2, 50))
    state = chance.dirichlet([1, 1, 1, 1], 50)
    found = kind_probability(lower, upper, state)
    turned = kind_probability(lower[:, [1, 0]], upper[:, [1, 0]], state[:, [2, 1, 0]])
    np.testing.assert_allclose(found, turned)
    known = (1 - lower[:, 2]) * (1 - upper[:, 2]) * (1 - state[:, 3])
    np.testing.assert_allclose(found.sum(axis=1), known)


@pytest.mark.parametrize("turn", TURNS)
def test_an_o3_crystal_is_o3_from_every_side(o3, turn):
    result = read_pair(o3, turn=TURNS[turn])
    inside = result.shifts["kind"] != "?"
    assert inside.mean() > 0.9
    assert set(result.shifts["kind"][inside]) == {"3"}
    # In the gauge the majority is +, and so O3 leans to the right.
    assert set(result.columns["tilt"]) <= {"R", "?"}


@pytest.mark.parametrize("turn", TURNS)
def test_an_o1_crystal_is_o1_from_every_side(o1, turn):
    result = read_pair(o1, turn=TURNS[turn])
    inside = result.shifts["kind"] != "?"
    assert inside.mean() > 0.9
    assert set(result.shifts["kind"][inside]) == {"1"}


def test_every_tilt_and_kind_of_a_faulted_field(decided, faulted):
    given, right, _ = tilts_right(decided, faulted)
    assert given.mean() > 0.95
    assert right.all()
    gaps = decided.shifts
    known = gaps["kind"] != "?"
    lower = np.stack([gaps["y_A"] + 2.4, gaps["x_A"]], axis=1)
    assert known.mean() > 0.9
    assert (gaps["kind"] == faulted.kinds_at(lower))[known].all()
    assert set(gaps["kind"][known]) == set(KINDS)


def test_flipped_and_glided_are_told_apart(decided):
    told = {one["motif"]: one for one in decided.summary["oxygen"]["motifs"]}
    assert told["TD(3)"]["answer"] == "flipped"
    assert told["TD(1)"]["answer"] == "glided"
    assert told["O1_fault(1)"]["answer"] == "O1"
    assert told["O1_fault(2)"]["answer"] == "P2-like"
    assert all(max(one["p"].values()) > 0.98 for one in told.values())


def test_words_have_tilts_and_what_is_decided_is_not_degenerate(decided):
    words = set(decided.domains["word"].tolist())
    assert "R- L-2 L." in words
    assert "R- R." in words
    assert all(sm.Word.parse(word) for word in words)
    summary = decided.summary
    assert summary["degenerate"] == []
    assert not {"columns.tilt", "gaps.kind"} & set(summary["not_yet"])
    assert set(decided.domains["kind"]) >= {"O3", "TD", "O1"}


def test_the_summary_is_plain_and_the_view_is_stored(decided, tmp_path):
    json.dumps(decided.summary["oxygen"], allow_nan=False)
    decided.to_npz(tmp_path / "r.npz")
    again = sm.load(tmp_path / "r.npz")
    np.testing.assert_array_equal(again.oxygen.tilt, decided.oxygen.tilt)
    np.testing.assert_array_equal(again.oxygen.patches, decided.oxygen.patches)
    assert again.columns["tilt"].tolist() == decided.columns["tilt"].tolist()


@pytest.mark.parametrize("thickness_A", [20.0, 50.0, 80.0])
def test_contrast_in_bright_field_comes_from_the_image(thickness_A):
    pair = make_pair("|R+4 L- L+ R+3 R0 R+|", field_A=FIELD, thickness_A=thickness_A)
    result = read_pair(pair, "bf", dose=3000.0)
    told = result.summary["oxygen"]
    given, right, _ = tilts_right(result, pair)
    assert told["contrast"] == "bright"
    assert told["pattern"]["other_contrast"] > 1.3
    assert given.mean() > 0.8
    assert right.all()


def test_an_offset_between_the_images_is_taken_out(faulted, decided):
    moved = counted(faulted, "abf", turn=lambda image: np.roll(image, (4, -5), axis=(0, 1)))
    result = sm.identify(counted(faulted, "adf", rng=2), oxygen=moved)
    found = np.array(result.summary["oxygen"]["offset_A"])
    here = np.array(decided.summary["oxygen"]["offset_A"])
    np.testing.assert_allclose(found - here, np.array((4, -5)) * faulted.pixel_size_A, atol=0.15)
    _, right, _ = tilts_right(result, faulted)
    assert right.all()


def test_another_pixel_size_and_other_grey_levels_change_nothing(o3):
    image = counted(o3, "abf").image
    even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    halved = even.reshape(even.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3)) * 2e4 - 77
    coarse = sm.Micrograph(halved, 2 * o3.pixel_size_A, detector="abf")
    result = sm.identify(counted(o3, "adf", rng=2), oxygen=coarse)
    given, right, _ = tilts_right(result, o3)
    assert given.mean() > 0.9
    assert right.all()


def test_an_abf_image_alone_shows_both(o3):
    pair = make_pair("|R+4 R- R+4 L- L+ R+|", field_A=FIELD, thickness_A=80)
    result = sm.identify(counted(pair, "abf", dose=3000.0))
    given, right, _ = tilts_right(result, pair)
    assert result.summary["oxygen"]["same_image"]
    assert given.mean() > 0.8
    assert right.all()


def test_bare_columns_can_have_an_oxygen_image(o3):
    found = sm.find_columns(counted(o3, "adf", rng=2))
    result = sm.identify(found, oxygen=counted(o3, "abf"))
    assert (result.columns["tilt"] == "R").mean() > 0.8


def test_idpc_is_bright():
    pair = make_pair("|R+3 L- L+ R+4|", field_A=FIELD)
    phase = sm.Micrograph(
        2.0 - counted(pair, "abf").image, pair.pixel_size_A, detector="idpc", name="phase"
    )
    result = sm.identify(counted(pair, "adf", rng=2), oxygen=phase)
    given, right, _ = tilts_right(result, pair)
    assert result.summary["oxygen"]["contrast"] == "bright"
    assert given.mean() > 0.9
    assert right.all()


def test_reversed_contrast_is_refused_where_the_detector_says_otherwise(o3):
    wrong = sm.Micrograph(2.0 - counted(o3, "abf").image, o3.pixel_size_A, detector="abf")
    result = sm.identify(counted(o3, "adf", rng=2), oxygen=wrong)
    assert not result.summary["oxygen"]["read"]
    assert set(result.columns["tilt"]) == {"?"}


def test_a_tilt_may_change_along_a_row(o3):
    other = make_pair("|L+|", field_A=FIELD, rotation_deg=4)
    both = o3.images["abf"].copy()
    middle = both.shape[1] // 2
    both[:, middle:] = other.images["abf"][:, middle:]
    oxygen = counted(o3, "abf", pixels=both)
    result = sm.identify(counted(o3, "adf", rng=2), oxygen=oxygen)
    x = result.columns["x_px"]
    sign = result.summary["gauge"]["flipped"]
    left, right = ("L", "R") if sign else ("R", "L")
    assert (result.columns["tilt"][x < middle - 25] == left).mean() > 0.85
    assert (result.columns["tilt"][x > middle + 25] == right).mean() > 0.85


def test_tilts_on_top_of_each_other_are_not_told():
    once = make_pair("|R+5 R+5|", field_A=FIELD)
    twice = make_pair("|R+5 L+5|", field_A=FIELD)
    mixed = 0.5 * (once.images["abf"] + twice.images["abf"])
    result = sm.identify(counted(once, "adf", rng=2), oxygen=counted(once, "abf", pixels=mixed))
    given, _, columns = tilts_right(result, once)
    places = np.stack([columns["y_A"], columns["x_A"]], axis=1)
    blend = twice.tilts_at(places) < 0
    assert given[~blend].mean() > 0.8
    assert (given & (columns["p_tilt"] > 0.9))[blend].mean() < 0.05


def test_a_blurred_part_is_not_told(o3):
    from scipy.ndimage import gaussian_filter

    part = o3.images["abf"].copy()
    middle = part.shape[1] // 2
    part[:, middle:] = gaussian_filter(part, 1.6 / o3.pixel_size_A)[:, middle:]
    oxygen = counted(o3, "abf", pixels=part)
    result = sm.identify(counted(o3, "adf", rng=2), oxygen=oxygen)
    x, tilt = result.columns["x_px"], result.columns["tilt"]
    assert (tilt[x < middle - 25] == "R").mean() > 0.85
    assert (tilt[x > middle + 80] == "?").mean() > 0.9


@pytest.mark.parametrize("what", ["noise", "another stacking", "another angle"])
@pytest.mark.parametrize("detector", ["abf", "bf"])
def test_an_image_of_another_field_tells_nothing(faulted, what, detector):
    if what == "noise":
        other = np.full_like(faulted.images[detector], 0.5)
    else:
        angle = 2 if what == "another stacking" else 31
        word = "|R0 R+ L+ R-2 L+2 R0 R- R+2 L0 L-|"
        other = make_pair(word, field_A=(92.0, 40.0), rotation_deg=angle).images[detector]
    oxygen = counted(faulted, detector, pixels=other)
    result = sm.identify(counted(faulted, "adf", rng=2), oxygen=oxygen)
    told = result.summary["oxygen"]
    assert set(result.columns["tilt"]) == {"?"}
    assert set(result.shifts["kind"]) == {"?"}
    assert not told["read"]
    assert any(told["reasons"][0] in line for line in result.summary["warnings"])
    assert result.summary["degenerate"]
    assert "gaps.kind" in result.summary["not_yet"]


def test_too_few_electrons_tell_nothing(o3):
    result = read_pair(o3, "bf", dose=1.0)
    assert set(result.columns["tilt"]) == {"?"}


@pytest.mark.parametrize(
    ("oxygen", "message"),
    [
        (lambda m: m.image, "oxygen is a ndarray; expected a Micrograph"),
        (lambda m: m, "is of detector 'adf', which shows metal alone"),
        (
            lambda m: sm.Micrograph(m.image[:150], m.pixel_size_A, detector="abf"),
            "expected the same field",
        ),
        (
            lambda m: sm.Micrograph(m.image, 1.1 * m.pixel_size_A, detector="abf"),
            "correct the pixel size",
        ),
    ],
)
def test_what_cannot_be_the_oxygen_image_is_refused(o3, oxygen, message):
    metal = counted(o3, "adf", rng=2)
    with pytest.raises(ReadError, match=message):
        sm.identify(metal, oxygen=oxygen(metal))


@pytest.mark.parametrize("sigma_A", [0.0, 0.7])
def test_a_blur_that_turns_the_contrast_of_bright_field_tells_no_wrong_tilt(sigma_A):
    """At 3 nm a blur aslant to the rows makes bright oxygen look dark in the mean slab."""
    pair = make_pair("|R- L- L+ R+7|", thickness_A=30, field_A=FIELD)
    pixels = pair.images["bf"]
    ky, kx = (np.fft.fftfreq(n, pair.pixel_size_A) for n in pixels.shape)
    aslant = (ky[:, None] + kx) / np.sqrt(2)
    transfer = np.exp(-2 * (np.pi * sigma_A * aslant) ** 2)
    blurred = np.fft.ifft2(np.fft.fft2(pixels) * transfer).real
    result = read_pair(pair, "bf", pixels=blurred)
    told = result.columns["tilt"][result.columns["tilt"] != "?"]
    if sigma_A:
        assert not len(told)
        assert "may be bright or dark" in " ".join(result.summary["oxygen"]["reasons"])
    else:
        # Most gaps are + by the gauge, and their slabs lean R.
        assert len(told) > 0.8 * len(result.columns)
        assert np.mean(told == "R") > 0.6
