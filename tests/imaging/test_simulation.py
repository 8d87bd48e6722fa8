"""simulate: settings, symmetry, seeds."""

from dataclasses import replace

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import (
    Detector,
    Microscope,
    Template,
    estimate_s,
    running,
    simulate,
    simulate_series,
)
from stackmotif.imaging.plan import make_plan
from stackmotif.imaging.running import run_plan
from stackmotif.structures import build

LOW = Microscope(
    300e3, 20.0, (Detector("BF", 0, 10), Detector("ADF", 25, 75)), source_fwhm_A=0.6, name="low"
)
THIN = {"engine": "torch", "microscope": LOW, "thickness_A": 8.0, "phonons": 0}
O1 = {"lattice": "O1-NiO2", **THIN}


@pytest.fixture(scope="module")
def thin_o1():
    return simulate("|R0|", **O1)


def test_image_has_the_asked_pixels_detectors_and_thickness(thin_o1):
    assert thin_o1.image.dtype == np.float32
    assert thin_o1.image.shape == (2, 111, 96)
    assert thin_o1.detectors == ("BF", "ADF")
    assert thin_o1.pixel_size_A == 0.2
    assert thin_o1.thickness_A == pytest.approx(3 * 2.7767)
    assert (thin_o1.engine, thin_o1.potential, thin_o1.phonons) == ("torch", "exact", 0)
    assert thin_o1.provenance["device"] in ("cpu", "cuda", "mps")
    assert thin_o1.provenance["source"] == "|R0|"
    assert thin_o1.provenance["versions"]["abtem"]
    assert 0 < thin_o1.image.min() < thin_o1.image.max() < 1


def test_metals_are_bright_in_adf_at_the_corner_and_repeat_with_the_pitch(thin_o1):
    adf = thin_o1.channel("ADF")
    pitch, spacing = 2.7767 * np.sqrt(3) / 2, 4.4727
    y, x = np.unravel_index(np.argmax(adf), adf.shape)
    for value, period in ((y * 0.2, spacing), (x * 0.2, pitch)):
        assert abs((value + period / 2) % period - period / 2) < 0.12
    columns = np.unique(np.round(np.arange(4) * pitch / 0.2).astype(int))
    assert adf[0, columns].min() > 0.9 * adf[0, columns].max()


def test_o3_metal_row_above_is_a_third_of_the_pitch_to_the_right():
    pixel = 0.1
    template = simulate(
        "|R+[Li]|", lattice="LiNiO2:1", pixel_size_A=pixel, field_A=(14.055, 10.0), **THIN
    )
    adf = template.channel("ADF")
    pitch, spacing = 2.859 * np.sqrt(3) / 2, 14.055 / 3
    lower, upper = (adf[round(rows * spacing / pixel)] for rows in (2, 1))
    wave = np.exp(-2j * np.pi * np.arange(len(lower)) * pixel / pitch)
    window = np.hanning(len(lower))
    shift = np.angle((lower * window) @ wave * np.conj((upper * window) @ wave)) / (2 * np.pi)
    assert shift == pytest.approx(1 / 3, abs=0.02)


def test_phonon_images_depend_on_the_seed_alone(thin_o1):
    settings = {**O1, "thickness_A": 3.0, "phonons": 2, "field_A": (5.0, 5.0)}
    first, again, other = (simulate("|R0|", rng=rng, **settings) for rng in (7, 7, 8))
    np.testing.assert_allclose(first.image, again.image, rtol=1e-5)
    assert np.abs(first.image - other.image).max() > 1e-3
    assert first.rng == 7


def test_a_generator_gives_a_stored_seed(thin_o1):
    field = {**O1, "thickness_A": 3.0, "field_A": (3.0, 3.0), "dose": 1e4}
    first = simulate("|R0|", rng=np.random.default_rng(3), **field)
    again = simulate("|R0|", rng=first.rng, **field)
    np.testing.assert_allclose(first.image, again.image, rtol=1e-5)
    counts = first.image * 1e4 * 0.04
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)


