"""The refinement of :mod:`stackmotif.columns.refinement` in torch, for a graphics card.

The passes and the equations are the same. Whole images are done at once, as far as the memory goes,
and nothing but the start and the result leaves the device. Sums are taken in any order there, so
results differ from those of the CPU by rounding.
"""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.moments import PRODUCTS, SECOND, exponents, fill_derivatives
from stackmotif.columns.noise import Image, NoiseModel
from stackmotif.columns.patches import Patches
from stackmotif.columns.refinement import (
    DAMPING,
    MAX_STEP,
    N_PARAMETERS,
    SHAPE_RANGE,
    Fit,
    Plan,
    Shapes,
    noise_correlation,
)

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]

_BYTES_PER_VALUE: Final = 64
"""Of a batch, for every pixel of every patch."""
_VALUES_ON_CPU: Final = 240_000
_SHARE_OF_MEMORY: Final = 0.3
_LEAST_PIVOT: Final = 1e-9


@dataclass(frozen=True)
class _State:
    """Parameters of n columns as in `Shapes`, float64 on the device."""

    centre: "torch.Tensor"
    height: "torch.Tensor"
    background: "torch.Tensor"
    inverse: "torch.Tensor"

    def take(self, index: "torch.Tensor | slice") -> "_State":
        return _State(*(getattr(self, one.name)[index] for one in fields(self)))

    def put(self, index: "torch.Tensor", changed: "_State") -> None:
        for one in fields(self):
            getattr(self, one.name)[index] = getattr(changed, one.name)


