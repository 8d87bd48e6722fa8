"""Frames of one field put on top of each other: drift, and every line's own displacement.

Cross-correlation of a crystal has a peak at every lattice vector, so a frame is looked for near the
place that the drift so far leads to. From there on the displacement is a least squares fit to the
mean of the other frames, of whole frames first and of single scan lines then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ReadError
from stackmotif.micrograph.line_smoothing import smooth_lines
from stackmotif.micrograph.model import Micrograph

Floats = NDArray[np.float64]

_ROUNDS = 3
_LINE_ROUNDS = 2
_STEPS = 4
_POOLED = 31  # lines over which the strength of the gradients is averaged
_SMOOTHING_PX = 1.0
_LONGEST = 1.0  # step of a frame [px]
_FARTHEST = 3.0  # step of a line [px]


@dataclass(frozen=True)
class Registration:
    """How the frames of a series lay, towards +y (down) and +x (right) of the first one.

    Parameters
    ----------
    shift_A : ndarray, shape (n_frames, 2)
        Displacement (y, x) of each frame [Å]; that of the first is 0.
    line_A : ndarray, shape (n_frames, n_lines)
        Displacement of each line along x, beyond its frame's [Å]; zeros if lines were left alone.
    line_jitter_A : float
        Root mean square of the part that is independent from line to line [Å].
    """

    shift_A: Floats
    line_A: Floats
    line_jitter_A: float


def sum_frames(
    frames: Sequence[Micrograph], *, lines: bool = True, max_step_A: float = 1.2
) -> tuple[Micrograph, Registration]:
    """Register the frames of one field and sum them.

    Parameters
    ----------
    frames : sequence of Micrograph
        Two or more, of one size and pixel size, in the order in which they were recorded.
    lines : bool
        Register single scan lines as well, against the mean of the other frames.
    max_step_A : float
        Largest deviation of a frame from the drift before it [Å]. Half the shortest period of the
        crystal is the most that images can tell, 1.2 Å for layered oxides.

    Returns
    -------
    micrograph : Micrograph
        The sum where all frames overlap, and in its history what was done.
    registration : Registration
        Where the frames were.

    Raises
    ------
    ReadError
        If there are fewer than two frames, they differ in size or pixel size, one is blank, or
        they overlap by less than half.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y, x = np.indices((96, 96))
    >>> scene = 20 + 9 * np.cos(x / 2) * np.cos(y / 3)
    >>> frames = [Micrograph(rng.poisson(scene), 0.2) for _ in range(4)]
    >>> total, found = sum_frames(frames)
    >>> bool(np.abs(found.shift_A).max() < 0.05)
    True
    """
    _check(frames)
    if not (np.isfinite(max_step_A) and max_step_A > 0):
        raise ReadError(f"max_step_A is {max_step_A} Å; expected a positive number")
    size = frames[0].pixel_size_A
    stack = np.stack([one.image for one in frames]).astype(np.float64)
    shift = _drift(stack, longest_px=max(max_step_A / size, 1.0))
    offset, jitter = np.zeros(stack.shape[:2]), 0.0
    for _ in range(_ROUNDS):
        back = aligned(stack, shift, offset)
        shift = shift + _remaining(back)
        shift = shift - shift[0]
    if lines:
        for _ in range(_LINE_ROUNDS):
            offset, jitter = _lines(stack, shift, offset)
    back = aligned(stack, shift, offset)
    kept = common_part(shift, offset, stack.shape[1:])
    registration = Registration(shift * size, offset * size, jitter * size)
    note = (
        f"sum of {len(frames)} registered frames: moved by up to "
        f"{np.abs(registration.shift_A).max():.3f} Å"
    )
    note += f", lines by {registration.line_jitter_A:.3f} Å (rms)" if lines else ""
    total = back.sum(axis=0)[kept]
    first = frames[0]
    return (
        replace(first, image=total.astype(np.float32), history=(*first.history, note)),
        registration,
    )


def _check(frames: Sequence[Micrograph]) -> None:
    if len(frames) < 2:
        raise ReadError(f"{len(frames)} frame to register; expected two or more of one field")
    for number, one in enumerate(frames):
        if one.shape != frames[0].shape or one.pixel_size_A != frames[0].pixel_size_A:
            raise ReadError(
                f"frame {number} has {one.shape} pixels of {one.pixel_size_A:g} Å; expected "
                f"{frames[0].shape} of {frames[0].pixel_size_A:g} Å like the first one"
            )
        if np.ptp(one.image) == 0:
            raise ReadError(
                f"frame {number} of {len(frames)} is blank, {one.image.flat[0]:g} everywhere; "
                "expected an image: leave it out"
            )


def _drift(stack: Floats, *, longest_px: float) -> Floats:
    """Return the displacement (n, 2) of each frame in whole pixels, each led on by the drift."""
    from scipy.fft import irfft2, rfft2

    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in stack.shape[1:]))
    spectra = [rfft2((one - one.mean()) * window) for one in stack]
    shift = np.zeros((len(stack), 2))
    reference = spectra[0].copy()
    waves = [np.fft.fftfreq(stack.shape[1])[:, None], np.fft.rfftfreq(stack.shape[2])[None]]
    for number in range(1, len(stack)):
        guess = shift[number - 1] + (shift[number - 1] - shift[max(number - 2, 0)])
        score = irfft2(spectra[number] * np.conj(reference), s=stack.shape[1:])
        shift[number] = _peak_near(score, guess, longest_px)
        back = np.exp(2j * np.pi * (waves[0] * shift[number, 0] + waves[1] * shift[number, 1]))
        reference += spectra[number] * back
    return shift


def _peak_near(score: Floats, guess: Floats, radius_px: float) -> Floats:
    """Return the whole-pixel displacement of the highest value within a radius of a guess."""
    reach = int(np.ceil(radius_px))
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    centre = np.rint(guess).astype(np.int64)
    values = score[(centre[0] + dy) % score.shape[0], (centre[1] + dx) % score.shape[1]]
    far = (centre[0] + dy - guess[0]) ** 2 + (centre[1] + dx - guess[1]) ** 2 > radius_px**2 + 0.5
    best = np.argmax(np.where(far, -np.inf, values))
    step = np.array([dy.flat[best], dx.flat[best]], dtype=np.float64)
    return np.asarray(centre + step)


def aligned(stack: Floats, shift_px: Floats, line_px: Floats) -> Floats:
    """Return every frame moved back.

    Lines first, each by its own displacement: between two lines there is no pixel.
    """
    from scipy.ndimage import map_coordinates, shift

    y, x = np.indices(stack.shape[1:]).astype(np.float64)
    moved = np.empty_like(stack)
    for number, frame in enumerate(stack):
        if np.any(line_px[number]):
            along = x + line_px[number][:, None]
            frame = map_coordinates(frame, [y, along], order=3, mode="reflect")
        moved[number] = shift(frame, -shift_px[number], order=3, mode="reflect")
    return moved


def _remaining(frames: Floats) -> Floats:
    """Return how far each frame (n, 2) still is from the mean of the others [px]."""
    from scipy.ndimage import gaussian_filter

    left = np.zeros((len(frames), 2))
    edge = tuple(slice(n // 16, n - n // 16) for n in frames.shape[1:])
    smooth = np.stack([gaussian_filter(one, _SMOOTHING_PX) for one in frames])
    total = smooth.sum(axis=0)
    for number, frame in enumerate(smooth):
        others = (total - frame) / (len(frames) - 1)
        slopes = [-np.gradient(others, axis=axis)[edge].ravel() for axis in (0, 1)]
        rest = (frame - others)[edge].ravel()
        design = np.stack([*slopes, others[edge].ravel() - others[edge].mean()], axis=1)
        step = np.linalg.lstsq(design, rest - rest.mean(), rcond=None)[0][:2]
        left[number] = np.clip(step, -_LONGEST, _LONGEST)
    return left


def _lines(stack: Floats, shift_px: Floats, line_px: Floats) -> tuple[Floats, float]:
    """Return the displacement of every line (n_frames, n_lines) and its jitter [px].

    Each frame is compared on its own lines, with the mean of the others brought there. The strength
    of a line's gradient is taken from two halves of them, whose noise is independent: the noise of
    the reference does not pass for detail. Lines of the others stay as they are, or errors of their
    displacements would feed on each other.
    """
    back = aligned(stack, shift_px, np.zeros_like(line_px))
    total = back.sum(axis=0)
    odd = back[1::2].sum(axis=0)
    result, jitters = np.zeros_like(line_px), []
    for number, frame in enumerate(stack):
        sums, counts = [total - odd, odd], [len(stack) - len(stack) // 2, len(stack) // 2]
        sums[number % 2] = sums[number % 2] - back[number]
        counts[number % 2] -= 1
        halves = [
            _brought(part / count, shift_px[number], line_px[number])
            for part, count in zip(sums, counts, strict=True)
            if count
        ]
        mean = np.average(halves, axis=0, weights=[one for one in counts if one])
        step, precision = _line_step(frame, mean, halves)
        found = smooth_lines(line_px[number] + step, precision)
        result[number] = found.offset - found.offset.mean()
        jitters.append(found.jitter**2)
    return result - result.mean(axis=0), float(np.sqrt(np.mean(jitters)))


def _line_step(frame: Floats, mean: Floats, halves: list[Floats]) -> tuple[Floats, Floats]:
    """Return by how much every line of a frame is right of the mean [px], and its precision.

    With two frames there is one other, and its noise does pass for detail: lines then move less.
    """
    from scipy.ndimage import gaussian_filter1d, uniform_filter1d

    first, second, slope = (
        -np.gradient(gaussian_filter1d(one, _SMOOTHING_PX, axis=1), axis=1)
        for one in (halves[0], halves[-1], mean)
    )
    white = frame - mean
    rest = gaussian_filter1d(white, _SMOOTHING_PX, axis=1)
    rest = rest - rest.mean(axis=1, keepdims=True)
    square = (slope**2).sum(axis=1)
    true = uniform_filter1d((first * second).sum(axis=1), _POOLED)
    share = np.clip(true / np.maximum(uniform_filter1d(square, _POOLED), 1e-30), 0.01, 1.0)
    strength = np.maximum(square * share, 1e-12 * float(square.max()))
    step = np.clip((slope * rest).sum(axis=1) / strength, -_FARTHEST, _FARTHEST)
    spread = _passed(slope, _variance(white, mean)) / strength**2
    return step, 1.0 / np.maximum(spread, 1e-12)


def _brought(reference: Floats, shift_px: Floats, line_px: Floats) -> Floats:
    """Return the reference as a frame would show it."""
    from scipy.ndimage import map_coordinates

    y, x = np.indices(reference.shape).astype(np.float64)
    return map_coordinates(
        reference, [y - shift_px[0], x - shift_px[1] - line_px[:, None]], order=3, mode="reflect"
    )


def _variance(noise: Floats, mean: Floats) -> Floats:
    """Return the variance of every pixel, a straight line of its intensity fitted to all."""
    design = np.stack([np.ones(mean.size), mean.ravel()], axis=1)
    line = np.linalg.lstsq(design, noise.ravel() ** 2, rcond=None)[0]
    level = float((noise**2).mean())
    return np.maximum(design @ line, 0.1 * level).reshape(mean.shape)


def _passed(slope: Floats, variance: Floats) -> Floats:
    """Return the variance of each line's sum of slope times smoothed noise."""
    from scipy.ndimage import gaussian_filter1d

    return (gaussian_filter1d(slope, _SMOOTHING_PX, axis=1) ** 2 * variance).sum(axis=1)


def common_part(shift_px: Floats, line_px: Floats, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the part of the first frame's field that every frame covers.

    Raises
    ------
    ReadError
        If that is less than half along an axis.
    """
    widest = np.abs(line_px).max(initial=0.0)
    more = np.array([0.0, widest])
    low = np.ceil(np.maximum(more - shift_px.min(axis=0), 0.0)).astype(int)
    high = np.ceil(np.maximum(more + shift_px.max(axis=0), 0.0)).astype(int)
    left = np.array(shape) - low - high
    if np.any(left < np.array(shape) / 2):
        raise ReadError(
            f"the frames overlap by {max(left[0], 0)} × {max(left[1], 0)} of {shape[0]} × "
            f"{shape[1]} pixels; expected half or more: leave out frames that drifted away"
        )
    return slice(low[0], shape[0] - high[0]), slice(low[1], shape[1] - high[1])
