"""Carbon and differential phase contrast through the whole simulation."""

import json

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector, Microscope, simulate
from stackmotif.imaging.carbon import CarbonLayers
from stackmotif.imaging.idpc import idpc_image
from stackmotif.imaging.plan import make_plan
from stackmotif.imaging.result import Template
from stackmotif.imaging.running import run_plan
from stackmotif.structures import build

O3 = build("|R+[Li]|", lattice="LiNiO2:1")
WIDE = Microscope(300e3, 10.0, (Detector("BF", 0.0, 10.0), Detector("DF", 15.0, 40.0)))
QUADRANTS = Microscope(300e3, 12.0, (Detector("DPC", 4.0, 22.0, n_segments=4, rotation_deg=30.0),))
STILL = dict.fromkeys(("Ni", "O", "Li"), 0.0)


def signals(carbon=None, seed=0, phonons=1):
    """Bright and dark field at a few points of the thinnest crystal, its atoms at rest."""
    plan = make_plan(O3, microscope=WIDE, thickness_A=3.0, phonons=phonons, sampling_A=0.14)
    points = np.random.default_rng(1).random((3, 2)) * plan.grid.extent_A
    return run_plan(plan, positions_A=points, seed=seed, sigma_A=STILL, carbon=carbon)[0]


def image(**settings):
    fixed = {"engine": "torch", "device": "cpu", "thickness_A": 3.0, "sampling_A": 0.14}
    return simulate(O3, **{"microscope": QUADRANTS, "phonons": 0, **fixed, **settings})


def test_carbon_scatters_electrons_from_the_bright_into_the_dark_field():
    bare, covered = (signals(carbon).mean(axis=1) for carbon in (None, CarbonLayers(45.0, 45.0)))
    assert bare[0] > covered[0] > 0.5 * bare[0]
    assert bare[1] < covered[1]


def test_every_configuration_and_seed_has_carbon_of_its_own():
    layer = CarbonLayers(before_A=10.0)
    first, again, other = (signals(layer, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    # A second configuration differs by its carbon alone.
    assert np.abs(signals(layer, seed=1, phonons=2) - first).max() > 1e-3


@pytest.mark.parametrize("phonons", [0, 3])
def test_carbon_that_cannot_average_out_is_refused(phonons):
    with pytest.raises(SimulationError, match="4 configurations or more"):
        image(phonons=phonons, carbon=CarbonLayers(before_A=10.0))


def test_carbon_without_layers_is_refused():
    with pytest.raises(SimulationError, match="expected CarbonLayers"):
        image(phonons=4, carbon=30.0)


def test_integrated_phase_contrast_shows_the_columns(tmp_path):
    shown = image(pixel_size_A=0.25)
    assert shown.detectors == ("DPC-1", "DPC-2", "DPC-3", "DPC-4")
    assert shown.image.shape[0] == 4
    assert shown.provenance["carbon"] is None
    assert json.dumps(shown.metadata())
    phase = idpc_image(shown)
    # Heavy columns take a small part of the area: the bright side is the rarer one.
    above = phase - np.median(phase)
    assert above.max() > 1.5 * -above.min()
    # The annular signal of the same electrons is lowest or highest there, not in between.
    total = shown.image.sum(axis=0)
    assert abs(np.corrcoef(phase.ravel(), total.ravel())[0, 1]) > 0.5
    again = Template.load(shown.save(tmp_path / "x.npz"))
    assert again.microscope == shown.microscope
    np.testing.assert_allclose(idpc_image(again), phase)
