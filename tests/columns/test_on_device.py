"""The refinement in torch against that in NumPy, on a CPU and where there is a graphics card."""

import numpy as np
import pytest
import torch

from column_lattices import o3
from stackmotif.columns import find_columns
from stackmotif.columns.noise import estimate_noise
from stackmotif.columns.on_device import refine_on
from stackmotif.columns.refinement import Plan, refine, start_shapes
from stackmotif.errors import ColumnsError
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.micrograph import Micrograph

SHAPE, PIXEL_A = (230, 250), 0.16


def start(sigma_A, dose=800.0):
    """Return an image, its noise and columns a third of a width beside the truth."""
    truth = o3(SHAPE, rng=4)
    pixels = column_sum_image(
        truth, shape=SHAPE, pixel_size_A=PIXEL_A, sigma_A=sigma_A, amplitude=0.25, background=0.04,
        dose_e_per_A2=dose, rng=2,
    )  # fmt: skip
    generator = np.random.default_rng(7)
    inside = np.all((truth > 0) & (truth < np.array(SHAPE) * PIXEL_A), axis=1)
    centre = truth[inside] / PIXEL_A + generator.normal(0, 0.4, (int(inside.sum()), 2))
    n, area = len(centre), dose * PIXEL_A**2
    shapes = start_shapes(
        centre, height=np.full(n, 0.2 * area), background=np.full(n, 0.04 * area),
        width_px=1.1 * sigma_A / PIXEL_A,
    )  # fmt: skip
    return pixels.astype(np.float32), shapes


@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
        ),
    ],
)
@pytest.mark.parametrize(("sigma_A", "crowded"), [(0.34, False), (0.48, False), (0.6, True)])
@pytest.mark.parametrize("rough", [False, True])
def test_torch_and_numpy_agree(sigma_A, crowded, rough, device):
    pixels, shapes = start(sigma_A)
    assert Plan.of(shapes).crowded == crowded
    noise = estimate_noise(pixels)
    passes = {"max_passes": 2} if rough else {}
    one = refine(pixels, shapes, noise=noise, rough=rough, **passes)
    other = refine_on(device, pixels, shapes, noise=noise, rough=rough, **passes)
    assert np.abs(other.shapes.centre_px - one.shapes.centre_px).max() < 2e-4
    np.testing.assert_allclose(other.shapes.height, one.shapes.height, rtol=1e-3)
    np.testing.assert_allclose(other.shapes.inverse, one.shapes.inverse, atol=2e-3)
    np.testing.assert_allclose(other.shapes.background, one.shapes.background, rtol=1e-3)
    assert other.shapes.width_px == pytest.approx(one.shapes.width_px, rel=1e-4)
    size = np.sqrt(np.diagonal(one.fisher, axis1=1, axis2=2))
    scale = size[:, :, None] * size[:, None]
    np.testing.assert_allclose(other.fisher / scale, one.fisher / scale, atol=2e-3)
    np.testing.assert_allclose(other.chi2, one.chi2, rtol=2e-3)
    assert other.correlation == pytest.approx(one.correlation, rel=1e-3)


def test_a_device_that_is_not_there_is_told():
    pixels, _ = start(0.5)
    with pytest.raises(ColumnsError, match="device is 'tpu'; expected 'cpu'"):
        find_columns(Micrograph(pixels, PIXEL_A), device="tpu")


def test_auto_finds_what_the_cpu_finds():
    pixels, _ = start(0.5)
    one, other = (find_columns(Micrograph(pixels, PIXEL_A), device=d) for d in ("cpu", "auto"))
    np.testing.assert_allclose(other.positions_A, one.positions_A, atol=1e-4)