def test_columns_related_by_symmetry_agree_at_any_offset_from_the_grid():
    """The reason for the exact potential: spread below 1 %, where bilinear placement has 20 %."""
    scope = Microscope.preset("adf-300kV")
    plan = make_plan(
        build("|R+[Li]|", lattice="LiNiO2:1"), microscope=scope, thickness_A=12.0, phonons=0
    )
    found = {"exact": [], "abtem": []}
    for dx, dy in ((0.0, 0.0), (0.0137, 0.0071), (0.0203, 0.0195)):
        cell = replace(plan.cell, positions_A=plan.cell.positions_A + np.array([dx, dy, 0.0]))
        moved = replace(plan, cell=cell, grid=replace(plan.grid, gpts=(490, 686)))
        surface = cell.positions_A[:, 2] < 0.1
        nickel = cell.positions_A[(cell.symbols == "Ni") & surface][:, :2]
        for potential, values in found.items():
            signal = run_plan(moved, potential=potential, positions_A=nickel)
            values.extend(signal[0, 0])
    spread = {name: np.ptp(values) / np.mean(values) for name, values in found.items()}
    assert len(found["exact"]) == 9
    assert spread["exact"] < 0.01
    assert spread["abtem"] > 0.02


@pytest.mark.parametrize("phonons", [0, 1])
def test_both_potentials_agree_on_a_fine_grid_and_see_the_same_displacements(phonons):
    plan = make_plan(
        build("|R+[Li]|", lattice="LiNiO2:1"),
        microscope=LOW,
        thickness_A=6.0,
        phonons=phonons,
        sampling_A=0.0413,
    )
    points = plan.unit.positions_A[::30]
    settings = {"positions_A": points, "engine": "abtem"}
    mine, other = (
        run_plan(plan, potential=name, seed=2, **settings) for name in ("exact", "abtem")
    )
    np.testing.assert_allclose(mine, other, atol=0.015 * mine.max())
    if phonons:
        strange = run_plan(plan, seed=3, **settings)
        assert np.abs(strange - mine).max() > 3 * np.abs(other - mine).max()


def test_exit_planes_are_the_thinner_crystals():
    structure = build("|R0|", lattice="O1-NiO2")
    thick = make_plan(structure, microscope=LOW, thickness_A=11.1, phonons=0)
    thin = make_plan(structure, microscope=LOW, thickness_A=5.6, phonons=0)
    points = thick.unit.positions_A[:5]
    series = run_plan(thick, positions_A=points, exit_periods=(2, 4))
    alone = run_plan(thin, positions_A=points)
    np.testing.assert_allclose(series[0], alone[0], rtol=1e-4)
    assert np.abs(series[0] - series[1]).max() > 0.01


def test_a_series_is_the_single_images_of_its_thicknesses():
    settings = {**O1, "phonons": 1, "field_A": (4.5, 5.0)}
    del settings["thickness_A"]
    series = simulate_series("|R0|", thicknesses_A=(3.0, 8.0), **settings)
    for thickness_A, template in zip((3.0, 8.0), series, strict=True):
        alone = simulate("|R0|", thickness_A=thickness_A, **settings)
        np.testing.assert_allclose(template.image, alone.image, rtol=1e-4)
        assert template.thickness_A == alone.thickness_A
        assert template.provenance["thickness_requested_A"] == thickness_A


@pytest.mark.parametrize(
    ("thicknesses_A", "message"),
    [((), "no thickness"), ((8.0, 3.0), "expected increasing"), ((8.0, 8.1), "3, 3 periods")],
)
def test_a_series_that_does_not_grow_is_refused(thicknesses_A, message):
    with pytest.raises(SimulationError, match=message):
        simulate_series(
            "|R0|",
            thicknesses_A=thicknesses_A,
            engine="torch",
            lattice="O1-NiO2",
            microscope=LOW,
        )


