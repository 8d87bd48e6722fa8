"""The network's frame: grids, turns, weights. What it knows is tested on the weights that ship."""

import pickle

import numpy as np
import pytest
import torch

from stackmotif.errors import ReadError
from stackmotif.imaging.scenes import PHASES, make_scene
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import LAYERED, UNRESOLVED, load_atomsegnet, load_network, see
from stackmotif.micrograph.network.atomsegnet import _shapes
from stackmotif.micrograph.network.grid import Axis, mirrored
from stackmotif.micrograph.network.unet import STRIDE, make_unet
from stackmotif.micrograph.network.weights import SHIPPED, save_network

TOLD = ("layered", "rocksalt", "amorphous", "vacuum")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    state = make_unet(len(PHASES)).state_dict()
    save_network(path, state, phases=PHASES, pixel_size_A=0.25, facts={"steps": 0})
    return path


@pytest.fixture(scope="module")
def untrained(weights):
    return load_network(weights)


@pytest.fixture(scope="module")
def micrograph():
    return Micrograph(np.random.default_rng(5).normal(3, 0.4, (150, 211)), 0.2)


@pytest.mark.parametrize(("n", "step"), [(64, 1.0), (333, 2.5), (1000, 1.56), (500, 0.7)])
def test_averaging_keeps_places(n, step):
    axis = Axis.make(n, step, STRIDE)
    matrix = axis.averaging()
    at = axis.grid_places()
    inside = (at > 6 * step) & (at < n - 1 - 6 * step)
    assert np.allclose(matrix.sum(axis=1), 1)
    assert np.allclose((matrix @ np.arange(n))[inside], at[inside], atol=1e-2)
    assert np.allclose(matrix[::-1, ::-1], matrix)
    assert axis.tile % STRIDE == 0
    assert at[0] < 0
    assert at[-1] > n - 1


def test_every_pixel_is_in_the_inner_part_of_a_tile():
    for n in range(30, 1400, 37):
        axis = Axis.make(n, 1.0, STRIDE)
        weight = np.zeros(axis.size)
        for start in axis.starts:
            weight[start : start + axis.tile] += axis.window()
        assert (
            weight[np.flatnonzero((axis.grid_places() >= 0) & (axis.grid_places() < n))].min() > 0.2
        )