@dataclass(frozen=True)
class _Discs:
    """Patches of one radius: where their pixels are, and the powers of their offsets."""

    image: "torch.Tensor"
    valid: "torch.Tensor"
    steps: "torch.Tensor"
    table: "torch.Tensor"
    reach: float
    stride: int
    margin: int

    @classmethod
    def of(cls, patches: Patches, device: str) -> "_Discs":
        import torch

        def there(values: NDArray[Any]) -> "torch.Tensor":
            return torch.as_tensor(values, device=device)

        return cls(
            image=there(patches.image.ravel()),
            valid=there(patches.valid.ravel()),
            steps=there(patches.steps),
            table=there(patches.powers.table),
            reach=patches.powers.reach_px,
            stride=patches.stride,
            margin=patches.margin,
        )

    def parts(self, n: int) -> list[slice]:
        """Return batches of n columns."""
        import torch

        values = _VALUES_ON_CPU
        if self.image.is_cuda:
            free = torch.cuda.mem_get_info(self.image.device)[0]
            values = int(_SHARE_OF_MEMORY * free / _BYTES_PER_VALUE)
        size = max(1, values // len(self.steps))
        return [slice(start, start + size) for start in range(0, n, size)]

    def places(self, centre: "torch.Tensor") -> tuple["torch.Tensor", "torch.Tensor"]:
        """Return flat indices (n, m) and the nearest pixel minus each centre (n, 2) [px]."""
        nearest = centre.round()
        whole = nearest.long() + self.margin
        return (whole[:, 0] * self.stride + whole[:, 1])[:, None] + self.steps, nearest - centre

    def bells(self, inverse: "torch.Tensor", rest: "torch.Tensor") -> "torch.Tensor":
        """Return the Gaussians (n, m); ``inverse`` in 1/px²."""
        import torch

        exponent = torch.stack(exponents(inverse, rest, self.reach), dim=1)
        return (exponent.to(self.table.dtype) @ self.table[:, :SECOND].T).exp_()

    def add(self, total: "torch.Tensor", state: _State, width: float, sign: float = 1.0) -> None:
        """Add columns to a sum, or with a negative sign take them away."""
        for part in self.parts(len(state.height)):
            some = state.take(part)
            index, rest = self.places(some.centre)
            bell = self.bells(some.inverse / width**2, rest)
            bell *= (sign * some.height[:, None]).to(bell.dtype)
            total.index_add_(0, index.flatten(), bell.flatten())

    def rendered(self, state: _State, width: float) -> "torch.Tensor":
        """Return the sum of all columns."""
        import torch

        total = torch.zeros_like(self.image)
        self.add(total, state, width)
        return total

    def equations(
        self, total: "torch.Tensor", state: _State, width: float, noise: NoiseModel
    ) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
        """Return Fisher matrices (n, 7, 7), gradients (n, 7) and reduced chi-squares (n,)."""
        import torch

        found = [
            self._equations_of(total, state.take(part), width, noise)
            for part in self.parts(len(state.height))
        ]
        fisher, gradient, chi2 = (torch.cat(one) for one in zip(*found, strict=True))
        return fisher, gradient, chi2

    def _equations_of(
        self, total: "torch.Tensor", some: _State, width: float, noise: NoiseModel
    ) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
        import torch

        index, rest = self.places(some.centre)
        model = total[index] + some.background[:, None].to(total.dtype)
        weight = self.valid[index] / (noise.offset + noise.gain * model).clamp_min(noise.floor)
        residual = self.image[index] - model
        bell = self.bells(some.inverse / width**2, rest)
        n = len(some.height)
        slopes = torch.zeros((n, SECOND, SECOND), dtype=torch.float64, device=index.device)
        fill_derivatives(slopes, some.inverse / width**2, rest, some.height, self.reach, width)
        six, second = slice(0, SECOND), self.table[:, :SECOND]
        weighted, pulled = weight * bell, weight * residual
        products = torch.as_tensor(PRODUCTS, device=index.device)
        square = ((weighted * bell) @ self.table).double()[:, products]
        fisher, gradient = (
            torch.empty((n, *shape), dtype=torch.float64, device=index.device)
            for shape in ((N_PARAMETERS, N_PARAMETERS), (N_PARAMETERS,))
        )
        fisher[:, six, six] = slopes @ square @ slopes.transpose(1, 2)
        fisher[:, six, SECOND] = (slopes @ (weighted @ second).double()[..., None])[..., 0]
        fisher[:, SECOND, six] = fisher[:, six, SECOND]
        fisher[:, SECOND, SECOND] = weight.sum(dim=1)
        gradient[:, six] = (slopes @ ((pulled * bell) @ second).double()[..., None])[..., 0]
        gradient[:, SECOND] = pulled.sum(dim=1)
        freedom = (torch.count_nonzero(weight, dim=1) - N_PARAMETERS).clamp_min(1)
        return fisher, gradient, (pulled * residual).sum(dim=1).double() / freedom


def refine_on(
    device: str, image: Image, shapes: Shapes, *, noise: NoiseModel, max_passes: int = 10,
    rough: bool = False,
) -> Fit:  # fmt: skip
    """Refine every column on a torch device; see :func:`stackmotif.columns.refine`.

    Parameters
    ----------
    device : str
        ``cuda``, ``cuda:1``, … or ``cpu``. It must know float64.
    image, shapes, noise, max_passes, rough
        As there.
    """
    import torch

    n, width = len(shapes), shapes.width_px
    plan = Plan.of(shapes)
    patches = Patches.cut(image, plan.reach_px, margin_px=plan.tail_px)
    discs = _Discs.of(patches, device)
    tails = _Discs.of(patches.wider(plan.tail_px), device)
    state = _State(
        *(
            torch.tensor(getattr(shapes, name), dtype=torch.float64, device=device)
            for name in ("centre_px", "height", "background", "inverse")
        )
    )
    fisher = torch.eye(N_PARAMETERS, dtype=torch.float64, device=device).repeat(n, 1, 1)
    chi2, step = torch.zeros_like(state.height), torch.full_like(state.height, torch.inf)
    active = torch.arange(n, device=device)
    total = tails.rendered(state, width)
    passes = round(max_passes / plan.share)
    for number in range(passes):
        before = state.take(active)
        matrix, gradient, chi2[active] = discs.equations(total, before, width, noise)
        _add_prior(before, matrix, gradient, plan.shape_prior)
        fisher[active] = matrix
        damping = DAMPING[min(number, len(DAMPING) - 1)]
        after, step[active] = _moved(before, plan.share * _solved(matrix, gradient, damping), width)
        limit = torch.tensor(image.shape, dtype=torch.float64, device=device) - 0.5
        after = replace(after, centre=after.centre.clamp_min(-0.5).minimum(limit))
        state.put(active, after)
        if rough and number + 1 == passes:
            break
        if 2 * len(active) > n:
            total = tails.rendered(state, width)
        else:
            tails.add(total, before, width, sign=-1.0)
            tails.add(total, after, width)
        active = active[step[active] > plan.tolerance_px]
        if not len(active):
            break
        if plan.crowded:
            mean = (state.inverse[:, 0] + state.inverse[:, 2]) / 2
            common = width / float(mean.quantile(0.5).sqrt())
            state.inverse.copy_(_bounded(state.inverse * (common / width) ** 2))
            width = common
    found = Shapes(
        centre_px=_back(state.centre),
        height=_back(state.height),
        background=_back(state.background),
        inverse=_back(state.inverse),
        width_px=width,
    )
    shared = 1.0
    if not rough:
        drawn = total.cpu().numpy().reshape(patches.image.shape)
        shared = noise_correlation(patches, drawn, found, noise)
    return Fit(found, _back(fisher), _back(chi2), _back(step), shared)


def _back(values: "torch.Tensor") -> Floats:
    return np.asarray(values.cpu().numpy(), dtype=np.float64)


def _add_prior(
    state: _State, fisher: "torch.Tensor", gradient: "torch.Tensor", prior: float
) -> None:
    pull = state.inverse.new_tensor([1.0, 0.0, 1.0]) - state.inverse
    for k in range(3):
        fisher[:, 3 + k, 3 + k] += 1.0 / prior**2
    gradient[:, 3:6] += pull / prior**2


def _solved(matrix: "torch.Tensor", right: "torch.Tensor", damping: float) -> "torch.Tensor":
    """Return the solutions (n, 7), matrices scaled to a diagonal of 1 and damped."""
    import torch

    tiny = torch.finfo(torch.float64).tiny
    size = torch.diagonal(matrix, dim1=1, dim2=2).clamp_min(tiny).sqrt()
    scaled = matrix / (size[:, :, None] * size[:, None, :])
    scaled.diagonal(dim1=1, dim2=2).add_(damping + _LEAST_PIVOT)
    return torch.linalg.solve(scaled, (right / size)[..., None])[..., 0] / size


def _moved(state: _State, step: "torch.Tensor", width: float) -> tuple[_State, "torch.Tensor"]:
    """Return the columns after a step no longer than a trust radius, and its length [px]."""
    import torch

    length = torch.hypot(step[:, 0], step[:, 1])
    shrink = (MAX_STEP * width / length.clamp_min(1e-12)).clamp_max(1.0)
    # A column that is the wrong way round has its limits so, too.
    low, high = (one * state.height for one in (0.3, 3.0))
    moved = _State(
        state.centre + step[:, :2] * shrink[:, None],
        (state.height + step[:, 2]).maximum(low).minimum(high),
        state.background + step[:, 6],
        _bounded(state.inverse + step[:, 3:6]),
    )
    return moved, length * shrink


def _bounded(inverse: "torch.Tensor") -> "torch.Tensor":
    """Clip both eigenvalues of each inverse-variance matrix."""
    import torch

    yy, yx, xx = inverse.T
    mean, half, root = (yy + xx) / 2, (yy - xx) / 2, torch.hypot((yy - xx) / 2, yx)
    high, low = ((mean + sign * root).clamp(*SHAPE_RANGE) for sign in (1, -1))
    ratio = torch.where(root > 0, (high - low) / 2 / root.clamp_min(1e-300), 0.0)
    middle = (high + low) / 2
    return torch.stack([middle + half * ratio, yx * ratio, middle - half * ratio], dim=1)
