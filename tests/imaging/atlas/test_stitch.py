import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from atlas_world import truth, world_atlas
from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.stacking import Word

PIXEL_A = 0.2
DETECTORS = (
    Detector("BF", 0, 10),
    Detector("ABF", 10, 20),
    Detector("ADF", 20, 60),
    Detector("HAADF", 60, 150),
    "com_x",
    "com_y",
)
WORDS = (
    "|R+[Li]|",
    "|L-[Li]|",
    "|R0|",
    "|R-|",
    "|R+[Li] R0|",
    "|R0[Li] L0[Li]|",
    "|R- L+|",
    "|R+[Li] R0 L-[Li] L0|",
    "|R+[Li]4 R-[Li] L-[Li]2 L+[Li]|",
    "|R+[Li]3 R0 R0 R+[Li] R-|",
    "|R-[Li] L+[Li] L-[Li] R-[Li@u] R0|",
)


@pytest.fixture(scope="module")
def atlas():
    return world_atlas()


@pytest.fixture(scope="module")
def prepared(atlas):
    return PreparedAtlas(atlas, DETECTORS, thickness_A=20, dtype="float64")


@pytest.fixture(scope="module")
def fine():
    return PreparedAtlas(
        world_atlas(12, one_height=True), DETECTORS, thickness_A=20, dtype="float64"
    )


def show(prepared, word, **changes):
    settings = {"pixel_size_A": PIXEL_A, "field_A": (16.0, 9.0), **changes}
    return prepared.image(word, **settings)


def axes(shape, position_A=(0.0, 0.0), pixel_size_A=PIXEL_A):
    return [np.arange(n) * pixel_size_A - p for n, p in zip(shape, position_A, strict=True)]


def spread(image):
    return np.ptp(image, axis=(-2, -1))


@pytest.mark.parametrize("text", WORDS)
def test_a_word_has_the_image_of_its_closed_form(prepared, atlas, text):
    image = show(prepared, text, position_A=(3.3, 1.7))[0]
    y, x = axes(image.shape[1:], (3.3, 1.7))
    expected = truth(Word.parse(text), atlas, x, y)
    assert (np.abs(image - expected).max(axis=(1, 2)) < 3e-5 * spread(expected)).all()


def test_float32_is_good_enough_far_from_the_origin(atlas):
    prepared = PreparedAtlas(atlas, DETECTORS, thickness_A=20)
    place = (-400.0, -900.0)
    image = show(prepared, "|R+[Li] R0|", position_A=place)[0]
    y, x = axes(image.shape[1:], place)
    expected = truth(Word.parse("|R+[Li] R0|"), atlas, x, y, turns=60)
    assert (np.abs(image - expected).max(axis=(1, 2)) < 1e-4 * spread(expected)).all()


def test_a_height_of_the_word_moves_its_slabs(prepared, atlas):
    text = "|R+[Li] R+[Li;h=3.0] R0|"
    image = show(prepared, text)[0]
    y, x = axes(image.shape[1:])
    word = Word.parse(text)
    heights = [2.792, 3.0, 2.589]
    expected = truth(word, atlas, x, y, gap_heights_A=heights)
    # Columns are at the right places; what is in the stretched gap is stretched with it.
    assert np.corrcoef(image[3].ravel(), expected[3].ravel())[0, 1] > 0.9999
    assert np.abs(image[3] - truth(word, atlas, x, y)[3]).max() > 0.1 * spread(expected)[3]


def test_another_lattice_scales_the_crystal(prepared):
    from stackmotif.structures.lattices.lattice import get_lattice

    other = get_lattice("LiNiO2:1")
    image = show(prepared, "|R+[Li]|", lattice=other, field_A=(40, 30))[0, 3]
    moved = show(
        prepared,
        "|R+[Li]|",
        lattice=other,
        field_A=(40, 30),
        position_A=(other.row_spacing_A("3"), -other.column_pitch_A / 3),
    )[0, 3]
    np.testing.assert_allclose(image, moved, atol=1e-5 * np.ptp(image))


def test_a_rotated_word_is_the_image_moved(prepared):
    word = Word.parse("|R+[Li] R0 L-[Li] R-|")
    base = show(prepared, word)
    stacks = prepared.stacks(word)
    for n in range(1, 4):
        up = float(stacks.heights_A[0, n])
        right = float(stacks.shifts[0, :n].sum()) * stacks.pitch_A
        again = show(prepared, word.rotated(n), position_A=(-up, right))
        np.testing.assert_allclose(again, base, atol=1e-6)


