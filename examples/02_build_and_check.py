"""Build crystals from words, check them with an independent program, and read the words back.

Run: python examples/02_build_and_check.py [DIR]
Writes one CIF per word to DIR (a new temporary folder if DIR is not given).
"""

import sys
import tempfile
from pathlib import Path

from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

import stackmotif as sm

EXPECTED = {
    "|R+[Li]|": ("o3", "R-3m"),
    "|R0|": ("o1", "P-3m1"),
    "|R- L+|": ("o2", "P6_3mc"),
    "|R+ R- L- L+|": ("o4", "P6_3mc"),
    "|R+ R0 L- L0|": ("op4", "P6_3/mmc"),
}


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="stackmotif-"))
    out.mkdir(parents=True, exist_ok=True)
    for text, (name, symbol) in EXPECTED.items():
        word = sm.Word.parse(text)
        structure = sm.build(word)
        found = SpacegroupAnalyzer(structure, symprec=0.01).get_space_group_symbol()
        back = sm.read_word(structure)
        structure.to(filename=str(out / f"{name}.cif"))
        print(f"{name:4s} {text:18s} {structure.composition.reduced_formula:8s} {found:10s} {back}")
        if found != symbol or back.canonical() != word.canonical():
            sys.exit(f"{name}: expected {symbol} and {text}")
    print(f"written: {out}")


if __name__ == "__main__":
    main()
