"""Sweep the width of a lateral wall, and put a shell of NiO nanocrystals on O3.

Run: python examples/05_walls_and_shells.py [DIR]
Writes one picture per wall and the shell as extended XYZ to DIR (a new temporary folder if DIR is
not given).
"""

import sys
import tempfile
from pathlib import Path

import ase.io

import stackmotif as sm
from stackmotif.catalog import picture_svg
from stackmotif.errors import StructureError
from stackmotif.structures import GrainSpec, build_nanocrystal_shell, min_contacts_A


def squeezed_walls(out: Path) -> None:
    """Find how narrow the wall of an O1 fault that steps down by one row can be."""
    entry = sm.load_catalog()["wall-c-o1-jog-minus-1"]
    for width in (2, 3, 4, 6, 10):
        try:
            wall = entry.build(width=width, columns=24)
        except StructureError as error:
            print(f"{width:2d} columns: refused, {str(error).partition(';')[0]}")
            continue
        shortest = min_contacts_A(wall)
        (out / f"wall-{width}.svg").write_text(picture_svg(wall, states=True), encoding="utf-8")
        print(f"{width:2d} columns: M-M {shortest['M-M']:.3f} Å, O-O {shortest['O-O']:.3f} Å")


def shell(out: Path) -> None:
    """Put 3 nm of misoriented NiO grains on half-charged O3, 5 x 8 x 8 nm in all."""
    model = build_nanocrystal_shell(
        "|R+[Li:0.5]|",
        size_A=(50, 80, 80),
        shell_thickness_A=30,
        grains=GrainSpec(size_A=25, spread=0.2, max_rotation_deg=15),
        core_lattice="LiNiO2:0.5",
        shell_lattice="NiO",
        rng=1,
    )
    atoms = model.to_ase()
    ase.io.write(out / "shell.extxyz", atoms, format="extxyz")
    dropped = sum(model.conflicts.dropped.values())
    print(f"shell: {len(atoms)} atoms in {len(model.grains)} crystals, {dropped} left out")
    print(model.conflicts.rule)


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="stackmotif-"))
    out.mkdir(parents=True, exist_ok=True)
    squeezed_walls(out)
    shell(out)
    print(f"written: {out}")


if __name__ == "__main__":
    main()
