"""A word is read back whatever cell, origin, orientation and order of atoms it is given in."""

import numpy as np
import pytest

from stackmotif.stacking import SITES, Guest, Slab, Word, enumerate_words
from stackmotif.structures import build, read_word

LATTICES = ("LiNiO2:0.5", "NaCoO2", "LiNiO2:1", "NMC811")


def _random_word(rng):
    words = enumerate_words(int(rng.integers(1, 6)), primitive=True)
    bare = words[rng.integers(len(words))]
    slabs = []
    for slab, kind in zip(bare.slabs, bare.gap_kinds, strict=True):
        guest = Guest(
            str(rng.choice(["Li", "Na", "K"])),
            float(rng.choice([0.25, 0.5, 1.0])),
            str(rng.choice(SITES[kind])),
        )
        slabs.append(Slab(slab.tilt, slab.shift, guest if rng.random() < 0.6 else None))
    return Word(tuple(slabs), bool(rng.random() < 0.7))


def _cell(rng):
    while True:
        matrix = rng.integers(-2, 3, (3, 3))
        if 0 < round(np.linalg.det(matrix)) <= 4:
            return matrix


def _rotation(rng):
    q, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("seed", range(60))
def test_any_setting(seed):
    rng = np.random.default_rng(seed)
    word = _random_word(rng)
    structure = build(word, lattice=str(rng.choice(LATTICES)))
    if word.periodic and rng.random() < 0.5:
        structure = structure.get_primitive_structure()
    structure.make_supercell(_cell(rng))
    structure.translate_sites(range(len(structure)), rng.random(3))
    structure.lattice = type(structure.lattice)(structure.lattice.matrix @ _rotation(rng))
    shuffled = type(structure).from_sites([structure[i] for i in rng.permutation(len(structure))])
    assert read_word(shuffled).canonical() == word.canonical()
