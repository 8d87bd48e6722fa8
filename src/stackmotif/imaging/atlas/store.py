"""An atlas on disk: one zarr array, one manifest that is written last.

Default atlases ship with the package; others lie where their builder put them.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.errors import stretch_of
from stackmotif.imaging.atlas.model import Atlas
from stackmotif.imaging.atlas.recipe import FORMAT, AtlasRecipe
from stackmotif.provenance import sha256_array
from stackmotif.structures.lattices.lattice import get_lattice

if TYPE_CHECKING:
    from stackmotif.structures.lattices.lattice import Lattice

_MANIFEST: Final = "manifest.json"
_ARRAYS: Final = ("samples", "noise", "gap_heights_A", "thickness_A")


def save_atlas(atlas: Atlas, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write an atlas as a folder; what exists under the name is complete.

    Raises
    ------
    SimulationError
        If the folder exists and is not to be overwritten, or is no atlas.
    """
    target = Path(path)
    check_free(target, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write(atlas, beside)
        old = beside.with_name(beside.name + "-old")
        if target.exists():
            target.rename(old)
        beside.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def load_atlas(path: str | Path) -> Atlas:
    """Read an atlas and check that it is whole.

    Raises
    ------
    SimulationError
        If the folder holds no atlas of this format, or an array differs from its checksum.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    recipe = AtlasRecipe.from_settings(manifest["recipe"])
    arrays = {name: _read_array(folder, name, manifest) for name in _arrays(recipe)}
    return Atlas(
        **arrays,
        recipe=recipe,
        pitch_A=float(manifest["pitch_A"]),
        slab_height_A=float(manifest["slab_height_A"]),
        errors=tuple(manifest["errors"]),
        provenance=manifest["provenance"],
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of an atlas.

    Raises
    ------
    SimulationError
        If there is none of this format.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SimulationError(
            f"{folder.name!r} is not an atlas ({error}); expected a folder written by "
            "'stackmotif templates build-atlas'"
        ) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise SimulationError(f"atlas {folder.name!r} has another format; expected {FORMAT!r}")
    return manifest


def with_errors(atlas: Atlas, errors: Sequence[Mapping[str, Any]]) -> Atlas:
    """Return the atlas with its measured errors in place of the earlier ones."""
    return replace(atlas, errors=tuple(errors))


def shipped_atlas_paths() -> tuple[Path, ...]:
    """Return the folders of the atlases that ship with the package, the default one first."""
    return tuple(sorted((Path(__file__).resolve().parent / "default").iterdir()))


def default_atlas_path(lattice: "Lattice | None" = None) -> Path:
    """Return the folder of the shipped atlas whose lengths are nearest to those of a crystal.

    Parameters
    ----------
    lattice : Lattice, optional
        The crystal; without one, or where no atlas has its slabs, it is the first atlas.
    """
    paths = shipped_atlas_paths()
    if lattice is None:
        return paths[0]
    owns = [get_lattice(read_manifest(path)["recipe"]["lattice"]) for path in paths]
    alike = [dict(own.host) == dict(lattice.host) for own in owns]
    apart = [
        stretch_of(own, lattice) if same else float("inf")
        for own, same in zip(owns, alike, strict=True)
    ]
    return paths[apart.index(min(apart))]


def default_atlas(lattice: "Lattice | None" = None) -> Atlas:
    """Return the atlas at :func:`default_atlas_path`; read once."""
    return _shipped(default_atlas_path(lattice))


@cache
def _shipped(path: Path) -> Atlas:
    return load_atlas(path)


def atlas_of(given: Atlas | str | Path) -> Atlas:
    """Return an atlas: as it is, or from a folder, read once.

    Raises
    ------
    SimulationError
        If it is neither.
    """
    if isinstance(given, Atlas):
        return given
    if not isinstance(given, str | Path):
        raise SimulationError(
            f"atlas is a {type(given).__name__}; expected an Atlas, or the folder of one"
        )
    folder = Path(given).resolve()
    if folder in shipped_atlas_paths():
        return _shipped(folder)
    return _loaded(folder, atlas_digest(folder))


def atlas_digest(folder: Path) -> str:
    """Return the SHA-256 of an atlas's manifest, in which the sums of its arrays are.

    Raises
    ------
    SimulationError
        If the folder holds no atlas.
    """
    read_manifest(folder)
    return hashlib.sha256((folder / _MANIFEST).read_bytes()).hexdigest()


@lru_cache(maxsize=4)
def _loaded(folder: Path, digest: str) -> Atlas:
    return load_atlas(folder)


def is_atlas(path: str | Path) -> bool:
    """Return whether a folder says of itself that it is an atlas."""
    try:
        return read_manifest(Path(path))["format"] == FORMAT
    except SimulationError:
        return False


def atlas_info(path: str | Path) -> dict[str, str]:
    """Return what an atlas holds, as lines of text."""
    manifest = read_manifest(Path(path))
    recipe, provenance = manifest["recipe"], manifest["provenance"]
    errors = [
        f"{one['detector']} {one['thickness_A']:g} Å {100 * one['rms_of_contrast']:.2g} %"
        for one in manifest["errors"]
    ]
    return {
        "format": manifest["format"],
        "lattice": recipe["lattice"],
        "beam": ", ".join(f"{name} {value}" for name, value in recipe["beam"].items()),
        "thickness_A": ", ".join(f"{one:g}" for one in recipe["thickness_A"]),
        "rings_mrad": ", ".join(f"{one:g}" for one in recipe["bin_edges_mrad"]),
        "guests": ", ".join(one or "(empty)" for one in recipe["guests"]),
        "shifts": str(recipe["n_shifts"]),
        "couplings": "yes" if recipe.get("couplings") else "no",
        "phonons": str(recipe["phonons"]),
        "sigma_A": ", ".join(f"{one} {value:.4f}" for one, value in recipe["sigma_A"].items()),
        "rms_of_contrast": "; ".join(errors) or "not measured",
        "versions": ", ".join(f"{k} {v}" for k, v in provenance.get("versions", {}).items()),
    }


def check_free(target: Path, *, overwrite: bool) -> None:
    """Refuse a folder that exists, unless it is an atlas to be overwritten.

    Raises
    ------
    SimulationError
        With the folder's name.
    """
    if not target.exists():
        return
    if not overwrite:
        raise SimulationError(
            f"{str(target)!r} exists already; expected a new folder: choose another name or "
            "overwrite it"
        )
    read_manifest(target)


def _arrays(recipe: AtlasRecipe) -> tuple[str, ...]:
    """Return the names of the arrays of an atlas."""
    return (*_ARRAYS, *(["couplings"] if recipe.couplings else []))


def _write(atlas: Atlas, folder: Path) -> None:
    import zarr

    sums = {}
    for name in _arrays(atlas.recipe):
        values: Any = np.asarray(getattr(atlas, name))
        zarr.save_array(str(folder / f"{name}.zarr"), values)
        sums[name] = sha256_array(values)
    manifest = {
        "format": FORMAT,
        "recipe": atlas.recipe.settings(),
        "pitch_A": atlas.pitch_A,
        "slab_height_A": atlas.slab_height_A,
        "errors": [dict(one) for one in atlas.errors],
        "provenance": dict(atlas.provenance),
        "sha256": sums,
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _read_array(folder: Path, name: str, manifest: dict[str, Any]) -> Any:
    import zarr

    try:
        values = np.asarray(zarr.open_array(str(folder / f"{name}.zarr"), mode="r")[...])
    except (OSError, ValueError, KeyError) as error:
        raise SimulationError(
            f"array {name!r} of atlas {folder.name!r} cannot be read ({error}); expected a whole "
            "atlas: build it again"
        ) from error
    if sha256_array(values) != manifest.get("sha256", {}).get(name):
        raise SimulationError(
            f"array {name!r} of atlas {folder.name!r} differs from its checksum; expected a whole "
            "atlas: build it again"
        )
    return values