def test_neighbouring_columns_are_equal_because_nobody_knows_the_surface(thin_o1):
    """One pitch along x a column begins a/2 deeper; the image is the mean of both."""
    plan = make_plan(build("|R0|", lattice="O1-NiO2"), microscope=LOW, thickness_A=8.0, phonons=0)
    pitch = plan.unit.width_A
    assert plan.terminations_A == ((0.0, 0.0), (pytest.approx(pitch), pytest.approx(0.0)))
    points = plan.unit.positions_A[:4]
    first, second = (
        run_plan(plan, positions_A=points + np.array([step, 0.0])) for step in (0.0, pitch)
    )
    whole = run_plan(plan)[..., :4]
    np.testing.assert_allclose(whole, (first + second) / 2, rtol=1e-4)
    assert np.abs(first - second).max() > 1e-3 * whole.max()


def test_pairs_of_configurations_see_the_surfaces_in_turn():
    plan = make_plan(build("|R0|", lattice="O1-NiO2"), microscope=LOW, thickness_A=3.0, phonons=4)
    pair = replace(plan, phonons=2)
    points = plan.unit.positions_A[:3]
    moved = points + np.array(plan.terminations_A[1])
    first = run_plan(pair, positions_A=points)
    second = 2 * run_plan(plan, positions_A=moved) - run_plan(pair, positions_A=moved)
    np.testing.assert_allclose(run_plan(plan)[..., :3], (first + second) / 2, rtol=1e-4)


def test_small_cells_with_sets_of_wave_vectors_are_as_good_as_large_ones():
    """The static lattice repeats with its cell: the image is that of a cell made of copies."""
    structure = build("|R0|", lattice="O1-NiO2")
    settings = {"microscope": LOW, "thickness_A": 20.0, "phonons": 0}
    small = make_plan(structure, k_sets=True, **settings)
    large = make_plan(structure, **settings)
    assert np.prod(small.grid.extent_A) < 0.35 * np.prod(large.grid.extent_A)
    assert len(small.grid.k_sets) > 1
    found = [run_plan(one, positions_A=large.unit.positions_A) for one in (small, large)]
    span = np.ptp(found[1], axis=-1, keepdims=True)
    assert (np.abs(found[0] - found[1]) / span).max() < 0.01
    with pytest.raises(SimulationError, match="4 sets of wave vectors, which engine='abtem'"):
        run_plan(small, engine="abtem")


def test_the_same_seed_moves_the_same_atoms_whatever_the_engine(monkeypatch):
    """The supercell with phonons is one for all engines and potentials."""
    seen = []

    def moved(specimen, displacements_A=None, **_):
        seen.append((specimen.atoms.positions_A, displacements_A))
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "exact_transmission", moved)
    monkeypatch.setattr(running, "POTENTIALS", {"exact": moved, "abtem": moved})
    for settings in ({}, {"engine": "abtem"}, {"potential": "abtem"}):
        with pytest.raises(KeyboardInterrupt):
            simulate("|R0|", **{"engine": "torch", **O1, "phonons": 8, **settings})
    for positions, displaced in seen[1:]:
        np.testing.assert_array_equal(positions, seen[0][0])
        np.testing.assert_array_equal(displaced, seen[0][1])


def test_prism_is_close_to_multislice_on_a_cell_that_is_large_enough():
    settings = {**O1, "thickness_A": 3.0, "field_A": (4.5, 5.0)}
    fast, full = (simulate("|R0|", prism=factor, **settings) for factor in (2, None))
    assert min(fast.provenance["grid"]["extent_A"]) >= 20.0
    assert (fast.provenance["prism"], full.provenance["prism"]) == (2, None)
    for one, other in zip(fast.image, full.image, strict=True):
        assert one.mean() == pytest.approx(other.mean(), rel=0.01)
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9995


def test_progress_ends_at_the_total_and_the_estimate_is_positive():
    calls = []
    simulate("|R0|", field_A=(3.0, 3.0), progress=lambda *state: calls.append(state), **O1)
    # 11 x 19 probes, for each of two entrance surfaces and 2 x 2 sets of wave vectors.
    assert calls[-1] == (1672, 1672)
    assert estimate_s("|R0|", **O1) > 0
    assert estimate_s("|R0|", **{**O1, "phonons": 8}) > estimate_s("|R0|", **O1)


