"""What wall tiles are made of: which row jumps by how much below which neighbour, how large."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.recipe import AtlasRecipe, Neighbour, check_k_points
from stackmotif.stacking import Word

FORMAT: Final = "stackmotif-walls/1"
ABRUPT: Final = (1, 2)
"""Jumps of an abrupt wall, in thirds of the pitch: tensile ones alone."""
JUMPING: Final = 1
"""Number of the slab that jumps, counted from the bottom of a tile's stack."""
_SIZES: Final = ("columns", "step_A", "n_rows", "n_columns")
_TEXT: Final = {1: "+", 0: "0", -1: "-"}


@dataclass(frozen=True, order=True)
class WallTile:
    """An abrupt wall in a slab of tilt R, the reference gap without guests below its left part.

    Parameters
    ----------
    jump_thirds : int
        3 J: 1 or 2.
    above : Neighbour
        What the slab has above it, left of the wall.
    """

    jump_thirds: int
    above: Neighbour

    @property
    def prismatic(self) -> bool:
        """Whether the gap above is prismatic on either side of the wall."""
        right = replace(self.above, shift=(self.above.shift - Fraction(self.jump_thirds, 3)) % 1)
        return "p" in (self.above.kind, right.kind)

    @property
    def word(self) -> Word:
        """The stack left of the wall: four slabs, closed along c; slab `JUMPING` jumps."""
        thirds = self.above.thirds or 0
        tilt, beyond = ("R", "+") if self.above.tilt == 1 else ("L", "-")
        guest = f"[{self.above.guest}]" if self.above.guest else ""
        last = -(1 + thirds + self.above.tilt)
        closing = _TEXT[(last + 1) % 3 - 1]
        return Word.parse(f"|R+ R{_TEXT[thirds]}{guest} {tilt}{beyond} {tilt}{closing}|")


@dataclass(frozen=True)
class WallRecipe:
    """All that wall tiles follow from, beside the recipe of the atlas that they belong to.

    Parameters
    ----------
    atlas : AtlasRecipe
        Beam, lattice, thicknesses, rings, sampling, phonons and seed.
    jumps : tuple of int
        Jumps, 1 or 2 thirds of the pitch.
    guests : tuple of str
        Fillings of the gap above, an empty text among them; filled tiles are those whose gap is
        prismatic on neither side, where each guest has one site.
    columns : int
        Columns of the simulated rows, 8 or more; the rows end in vacuum.
    step_A : float
        Sampling of a tile along both axes [Å].
    n_rows, n_columns : int
        Samples across the slabs and along the row, odd numbers.
    k_points : tuple of int
        Sets of wave vectors in place of those of the atlas: the rows here are longer, and as many.

    Raises
    ------
    SimulationError
        If a value makes no tile.
    """

    atlas: AtlasRecipe
    jumps: tuple[int, ...] = ABRUPT
    guests: tuple[str, ...] = ("",)
    columns: int = 10
    step_A: float = 0.23
    n_rows: int = 45
    n_columns: int = 45
    k_points: tuple[int, int] = (1, 2)

    def __post_init__(self) -> None:
        for name in ("jumps", "guests", "k_points"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.jumps or not set(self.jumps) <= set(ABRUPT):
            raise SimulationError(
                f"jumps of wall tiles are {self.jumps}; expected 1 or 2 thirds of the pitch: a "
                "squeezed row has no abrupt wall"
            )
        known = {"", *(one for one in self.atlas.guests if "@" not in one)}
        if "" not in self.guests or not set(self.guests) <= known:
            raise SimulationError(
                f"guests of wall tiles are {self.guests}; expected an empty text and guests of "
                f"the atlas without a site, {sorted(known)}"
            )
        for name, least, most in (("columns", 8, 60), ("n_rows", 9, 199), ("n_columns", 9, 99)):
            _check_count(name, getattr(self, name), least, most, odd=name != "columns")
        check_k_points("wall tiles", self.k_points)
        if not 0.02 <= self.step_A <= 1.0:
            raise SimulationError(f"step of wall tiles is {self.step_A} Å; expected 0.02 to 1 Å")

    @property
    def tiles(self) -> tuple[WallTile, ...]:
        """Every tile, the jump slowest and the shift fastest."""
        every = (
            WallTile(jump, Neighbour(tilt, guest, Fraction(thirds, 3)))
            for jump in self.jumps
            for tilt in (1, -1)
            for guest in self.guests
            for thirds in range(3)
        )
        return tuple(tile for tile in every if not (tile.above.guest and tile.prismatic))

    def index(self, tile: WallTile) -> tuple[int, int, int, int]:
        """Return the indices (jump, tilt, guest, shift) of a tile.

        Raises
        ------
        SimulationError
            If the recipe has no such tile.
        """
        above = tile.above
        if tile.jump_thirds not in self.jumps or above.guest not in self.guests:
            raise SimulationError(
                f"there is no wall tile of jump {tile.jump_thirds}/3 and guest {above.guest!r}; "
                f"expected jumps {self.jumps} and guests {self.guests}"
            )
        return (
            self.jumps.index(tile.jump_thirds),
            0 if above.tilt == 1 else 1,
            self.guests.index(above.guest),
            int(above.shift % 1 * 3),
        )

    def settings(self) -> dict[str, Any]:
        """Return what one tile follows from, as plain values; neither jumps nor guests."""
        atlas = self.atlas.settings()
        for name in ("phonons", "guests", "n_shifts", "pitches", "slabs", "k_points", "couplings"):
            del atlas[name]
        for name in ("row_step_A", "n_rows", "n_columns"):
            del atlas[name]
        sizes = {name: getattr(self, name) for name in _SIZES}
        return {"format": FORMAT, "atlas": atlas, **sizes, "k_points": list(self.k_points)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "WallRecipe":
        """Return a recipe with the sizes that :meth:`settings` described, of any guest."""
        sizes = {name: settings[name] for name in (*_SIZES, "k_points")}
        return cls(AtlasRecipe.from_settings(settings["atlas"]), **sizes)

    @property
    def beam(self) -> AtlasRecipe:
        """The recipe of the atlas with the sets of wave vectors of the walls."""
        return replace(self.atlas, k_points=self.k_points)


def tile_settings(tile: WallTile) -> list[Any]:
    """Return a tile as plain values."""
    return [tile.jump_thirds, tile.above.tilt, tile.above.guest, str(tile.above.shift)]


def tile_from(values: Iterable[Any]) -> WallTile:
    """Return the tile that :func:`tile_settings` described."""
    jump, tilt, guest, shift = values
    return WallTile(int(jump), Neighbour(int(tilt), str(guest), Fraction(shift)))


def _check_count(name: str, value: int, least: int, most: int, *, odd: bool) -> None:
    if not isinstance(value, int) or not least <= value <= most or (odd and value % 2 == 0):
        raise SimulationError(
            f"{name} of wall tiles is {value!r}; expected {'an odd' if odd else 'a whole'} number "
            f"from {least} to {most}"
        )