def test_mirrored_indices():
    assert mirrored(np.arange(-3, 8), 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert mirrored(np.arange(-2, 2), 1).tolist() == [0, 0, 0, 0]


def test_turning_the_image_turns_what_is_seen(micrograph, untrained):
    one = see(micrograph, network=untrained)
    turned = Micrograph(np.ascontiguousarray(np.rot90(micrograph.image)), 0.2)
    other = see(turned, network=untrained)
    for name in ("sharp", "columns"):
        assert np.allclose(np.rot90(getattr(one, name)), getattr(other, name), atol=1e-4)


def test_units_and_offsets_do_not_matter(micrograph, untrained):
    one = see(micrograph, network=untrained)
    other = see(Micrograph(1000 * micrograph.image + 77, 0.2), network=untrained)
    assert np.allclose(one.columns, other.columns, atol=1e-4)
    assert np.allclose(1000 * one.denoised + 77, other.denoised, rtol=1e-4, atol=0.5)
    dark = see(Micrograph(-micrograph.image, 0.2), bright=False, network=untrained)
    assert np.allclose(dark.denoised, -one.denoised, atol=1e-4)


def test_probabilities_add_up(micrograph, untrained):
    one = see(micrograph, network=untrained)
    assert tuple(one.phases) == TOLD
    assert np.allclose(sum(one.phases.values()), 1, atol=1e-5)
    assert one.columns.min() >= 0
    assert one.columns.max() <= 1
    assert set(np.unique(one.phase_names())) <= {*TOLD, UNRESOLVED}
    assert len(one.network) == 64


@pytest.mark.parametrize("size", [0.5, 0.01])
def test_other_pixels_are_refused(untrained, size):
    with pytest.raises(ReadError, match=f"{size:g} Å"):
        see(Micrograph(np.ones((64, 64)) + np.eye(64), size), network=untrained)


def test_a_scrap_is_refused_and_a_constant_is_nothing(untrained):
    with pytest.raises(ReadError, match="8 Å or more"):
        see(Micrograph(np.eye(20), 0.2), network=untrained)
    flat = see(Micrograph(np.full((60, 60), 7.0), 0.2), network=untrained)
    assert np.allclose(flat.denoised, 7.0)


def test_files_that_are_no_network_are_refused(tmp_path, weights):
    from safetensors.torch import save_file

    broken, other, changed = (tmp_path / f"{n}.safetensors" for n in ("broken", "other", "changed"))
    broken.write_bytes(weights.read_bytes()[:5000])
    save_file({"a": torch.zeros(3)}, str(other))
    state = make_unet(len(PHASES)).state_dict()
    state["head.bias"] = torch.zeros(3)
    save_network(changed, state, phases=PHASES, pixel_size_A=0.25, facts={})
    for path, told in ((broken, "cannot be read"), (other, "format"), (changed, "head.bias")):
        with pytest.raises(ReadError, match=told):
            load_network(path)
    with pytest.raises(ReadError, match="cannot be read"):
        load_network(tmp_path / "none.safetensors")


@pytest.fixture(params=["first", "Gen1"])
def atomsegnet_file(request, tmp_path):
    torch.manual_seed(1)
    state = {
        name: torch.rand(shape) + 0.5 if name.endswith("_var") else torch.randn(shape) / 8
        for name, shape in _shapes(request.param).items()
    }
    path = tmp_path / f"{request.param}.pth"
    torch.save({f"module.{k}": v for k, v in state.items()}, path)
    return path, request.param, state


def test_atomsegnet_files_run(atomsegnet_file, micrograph):
    path, family, _ = atomsegnet_file
    network = load_atomsegnet(path)
    assert network.family == family
    seen = network(micrograph)
    assert seen.shape == micrograph.shape
    assert np.isfinite(seen.image).all()
    assert "columns may have moved" in seen.history[-1]


def test_atomsegnet_with_other_layers_is_refused(atomsegnet_file, tmp_path):
    _, _, state = atomsegnet_file
    for change in ({"extra": torch.zeros(1)}, {next(iter(state)): torch.zeros(2)}):
        torch.save({**state, **change}, tmp_path / "changed.pth")
        with pytest.raises(ReadError, match="expected the layers"):
            load_atomsegnet(tmp_path / "changed.pth")


class Attack:
    """Writes a file when it is unpickled without restriction."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_in_a_weight_file_is_run(tmp_path):
    target = tmp_path / "written"
    torch.save({"conv1_1.weight": Attack(target)}, tmp_path / "attack.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Attack(target)))
    (tmp_path / "text.pth").write_text("no weights")
    for name in ("attack", "plain", "text", "missing"):
        with pytest.raises(ReadError, match="cannot be read"):
            load_atomsegnet(tmp_path / f"{name}.pth")
    assert not target.exists()


def test_what_ships_is_small_and_says_what_it_is():
    network = load_network()
    weights = sum(one.numel() for one in network.module.parameters())
    assert weights <= 2_000_000
    assert network.phases == PHASES
    assert next(SHIPPED.glob("*.safetensors")).stat().st_size <= 10_000_000
    assert (SHIPPED / "README.md").is_file()


def test_it_sees_columns_and_phases_of_scenes_it_never_saw():
    from scipy.ndimage import maximum_filter
    from scipy.spatial import cKDTree

    found, right, named = [], [], []
    for k in range(4):
        scene = make_scene((13, k), dose_per_A2=150.0, detector="ADF", source_fwhm_A=0.8)
        seen = see(Micrograph(scene.pixels, scene.pixel_size_A), symmetric=False)
        spots = np.argwhere(
            (seen.columns == maximum_filter(seen.columns, 5)) & (seen.columns > 0.5)
        )
        columns = scene.columns_A[np.all((scene.columns_A > 3) & (scene.columns_A < 77), axis=1)]
        if len(columns):
            away, _ = cKDTree(spots * scene.pixel_size_A).query(columns)
            found.append(np.mean(away < 0.6))
        known = scene.phase >= 0
        # O3 and O1 are told apart by another network: tests/micrograph/test_gaps.py.
        wanted = np.array([TOLD[0], TOLD[0], *TOLD[1:]])[scene.phase]
        likeliest = np.array(TOLD)[np.stack(list(seen.phases.values())).argmax(axis=0)]
        right.append(np.mean(likeliest[known] == wanted[known]))
        names = np.where(np.isin(seen.phase_names(), LAYERED), TOLD[0], seen.phase_names())
        certain = known & (names != UNRESOLVED)
        named.append(names[certain] == wanted[certain])
    assert np.mean(found) > 0.9
    assert np.mean(right) > 0.8
    named = np.concatenate(named)
    assert len(named) > 0.3 * 4 * scene.phase.size
    assert named.mean() > 0.95


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_sees_the_same(micrograph, untrained):
    one, other = (see(micrograph, network=untrained, device=where) for where in ("cpu", "cuda"))
    for name in ("denoised", "sharp", "columns"):
        assert np.allclose(getattr(one, name), getattr(other, name), atol=1e-2)


def test_next_to_nothing_is_seen_in_noise():
    noise = np.random.default_rng(2).poisson(3.0, (160, 160)).astype(np.float32)
    seen = see(Micrograph(noise, 0.2), symmetric=False)
    assert np.mean(seen.columns > 0.5) < 1e-2
    assert np.mean(seen.phases["layered"]) < 0.4