def test_a_cif_file_gives_the_image_of_its_structure(thin_o1, tmp_path):
    structure = build("|R0|", lattice="O1-NiO2")
    path = tmp_path / "o1.cif"
    structure.to(filename=str(path), fmt="cif")
    settings = {**THIN, "thickness_A": 3.0, "field_A": (6.0, 6.0)}
    found = simulate(str(path), **settings)
    expected = simulate(structure, **settings)
    np.testing.assert_allclose(found.image, expected.image, atol=1e-3)


@pytest.mark.slow
def test_finite_words_stand_in_vacuum():
    settings = {**O1, "thickness_A": 3.0, "field_A": (24.0, 4.0)}
    template = simulate("R+ R.", **settings)
    bf = template.channel("BF")
    assert bf[0].mean() > bf.mean()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"engine": "gpu"},
            "'gpu' is not offered by this version; expected 'auto' or one of 'atlas', 'torch'",
        ),
        ({"engine": "abtem", "device": "cuda"}, "device is 'cuda' with the engine 'abtem'"),
        ({"device": "abacus"}, "device is 'abacus'; expected one of auto, cpu, cuda, mps"),
        ({"potential": "gaussian"}, "potential 'gaussian'"),
        ({"phonons": -1}, "phonons is -1"),
        ({"phonons": 2.5}, "phonons is 2.5"),
        ({"pixel_size_A": 0.0}, "pixel size is 0.0 Å"),
        ({"field_A": (0.1, 5.0)}, "expected 2 to 20 000"),
        ({"rng": -3}, "rng is -3"),
        ({"dose": -1.0}, "dose is -1.0"),
        ({"dose": float("nan")}, r"dose is nan e/Å²; expected a positive number"),
        ({"dose": float("inf")}, "dose is inf"),
        ({"dose": "much"}, "dose is much"),
        ({"thickness_A": float("nan")}, "thickness is nan Å"),
        ({"thickness_A": None}, "thickness is None Å"),
        ({"pixel_size_A": "0.2"}, "pixel size is 0.2 Å"),
        ({"pixel_size_A": None}, "pixel size is None Å"),
        ({"sampling_A": "fine"}, "sampling is fine Å"),
        ({"field_A": 5.0}, "field is 5.0 Å; expected a height and a width"),
        ({"field_A": (float("nan"), 5.0)}, r"field is \(nan, 5.0\) Å"),
        ({"microscope": 300}, "microscope is 300; expected a preset"),
        ({"microscope": "titan"}, "preset 'titan'"),
        ({"sampling_A": 0.2}, "beyond the band limit"),
        ({"ends": "up"}, "ends are 'up'; expected one of vacuum, continue"),
        ({"ends": "continue", "engine": "torch"}, "in which finite words stand in vacuum"),
        ({"ends": "continue", "engine": "auto", "potential": "abtem"}, "the atlas has its own"),
        ({"prism": 0}, "prism is 0; expected a whole factor"),
        (
            {"prism": 2, "engine": "abtem", "microscope": LOW.with_(tilt_mrad=(0.0, 5.0))},
            "with abTEM's PRISM, which has none",
        ),
    ],
)
def test_settings_that_cannot_be_right_are_refused(settings, message):
    with pytest.raises(SimulationError, match=message):
        simulate("|R0|", **{**O1, "thickness_A": 3.0, **settings})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3.5, "cannot simulate a float"),
        ("missing.cif", "does not exist"),
        ("no-such-motif", "neither a stacking word, a catalog id nor a structure file"),
    ],
)
def test_sources_that_are_none_are_refused(source, message):
    with pytest.raises(SimulationError, match=message):
        simulate(source, **THIN)


