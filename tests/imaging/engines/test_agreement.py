"""Torch against abTEM on the same potential, and where the potentials differ."""

from dataclasses import replace

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.imaging.engines import detect, detector_weights
from stackmotif.imaging.engines.abtem import scan_signals
from stackmotif.imaging.microscope import Detector, Microscope
from stackmotif.imaging.plan import make_plan
from stackmotif.imaging.potential import exact_slices
from stackmotif.imaging.running import run_plan
from stackmotif.imaging.specimen import displacements_A, make_specimen
from stackmotif.structures import build

LOW = (
    Detector("HAADF", 50, 75),
    Detector("ADF", 25, 75),
    Detector("ABF", 10, 20),
    Detector("BF", 0, 10),
)


def scope_of(kilovolt, detectors=None):
    preset = Microscope.preset(f"stem-{kilovolt}kV")
    return preset if detectors is None else preset.with_(detectors=detectors)


def plan_of(structure, scope, *, thickness_A=6.0, phonons=1):
    return make_plan(structure, microscope=scope, thickness_A=thickness_A, phonons=phonons)


def largest_difference(structure, scope, n_points=4):
    """Return the largest relative difference of any signal, thermal displacements included."""
    plan = plan_of(structure, scope)
    specimen = make_specimen(plan.cell, plan.grid)
    slices = exact_slices(specimen, displacements_A(specimen, seed=3, configuration=0))
    rng = np.random.default_rng(2)
    points = rng.uniform(0, 1, (n_points, 2)) * plan.grid.extent_A
    settings = {
        "grid": plan.grid,
        "microscope": scope,
        "exit_slices": [plan.grid.n_slices // 2, plan.grid.n_slices],
    }
    theirs = scan_signals(slices, points, advance=lambda _: None, **settings)
    weights = detector_weights(plan.grid, scope, edges="abtem")
    mine = detect(slices, points, weights=weights, edges="abtem", **settings)
    return float(np.abs(mine / theirs - 1).max())


def test_every_detector_agrees_with_abtem():
    structure = build("|R+[Li]|", lattice="LiNiO2:1")
    assert largest_difference(structure, scope_of(300, LOW)) < 2e-5


@pytest.mark.slow
@pytest.mark.parametrize("kilovolt", [200, 300])
@pytest.mark.parametrize(
    "structure",
    [
        lambda: build("|R+[Li]|", lattice="LiNiO2:1"),
        lambda: build("|R0|", lattice="O1-NiO2"),
        lambda: sm.load_catalog()["wall-asu-o1-o3"].structure(),
        lambda: sm.load_catalog()["nio"].structure(),
    ],
    ids=["O3", "O1", "ASU", "NiO"],
)
def test_every_crystal_agrees_with_abtem(structure, kilovolt):
    assert largest_difference(structure(), scope_of(kilovolt)) < 1e-4


def test_both_engines_move_the_same_atoms():
    plan = plan_of(build("|R+[Li]|", lattice="LiNiO2:1"), scope_of(300, LOW))
    points = plan.unit.positions_A[::60]
    mine, theirs = (
        run_plan(plan, engine=engine, potential="abtem", positions_A=points, seed=4)
        for engine in ("torch", "abtem")
    )
    np.testing.assert_allclose(mine, theirs, rtol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "closeness"), [(1, 2e-5), (2, 0.02)])
def test_prism_agrees_with_that_of_abtem(factor, closeness):
    """With f = 2 the windows lie a little differently about a probe; HAADF in the gaps feels it."""
    scope = scope_of(300).with_(semiangle_mrad=12.0, defocus_A=20.0)
    plan = make_plan(
        build("|R0|", lattice="O1-NiO2"), microscope=scope, thickness_A=6.0, phonons=1, prism=2
    )
    points = np.random.default_rng(5).random((6, 2)) * plan.grid.extent_A
    mine, theirs = (
        run_plan(
            plan,
            engine=engine,
            potential="abtem",
            positions_A=points,
            exit_periods=(1, 2),
            seed=4,
            prism=factor,
        )
        for engine in ("torch", "abtem")
    )
    np.testing.assert_allclose(mine, theirs, rtol=closeness)


def nickel_spread(gpts, potential, *, offset_A=(0.0, 0.0)):
    """Return the spread of HAADF over Ni columns that begin at the entrance surface [mean]."""
    plan = plan_of(
        build("|R+[Li]|", lattice="LiNiO2:1"),
        scope_of(300),
        thickness_A=30.0,
        phonons=0,
    )
    cell = replace(plan.cell, positions_A=plan.cell.positions_A + np.array([*offset_A, 0.0]))
    moved = replace(plan, cell=cell, grid=replace(plan.grid, gpts=gpts))
    first = (cell.symbols == "Ni") & (cell.positions_A[:, 2] < 0.1)
    signal = run_plan(moved, potential=potential, positions_A=cell.positions_A[first][:, :2])
    return float(np.ptp(signal[0, 0]) / signal[0, 0].mean())


@pytest.mark.slow
@pytest.mark.parametrize("gpts", [(504, 720), (500, 720), (499, 710)])
@pytest.mark.parametrize("offset_A", [(0.0, 0.0), (0.0137, 0.0071)])
def test_equivalent_columns_are_equal_on_any_grid(gpts, offset_A):
    assert nickel_spread(gpts, "exact", offset_A=offset_A) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("gpts", "least"), [((500, 720), 0.15), ((499, 710), 0.3)])
def test_columns_of_the_bilinear_potential_differ(gpts, least):
    """What the exact potential is for."""
    assert nickel_spread(gpts, "abtem") > least


@pytest.mark.slow
def test_the_bilinear_potential_converges_to_the_exact_one():
    """Too few electrons reach high angles on a coarse grid, nearly enough on a fine one."""
    structure = build("|R0|", lattice="O1-NiO2")
    scope = scope_of(300)
    plan = plan_of(structure, scope.with_(detectors=scope.detectors[:1]), thickness_A=11.0)
    nickel = plan.cell.positions_A[plan.cell.symbols == "Ni"][:, :2]
    exact = run_plan(plan, positions_A=nickel, seed=1, engine="abtem").mean()
    lost = []
    for finer in (1, 2):
        gpts = tuple(finer * count for count in plan.grid.gpts)
        fine = replace(plan, grid=replace(plan.grid, gpts=gpts))
        found = run_plan(fine, potential="abtem", positions_A=nickel, seed=1, engine="abtem")
        lost.append(1 - found.mean() / exact)
    assert lost[0] > 0.08
    assert abs(lost[1]) < lost[0] / 2


def test_cuda_agrees_with_the_cpu():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    plan = plan_of(build("|R+[Li]|", lattice="LiNiO2:1"), scope_of(300, LOW))
    points = plan.unit.positions_A[::40]
    there, here = (
        run_plan(plan, positions_A=points, seed=4, device=device) for device in ("cuda", "cpu")
    )
    np.testing.assert_allclose(there, here, rtol=1e-4)
