"""Frozen-phonon configurations: pairs of opposite displacements, and what they see in turn.

The displacements u of an even configuration are those of the next one with the opposite sign. Both
are equally likely, and in the mean over a pair every odd power of u drops out of the image: the
noise of an ensemble changes as if it had 0.7 (HAADF at 4 nm) to 6 times (ABF at 8 nm) as many
configurations (docs/convergence.md). J. M. Hammersley and K. W. Morton, A new Monte Carlo
technique: antithetic variates, Math. Proc. Camb. Phil. Soc. 52, 449 (1956),
doi:10.1017/S0305004100031455.

Entrance surfaces and sets of wave vectors are taken in turn, another one for each pair.
"""

import numpy as np
from numpy.typing import NDArray


def drawn(seed: int, configuration: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return standard normal numbers of a configuration; it and its partner sum to zero.

    The draw depends on the seed and on the number of the pair alone.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, configuration // 2]))
    sign = 1.0 if configuration % 2 == 0 else -1.0
    return sign * rng.standard_normal(shape)


def turn(configuration: int, count: int) -> int:
    """Return which of ``count`` things a configuration sees: both of a pair see the same."""
    return configuration // 2 % count