def test_a_flipped_word_is_the_mirror_image(prepared):
    word = Word.parse("|R+[Li] R0 L-[Li] R-|")
    width = 40 * PIXEL_A
    base = show(prepared, word, field_A=(16, 41 * PIXEL_A))
    mirrored = show(prepared, word.flipped(), field_A=(16, 41 * PIXEL_A), position_A=(0, width))
    sign = np.array([1, 1, 1, 1, -1, 1])[:, None, None]
    np.testing.assert_allclose(mirrored[..., ::-1] * sign, base, atol=1e-6)


def test_a_reversed_word_is_the_image_turned(prepared):
    word = Word.parse("|R+[Li] R0 L-[Li] R+ L+|")
    field = (81 * PIXEL_A, 41 * PIXEL_A)
    base = show(prepared, word, field_A=field)
    stacks = prepared.stacks(word)
    top = (float(stacks.heights_A[0, -1]), -float(stacks.shifts[0, :-1].sum()) * stacks.pitch_A)
    place = (80 * PIXEL_A + top[0], 40 * PIXEL_A + top[1])
    turned = show(prepared, word.reversed(), field_A=field, position_A=place)
    sign = np.array([1, 1, 1, 1, -1, -1])[:, None, None]
    np.testing.assert_allclose(turned[..., ::-1, ::-1] * sign, base, atol=1e-6)


def test_a_pitch_or_a_period_changes_nothing(prepared):
    word = "|R+[Li] R0|"
    stacks = prepared.stacks(word)
    base = show(prepared, word)
    sideways = show(prepared, word, position_A=(0, 3 * stacks.pitch_A))
    up = show(
        prepared,
        word,
        position_A=(-float(stacks.period_A[0]), float(stacks.shifts.sum()) * stacks.pitch_A),
    )
    np.testing.assert_allclose(sideways, base, atol=1e-6)
    np.testing.assert_allclose(up, base, atol=1e-6)


def test_a_batch_is_its_words_one_by_one(prepared):
    words = ["|R+[Li] R0 L- L0|", "|R- R- R0 R+[Li]|", "|L-[Li] R+ L0 R0[Li]|"]
    together = show(prepared, words, position_A=(2.0, 0.7), blur_sigma_A=0.3)
    for image, word in zip(together, words, strict=True):
        alone = show(prepared, word, position_A=(2.0, 0.7), blur_sigma_A=0.3)[0]
        np.testing.assert_allclose(image, alone, atol=1e-6)


def test_each_stack_has_its_own_place_scale_and_blur(prepared):
    words = ["|R+[Li] R0|", "|R- R0|"]
    stacks = prepared.stacks(words)
    place = [[1.0, 0.3], [7.0, -2.0]]
    scale = [[1.02, 1.0], [0.97, 1.03]]
    blur = [0.25, 0.4]
    settings = {"shape": (60, 40), "pixel_size_A": PIXEL_A}
    together = prepared.render(stacks, position_A=place, scale=scale, blur_sigma_A=blur, **settings)
    for k, word in enumerate(words):
        alone = prepared.render(
            prepared.stacks(word),
            position_A=place[k],
            scale=scale[k],
            blur_sigma_A=blur[k],
            **settings,
        )
        np.testing.assert_allclose(together[k], alone[0], atol=1e-6)


def test_scale_is_a_finer_pixel_size(prepared):
    base = show(prepared, "|R+[Li] R0|", pixel_size_A=0.2, scale=1.25, position_A=(2.5, 1.0))
    finer = show(
        prepared, "|R+[Li] R0|", pixel_size_A=0.16, field_A=(12.8, 7.2), position_A=(2.0, 0.8)
    )
    np.testing.assert_allclose(base, finer, atol=1e-6)


