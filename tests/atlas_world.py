"""A world with images in closed form, in which the gaps of a slab are independent of each other.

Every column is a Gaussian, and every gap adds to the oxygen columns beside it what depends on its
tilts, shift and guest. An atlas is sampled from it as the simulation samples its tiles.
"""

from dataclasses import dataclass

import numpy as np

from stackmotif.imaging import Microscope
from stackmotif.imaging.atlas.cell import gap_height_A
from stackmotif.imaging.atlas.model import Atlas
from stackmotif.imaging.atlas.recipe import MOMENTS, AtlasRecipe
from stackmotif.structures.lattices.lattice import get_lattice

SIGMA_A = 0.36
EDGES_MRAD = (0.0, 10.0, 20.0, 60.0, 150.0)
GUESTS = ("", "Li", "Li@u")


@dataclass
class Blobs:
    x: list
    y: list
    weight: list

    def add(self, x, y, weight):
        self.x.append(x)
        self.y.append(y)
        self.weight.append(weight)


def guest_name(guest):
    """Return a guest as the atlas calls it."""
    if guest is None:
        return ""
    return guest.species + ("@u" if guest.site == "u" else "")


def gap_weight(tilt, shift, tilt_above, guest):
    """Return what a gap adds to its lower and upper oxygen columns, channel by channel."""
    turn = 2 * np.pi * shift
    same = tilt == tilt_above
    strength = 0.3 + 0.1 * np.cos(turn) + (0.07 * tilt * np.sin(turn) if same else 0.05)
    filled = np.full(2, 0.2 * bool(guest))
    if guest and same and round(3 * shift * tilt) % 3 == 2:
        filled = np.array([0.0, 0.4] if guest == "Li@u" else [0.4, 0.0])
    return (strength + filled)[:, None] * np.array([0.5, -0.6, 0.3, 0.2])


def blobs_of_stack(tilts, phases, heights_A, guests, *, slab_A, pitch_A, shifts=None):
    """Return columns of a stack: phases in pitches, heights up, guests of the gaps between."""
    shown = Blobs([], [], [])
    half = slab_A / 2
    n = len(tilts)
    for k in range(n):
        x, y, t = phases[k] * pitch_A, -heights_A[k], tilts[k]
        shown.add(x, y, np.array([0.6, -0.4, 0.8, 1.0]))
        shown.add(x - t * pitch_A / 3, y + half, np.array([-0.5, 0.6, 0.25, 0.1]))
        shown.add(x + t * pitch_A / 3, y - half, np.array([-0.5, 0.6, 0.25, 0.1]))
        if k + 1 < n:
            shift = phases[k + 1] - phases[k]
            lower, upper = gap_weight(t, shift, tilts[k + 1], guests[k])
            above = phases[k + 1] * pitch_A - tilts[k + 1] * pitch_A / 3
            shown.add(x + t * pitch_A / 3, y - half - 0.3, lower)
            shown.add(above, -heights_A[k + 1] + half + 0.3, upper)
    return shown


def picture(blobs, x_A, y_A, *, pitch_A, sigma_y_A=SIGMA_A, sigma_x_A=SIGMA_A):
    """Return the image (channel, y, x): four rings and the two moments."""
    wave = np.asarray(x_A)[None] - np.asarray(blobs.x)[:, None]
    wave = (wave + pitch_A / 2) % pitch_A - pitch_A / 2
    dx = wave[..., None] + pitch_A * np.arange(-2, 3)
    along = np.exp(-(dx**2) / 2 / sigma_x_A**2) * (SIGMA_A / sigma_x_A)
    dy = np.asarray(y_A)[None] - np.asarray(blobs.y)[:, None]
    across = np.exp(-(dy**2) / 2 / sigma_y_A**2) * (SIGMA_A / sigma_y_A)
    weight = np.array(blobs.weight)
    rings = np.einsum("nc,ny,nx->cyx", weight, across, along.sum(-1), optimize=True)
    com_x = np.einsum("n,ny,nx->yx", weight[:, 0], across, (dx * along).sum(-1), optimize=True)
    com_y = np.einsum("n,ny,nx->yx", weight[:, 0], dy * across, along.sum(-1), optimize=True)
    rings[0] += 1.0
    return np.concatenate([rings, [com_x, com_y]])


