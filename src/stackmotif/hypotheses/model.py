"""A ranked three-dimensional model of a part of an image."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackmotif.errors import StructureError
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class Hypothesis:
    """One stacking word that explains the columns, with its evidence.

    Parameters
    ----------
    word : Word
        The full stack along +c; metal only where the class is not resolved.
    metal_word : str
        What the metal columns show, along +c: ``+++-+++``.
    class_id : str
        Degeneracy class: every word that this image cannot tell from ``word``.
    p_class : float
        Probability of the class, given the columns.
    p_in_class : float
        Probability inside the class: uniform over its members, since the image cannot rank them.
    log_columns : float
        Log likelihood of the mean shifts.
    log_image : float
        Log likelihood of the image; NaN where no image was simulated.
    log_prior : float
        Log prior inside the class.
    p_uniform_prior : float
        Probability of this word under a uniform prior on the members.
    decides : str
        The measurement that would decide.
    resolved : bool
        Whether the best class is likely enough for models to be built.
    """

    word: Word
    metal_word: str
    class_id: str
    p_class: float
    p_in_class: float
    log_columns: float
    log_image: float
    log_prior: float
    p_uniform_prior: float
    decides: str
    resolved: bool = True

    def structure(self, *, lattice: str = "LiNiO2:1", **options: Any) -> "Structure":
        """Return the crystal model of the word: the host alone, since no guest is seen.

        Parameters
        ----------
        lattice : str
            Lattice name, with the guest content after a colon.
        **options
            Passed to `stackmotif.build`.

        Raises
        ------
        StructureError
            If the class is not resolved, or the model cannot be built.
        """
        from stackmotif.structures import build

        if not self.resolved:
            raise StructureError(
                f"metal word {self.metal_word!r} has probability {self.p_class:.2f}; expected 0.7 "
                "or more before a model is built: choose a region without defects"
            )
        return build(self.word, lattice=lattice, **options)