@pytest.mark.parametrize("sigma_A", [0.02, 0.1, 0.34, 0.8])
def test_blur_is_a_gaussian_on_a_fine_grid(prepared, sigma_A):
    step = 0.04
    fine = show(prepared, "|R+[Li] R0|", pixel_size_A=step, field_A=(24, 16), blur_sigma_A=0.0)[0]
    blurred = show(
        prepared, "|R+[Li] R0|", pixel_size_A=0.2, field_A=(24, 16), blur_sigma_A=sigma_A
    )[0]
    if sigma_A > step:
        expected = gaussian_filter(fine, (0, sigma_A / step, sigma_A / step), truncate=6)[
            :, ::5, ::5
        ]
        inner = np.s_[:, 25:-25, 25:-25]
        np.testing.assert_allclose(blurred[inner], expected[inner], atol=2e-5)
    else:
        second = np.gradient(np.gradient(fine, step, axis=1), step, axis=1)
        second += np.gradient(np.gradient(fine, step, axis=2), step, axis=2)
        expected = (fine + sigma_A**2 / 2 * second)[:, ::5, ::5]
        inner = np.s_[:, 5:-5, 5:-5]
        np.testing.assert_allclose(blurred[inner], expected[inner], atol=2e-4)


def test_blur_matches_the_closed_form(prepared, atlas):
    image = show(prepared, "|R+[Li] R0|", blur_sigma_A=0.34)[0, :4]
    y, x = axes(image.shape[1:])
    wide = float(np.hypot(0.36, 0.34))
    expected = truth(Word.parse("|R+[Li] R0|"), atlas, x, y, sigma_x_A=wide, sigma_y_A=wide)[:4]
    np.testing.assert_allclose(image, expected, atol=3e-5)


def test_a_microscope_brings_its_detectors_and_source():
    atlas = world_atlas(bin_edges_mrad=(0.0, 10.0, 20.0, 25.0, 150.0))
    prepared = PreparedAtlas(atlas, "adf-300kV", thickness_A=20, dtype="float64")
    assert prepared.detectors == ("ADF",)
    alone = PreparedAtlas(atlas, [Detector("x", 25, 150)], thickness_A=20, dtype="float64")
    np.testing.assert_allclose(
        show(prepared, "|R0|"), show(alone, "|R0|", blur_sigma_A=prepared.source_sigma_A)
    )


def test_fractional_shifts_match_the_closed_form(fine):
    # A guest changes its site where the shift passes a prismatic gap: no smooth function of it.
    word = Word.parse("|R+ R0 R- L0[Li]|")
    shifts = np.array([[0.21, 0.45, -0.13, 0.07]])
    stacks = fine.stacks(word).with_shifts(shifts)
    image = fine.render(stacks, shape=(90, 45), pixel_size_A=PIXEL_A)[0].numpy()
    y, x = axes(image.shape[1:])
    heights = [float(fine.atlas.gap_heights_A.max())] * 4
    expected = truth(word, fine.atlas, x, y, shifts=list(shifts[0]), gap_heights_A=heights)
    assert (np.abs(image - expected).max(axis=(1, 2)) < 2e-4 * spread(expected)).all()


def test_a_shift_by_half_a_lattice_vector_is_known_to_a_fine_atlas(fine, prepared):
    word = Word.parse("|R{0,1/2} R{0,1/2}|")
    image = show(fine, word)[0]
    y, x = axes(image.shape[1:])
    heights = [float(fine.atlas.gap_heights_A.max())] * 2
    expected = truth(word, fine.atlas, x, y, gap_heights_A=heights)
    assert (np.abs(image - expected).max(axis=(1, 2)) < 2e-4 * spread(expected)).all()
    with pytest.raises(
        SimulationError, match=r"1/2 of the pitch, and the atlas .* multiples of 1/3"
    ):
        show(prepared, word)


