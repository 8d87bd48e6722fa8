"""The Fourier transform of the image, as a microscopist looks at it."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.report.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stackmotif.matching import MotifMap

_LARGEST_PX: Final = 2048
_REACH_PER_NM: Final = 9.0


def fft_figure(r: "MotifMap") -> "Figure | None":
    """Draw the log power spectrum of the image, axes in 1/nm; None without an image.

    The central 2048 pixels at most, under a Hann window, the mean removed.
    """
    if r.image is None:
        return None
    power, step_y, step_x = power_spectrum(r.image, pixel_size_A=r.pixel_size_A)
    n_y, n_x = power.shape
    reach = min(_REACH_PER_NM, 5.0 / r.pixel_size_A)
    half_y, half_x = (min(n // 2, int(reach / s)) for n, s in ((n_y, step_y), (n_x, step_x)))
    cut = power[
        n_y // 2 - half_y : n_y // 2 + half_y + 1, n_x // 2 - half_x : n_x // 2 + half_x + 1
    ]
    shown = np.log10(cut + np.median(cut))
    figure = new_figure(4.4, 4.4)
    ax = figure.add_axes((0.13, 0.11, 0.84, 0.84))
    ax.imshow(
        shown,
        cmap="gray_r",
        vmin=float(np.percentile(shown, 30)),
        vmax=float(np.percentile(shown, 99.95)),
        extent=(
            -(half_x + 0.5) * step_x,
            (cut.shape[1] - half_x - 0.5) * step_x,
            (cut.shape[0] - half_y - 0.5) * step_y,
            -(half_y + 0.5) * step_y,
        ),
    )
    ax.set_xlabel("1/nm", fontsize=8)
    ax.set_ylabel("1/nm", fontsize=8)
    ax.tick_params(labelsize=8)
    return figure


def power_spectrum(
    image: NDArray[np.float32], *, pixel_size_A: float
) -> tuple[NDArray[np.float64], float, float]:
    """Return the centred power spectrum (k_y, k_x) and its two steps [1/nm]."""
    cut = image[tuple(_central(n) for n in image.shape)].astype(np.float64)
    window = np.hanning(cut.shape[0])[:, None] * np.hanning(cut.shape[1])[None, :]
    spectrum = np.fft.fftshift(np.fft.fft2((cut - cut.mean()) * window))
    steps = [10.0 / (n * pixel_size_A) for n in cut.shape]
    return np.abs(spectrum) ** 2, steps[0], steps[1]


def _central(n: int) -> slice:
    start = max(0, (n - _LARGEST_PX) // 2)
    return slice(start, start + min(n, _LARGEST_PX))