def recipe(n_shifts=3, lattice="LiNiO2:0.5", **changes):
    settings = {
        "microscope": Microscope.preset("stem-300kV"),
        "lattice": lattice,
        "thickness_A": (20.0, 40.0),
        "n_shifts": n_shifts,
        "guests": GUESTS,
        "phonons": 0,
        "couplings": False,
        "bin_edges_mrad": EDGES_MRAD,
        **changes,
    }
    return AtlasRecipe(**settings)


def world_atlas(n_shifts=3, *, one_height=False, **changes):
    """Return an atlas of this world; the second thickness is twice as bright."""
    made = recipe(n_shifts, **changes)
    lattice = get_lattice(made.lattice)
    step = lattice.row_spacing_A("3")
    y = (np.arange(made.n_rows) - made.n_rows // 2) * made.row_step_A
    x = np.arange(made.n_columns) / made.n_columns * lattice.column_pitch_A
    tiles, heights = [], []
    for one in made.neighbours:
        gap = lattice.gap_height_A("3") if one_height else gap_height_A(lattice, one)
        heights.append(gap)
        s, up = float(one.shift), one.tilt
        above = lattice.slab_height_A + gap
        blobs = blobs_of_stack(
            [1, 1, up, up],
            [-1 / 3, 0.0, s, s + up / 3],
            [-step, 0.0, above, above + step],
            ["Li", one.guest, "Li"],
            slab_A=lattice.slab_height_A,
            pitch_A=lattice.column_pitch_A,
        )
        image = picture(blobs, x, y, pitch_A=lattice.column_pitch_A)
        tiles.append(np.stack([image, 2 * image]))
    axes = (2, len(GUESTS), n_shifts)
    samples = np.stack(tiles).reshape(*axes, 2, len(EDGES_MRAD) - 1 + len(MOMENTS), len(y), len(x))
    return Atlas(
        samples=samples.astype(np.float32),
        noise=np.zeros(samples.shape[3:5], dtype=np.float32),
        recipe=made,
        thickness_A=np.array([7, 14]) * lattice.a_A,
        pitch_A=lattice.column_pitch_A,
        slab_height_A=lattice.slab_height_A,
        gap_heights_A=np.array(heights).reshape(axes),
    )


def truth(word, atlas, x_A, y_A, *, gap_heights_A=None, shifts=None, turns=None, **blur):
    """Return the closed-form image of a periodic word, slab 0 at the origin."""
    n = len(word)
    turns = 2 + 12 // n if turns is None else turns
    tilts = [slab.tilt for slab in word.slabs]
    if shifts is None:
        shifts = [float(one) for one in word.projection()]
    guests = [guest_name(slab.guest) for slab in word.slabs]
    if gap_heights_A is None:
        lattice = get_lattice(atlas.recipe.lattice)
        gap_heights_A = [lattice.gap_height_A(kind) for kind in word.gap_kinds]
    steps = atlas.slab_height_A + np.asarray(gap_heights_A)
    count = n * (2 * turns + 1)
    phases = np.concatenate([[0], np.cumsum(np.tile(shifts, 2 * turns + 1))])[:count]
    heights = np.concatenate([[0], np.cumsum(np.tile(steps, 2 * turns + 1))])[:count]
    origin = turns * n
    blobs = blobs_of_stack(
        tilts * (2 * turns + 1),
        phases - phases[origin],
        heights - heights[origin],
        guests * (2 * turns + 1),
        slab_A=atlas.slab_height_A,
        pitch_A=atlas.pitch_A,
    )
    return picture(blobs, x_A, y_A, pitch_A=atlas.pitch_A, **blur)