def test_gradients_are_those_of_finite_differences(fine):
    word = Word.parse("|R+[Li] R0 L-|")
    stacks = fine.stacks(word)
    fixed = torch.randn(6, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def value(shifts, place, scale, sigma):
        image = fine.render(
            stacks.with_shifts(shifts),
            shape=(9, 7),
            pixel_size_A=0.53,
            position_A=place,
            scale=scale,
            blur_sigma_A=sigma,
        )
        return (image[0] * fixed).sum()

    arguments = [
        torch.tensor(one, dtype=torch.float64, requires_grad=True)
        for one in ([[0.31, 0.04, -0.3]], [1.03, 0.41], [1.01, 0.99], [0.31])
    ]
    assert torch.autograd.gradcheck(value, arguments, eps=1e-6, atol=1e-4, rtol=1e-4)


def test_a_finite_word_needs_to_be_told_how_it_ends(prepared):
    with pytest.raises(SimulationError, match=r"is finite and the atlas has no surfaces"):
        show(prepared, "R+[Li] R0 R.")
    with pytest.raises(SimulationError, match=r"ends is 'vacuum'; expected 'refuse' or"):
        show(prepared, "R+[Li] R0 R.", ends="vacuum")


def test_a_finite_word_can_continue_as_the_reference(prepared):
    image = show(prepared, "R+[Li] R- L-[Li] L.", ends="continue", position_A=(30, 3))
    ring = "|R+[Li]9 R- L-[Li]9|"
    stacks = prepared.stacks(ring)
    below = (float(stacks.heights_A[0, 8]), -float(stacks.shifts[0, :8].sum()) * stacks.pitch_A)
    expected = show(prepared, ring, position_A=(30 + below[0], 3 + below[1]))
    rows = np.s_[..., 40:, :]
    np.testing.assert_allclose(image[rows], expected[rows], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("|R+[Na]|", r"holds Na at 1 per metal; the atlas has gaps filled with '', 'Li', 'Li@u'"),
        ("|R+[Li:0.5]|", r"holds Li at 0\.5 per metal; .*mix_guests=True"),
        ("|R+[Li@tl]|", r"guest on site 'tl'; the atlas knows"),
        ("|?+|", r"slab 0 of .* has no tilt; expected R or L"),
        ("|R?|", r"gap 0 of .* has no shift"),
        ("|R{1/2,0}|", r"shift \(1/2, 0\), not along e"),
        ("|R+[Li;h=3.9]|", r"gap height is 3\.900 Å and that of the atlas 2\.792 Å"),
    ],
)
def test_what_the_atlas_lacks_is_named(prepared, text, said):
    with pytest.raises(SimulationError, match=said):
        show(prepared, text)


def test_partly_filled_gaps_are_mixed_when_asked(prepared):
    full, empty = show(prepared, "|R+[Li]|"), show(prepared, "|R+|")
    mixed = show(prepared, "|R+[Li:0.3]|", mix_guests=True)
    np.testing.assert_allclose(mixed, 0.3 * full + 0.7 * empty, atol=1e-6)


def test_words_of_a_batch_must_be_alike(prepared):
    with pytest.raises(SimulationError, match=r"\|1 slabs\|, \|2 slabs\|; expected equally many"):
        show(prepared, ["|R+|", "|R+ R0|"])
    with pytest.raises(SimulationError, match=r"words are \[\]; expected a Word"):
        show(prepared, [])


def test_shifts_must_have_the_shape_of_the_stacks(prepared):
    with pytest.raises(SimulationError, match=r"shape \(2,\); expected \(1, 2\)"):
        prepared.stacks("|R+ R0|").with_shifts(np.zeros(2))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pixel_size_A": 5.0}, r"pixel size is 5\.0 Å; expected 0\.01 to 2 Å"),
        ({"field_A": (0.1, 9.0)}, r"expected 2 to 20000 along each of two axes"),
        ({"lattice": "NiO"}, r"lattice 'NiO:1' has slabs of \({'Ni': 1\.0}, 'O'\)"),
        ({"lattice": "LiCoO2"}, r"lattice 'LiCoO2:1' has slabs of \({'Co': 1\.0}"),
        ({"scale": 4.0}, r"scale is 4\.0; expected a number from 0\.5 to 2"),
    ],
)
def test_settings_out_of_range_are_refused(prepared, changes, said):
    with pytest.raises(SimulationError, match=said):
        show(prepared, "|R+[Li]|", **changes)


def test_types_and_devices_that_are_too_coarse_are_refused(atlas, monkeypatch):
    with pytest.raises(SimulationError, match=r"as float16 on 'cpu'; expected float32 or float64"):
        PreparedAtlas(atlas, DETECTORS, thickness_A=20, dtype="float16")
    with pytest.raises(SimulationError, match=r"device is 'abacus'"):
        PreparedAtlas(atlas, DETECTORS, thickness_A=20, device="abacus")
    monkeypatch.setattr("stackmotif.imaging.atlas.stitch.choose_device", lambda device: "mps")
    with pytest.raises(SimulationError, match=r"as float32 on 'mps'; .* cpu or cuda"):
        PreparedAtlas(atlas, DETECTORS, thickness_A=20, device="mps")
    prepared = PreparedAtlas(atlas, DETECTORS, thickness_A=20, device="auto")
    assert prepared.device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_image(atlas, prepared):
    there = PreparedAtlas(atlas, DETECTORS, thickness_A=20, dtype="float64", device="cuda")
    np.testing.assert_allclose(show(there, WORDS[-1]), show(prepared, WORDS[-1]), atol=1e-6)