def test_motifs_bring_their_own_structure():
    class Motif:
        id = "mine"

        def structure(self):
            return build("|R0|", lattice="O1-NiO2")

    template = simulate(Motif(), **{**THIN, "thickness_A": 3.0, "field_A": (3.0, 3.0)})
    assert template.provenance["source"] == "mine"


def test_a_lattice_for_a_finished_structure_is_refused():
    with pytest.raises(SimulationError, match="leave lattice out"):
        simulate(build("|R0|", lattice="O1-NiO2"), lattice="O1-NiO2", **THIN)


def test_templates_survive_a_file(thin_o1, tmp_path):
    loaded = Template.load(thin_o1.save(tmp_path / "o1.npz"))
    np.testing.assert_array_equal(loaded.image, thin_o1.image)
    assert loaded.microscope == thin_o1.microscope
    assert loaded.metadata() == thin_o1.metadata()
    assert np.load(thin_o1.save(tmp_path / "o1.npy")).shape == thin_o1.image.shape
    assert thin_o1.save(tmp_path / "o1.png").stat().st_size > 1000
    with pytest.raises(SimulationError, match=r"\.npz, \.npy, \.png"):
        thin_o1.save(tmp_path / "o1.jpg")
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(SimulationError, match="cannot be read as a template"):
        Template.load(tmp_path / "bad.npz")


def test_power_spectrum_peaks_at_the_pitch(thin_o1):
    spectrum = thin_o1.fft("ADF")
    fy, fx = np.meshgrid(spectrum.fy_per_A, spectrum.fx_per_A, indexing="ij")
    first = (np.hypot(fx, fy) > 0.15) & (np.abs(fy) < 0.1) & (fx > 0)
    peak = fx[first][np.argmax(spectrum.log_power[first])]
    assert peak == pytest.approx(2 / np.sqrt(3) / 2.7767, abs=0.04)


def test_unknown_channels_are_refused(thin_o1):
    with pytest.raises(SimulationError, match="BF, ADF"):
        thin_o1.channel("HAADF")


def test_numbers_are_checked_before_the_crystal_is_built(monkeypatch):
    monkeypatch.setattr(
        "stackmotif.imaging.simulation.to_structure", lambda *_, **__: pytest.fail("worked")
    )
    for setting in ("dose", "thickness_A", "pixel_size_A"):
        with pytest.raises(SimulationError, match="expected a positive number"):
            simulate("|R0|", **{setting: float("nan")})


def test_an_ensemble_tells_its_noise():
    """The standard error is that of the mean over pairs, by surface; too few pairs tell nothing."""
    rng = np.random.default_rng(3)
    many = [
        running.Ensemble(tuple(_pairs(rng, 4) + start for start in (0.0, 0.5)), static=False)
        for _ in range(200)
    ]
    scatter = np.std([one.mean for one in many], axis=0, ddof=1).mean()
    told = np.sqrt(np.mean([one.standard_error**2 for one in many]))
    assert told == pytest.approx(scatter, rel=0.05)
    few = running.Ensemble((_pairs(rng, 1),), static=False)
    assert np.isnan(few.standard_error).all()
    assert (running.Ensemble((np.ones((1, 2, 3, 5)),), static=True).standard_error == 0).all()


def _pairs(rng, n):
    """Return configurations whose noise is opposite within a pair but for a tenth."""
    odd, even = rng.standard_normal((2, n, 1, 2, 40))
    both = np.stack([odd + 0.1 * even, -odd + 0.1 * even], axis=1)
    return both.reshape(2 * n, 1, 2, 40)


def test_templates_tell_the_noise_of_their_ensemble(thin_o1):
    assert set(thin_o1.provenance["error"]["phonon_noise"].values()) == {0.0}
    settings = {**O1, "thickness_A": 3.0, "field_A": (4.5, 5.0)}
    moved = simulate("|R0|", **{**settings, "phonons": 8}).provenance["error"]["phonon_noise"]
    assert all(0 < one < 0.05 for one in moved.values())
    few = simulate("|R0|", **{**settings, "phonons": 2}).provenance["error"]["phonon_noise"]
    assert set(few.values()) == {None}
