"""Micrographs of whole wall models: what is planted, and how six of them are read."""

import json
from collections import Counter

import numpy as np
import pytest

from stackmotif.stacking.walls import WALL_CLASSES


@pytest.fixture
def fields(repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import wall_fields

    return wall_fields


def _seeds(fields) -> list[int]:
    return [int(seed) for seed in json.loads(fields.RECORD.read_text())["fields"]]


def test_every_class_of_wall_is_planted_often_enough(fields):
    planted: Counter[str] = Counter()
    for seed in _seeds(fields):
        planted.update(fields.draw(seed).classes())
    assert min(planted[name] for name in WALL_CLASSES) >= 60


def test_the_truth_is_where_the_atoms_are(fields):
    seed = _seeds(fields)[0]
    field = fields.draw(seed)
    plan, corner = fields.plan_of(field)
    cell = plan.cell
    metals = cell.positions_A[cell.symbols == "Ni", :2]
    places = fields.truth_of(field).positions_A[:, ::-1] + np.array(corner)
    apart = np.abs(places[:, None] - metals)
    width = float(cell.extent_A[0])
    apart[..., 0] = np.minimum(apart[..., 0] % width, width - apart[..., 0] % width)
    assert np.hypot(apart[..., 0], apart[..., 1]).min(axis=1).max() < 1e-6
    assert fields.FIELD_A <= 40.0
    assert min(edge / fields.PRISM for edge in plan.grid.extent_A) >= 10.0
    assert plan.phonons == 4


def test_models_are_those_of_the_record(fields):
    record = json.loads(fields.RECORD.read_text())["fields"]
    for seed in _seeds(fields)[:2]:
        assert fields.fingerprint(fields.draw(seed)) == record[str(seed)]["model"]


@pytest.mark.slow
def test_six_fields_are_made_again_and_read(fields, tmp_path):
    seeds = _seeds(fields)[:6]
    record = json.loads(fields.RECORD.read_text())["fields"]
    made = fields.make(tmp_path, seeds, workers=2)
    for seed in seeds:
        again, known = made[str(seed)], record[str(seed)]
        assert again["model"] == known["model"]
        np.testing.assert_allclose(again["mean_std"], known["mean_std"], rtol=2e-3)
    for n in range(len(fields.THICKNESS_A)):
        found = fields.outcome(tmp_path, seeds, n, dose=500.0)
        assert found.recall >= 0.9
        assert found.precision >= 0.9
        assert found.kind_right >= 0.9
        assert found.units_f1 >= 0.85
        assert found.cells_right >= 0.95
        assert found.outside_right >= 0.95
        assert found.n_wrong <= 0.005 * sum(n for _, n in found.cells)
