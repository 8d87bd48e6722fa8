import numpy as np
import pytest

from atlas_world import world_atlas
from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.geometry import check_lengths, stacks_of_words
from stackmotif.imaging.atlas.layout import Shown
from stackmotif.stacking import Word
from stackmotif.structures import build, get_lattice


@pytest.fixture(scope="module")
def atlas():
    return world_atlas()


@pytest.mark.parametrize(
    "text",
    [
        "|R+[Li]|",
        "|R+[Li] R0|",
        "|R0[Li] L0[Li]|",
        "|R- L+|",
        "|R+[Li;h=2.7] R+ R+[Li;h=2.9] R0 R-|",
        "|R+[Li] R0 L-[Li] L0|",
    ],
)
@pytest.mark.parametrize("lattice", [None, "LiNiO2:0.8"])
def test_slabs_stand_where_the_structure_builder_puts_them(atlas, text, lattice):
    stacks = stacks_of_words(text, atlas, lattice=lattice)
    dimensions = get_lattice(lattice or "LiNiO2:0.5")
    structure = build(text, lattice=dimensions)
    metals = structure.cart_coords[[site.species_string == "Ni" for site in structure]]
    n = len(Word.parse(text))
    np.testing.assert_allclose(stacks.heights_A[0], metals[:n, 2], atol=1e-9)
    repeats = len(metals) // n
    assert stacks.period_A[0] * repeats == pytest.approx(structure.lattice.c)
    # Seen along [100], the image's x axis is across a in the plane of the slabs.
    across = metals[:n, 1] / stacks.pitch_A
    phases = np.concatenate([[0.0], np.cumsum(stacks.shifts[0])])[:n]
    np.testing.assert_allclose((phases - across + 0.5) % 1 - 0.5, 0, atol=1e-9)


def test_fillings_follow_the_guests(atlas):
    stacks = stacks_of_words("|R+[Li] R0 R-[Li@u] R-[Li@l]|", atlas)
    np.testing.assert_array_equal(stacks.fillings[0], [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]])
    mixed = stacks_of_words("|R+[Li:0.25]|", atlas, mix_guests=True)
    np.testing.assert_allclose(mixed.fillings[0, 0], [0.75, 0.25, 0])


def test_a_filled_prismatic_gap_needs_both_of_its_sites():
    from dataclasses import replace

    whole = world_atlas()
    recipe = replace(whole.recipe, guests=("", "Li"))
    without = replace(
        whole,
        recipe=recipe,
        samples=whole.samples[:, :2],
        gap_heights_A=whole.gap_heights_A[:, :2],
    )
    assert len(stacks_of_words("|R+[Li] R-|", without)) == 1
    with pytest.raises(SimulationError, match=r"gap 1 of .* lacks 'Li@u': use another engine"):
        stacks_of_words("|R+[Li] R-[Li]|", without)


def test_the_default_height_of_a_gap_is_that_of_its_tile(atlas):
    stacks = stacks_of_words("|R+[Li] R0 L-[Li] R-|", atlas)
    lattice = get_lattice("LiNiO2:0.5")
    expected = [lattice.gap_height_A(kind) for kind in Word.parse("|R+ R0 L- R-|").gap_kinds]
    np.testing.assert_allclose(stacks.gap_heights_A[0], expected)


def test_lengths_too_far_from_the_atlas_are_refused(atlas):
    from dataclasses import replace

    stacks = stacks_of_words("|R+[Li]|", atlas)
    check_lengths(stacks, atlas)
    with pytest.raises(SimulationError, match=r"column pitch is 2\.600 Å and that of the atlas"):
        check_lengths(replace(stacks, pitch_A=2.6), atlas)
    with pytest.raises(SimulationError, match=r"slab height is nan Å"):
        check_lengths(replace(stacks, slab_height_A=float("nan")), atlas)


def test_continued_ends_have_the_reference_stacking(atlas):
    stacks = stacks_of_words("R+[Li] R- L.", atlas, continued=2)
    assert stacks.first == 2
    np.testing.assert_array_equal(stacks.tilts[0], [1, 1, 1, 1, -1, -1, -1])
    thirds = np.round(3 * stacks.shifts[0]).astype(int)
    np.testing.assert_array_equal(thirds, [1, 1, 1, -1, -1, -1, -1])
    assert stacks.heights_A[0, 2] == 0


@pytest.mark.parametrize("seed", range(4))
def test_every_line_is_shown_once(atlas, seed):
    """Every line is in the territory of one slab, which has it among its lines."""
    import torch

    rng = np.random.default_rng(seed)
    stacks = stacks_of_words(["|R+[Li] R0|", "|R- L0[Li]|"], atlas)
    start = torch.tensor(rng.uniform(-300, 300, 2))
    step = torch.tensor(rng.uniform(0.1, 0.4, 2))
    shown = Shown.make(stacks, start, step, 150)
    for b in range(2):
        y = start[b].item() + step[b].item() * np.arange(150)
        covered = np.zeros(150)
        for i in range(shown.slab.shape[1]):
            k = shown.slab[b, i]
            up = stacks.gap_heights_A[b, k] / 2 + stacks.slab_height_A / 2
            down = stacks.gap_heights_A[b, k - 1] / 2 + stacks.slab_height_A / 2
            inside = (y >= shown.centre_A[b, i] - up) & (y < shown.centre_A[b, i] + down)
            covered += inside
            lines = shown.line[b, i][shown.valid[b, i]]
            assert set(np.flatnonzero(inside)) <= set(lines)
        np.testing.assert_array_equal(covered, 1)
