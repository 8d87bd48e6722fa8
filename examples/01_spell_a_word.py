"""Spell stacking words: names, gap kinds, and what a metal-only image can tell.

Run: python examples/01_spell_a_word.py [DIR]
Prints a table and writes it to DIR/words.txt (a new temporary folder if DIR is not given).
"""

import sys
import tempfile
from pathlib import Path

import stackmotif as sm

WORDS = (
    "|R+[Li]|",
    "|L-[Li]|",
    "|R0|",
    "|R+[Li] R0|",
    "|R-[Na]|",
    "|R0[Na@e] L0[Na@e]|",
    "|L+ R+|",
    "R+12 R0 R+11 R.",
    "R+11 R- L+ R+11 R.",
)


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="stackmotif-"))
    out.mkdir(parents=True, exist_ok=True)
    words = [sm.Word.parse(text) for text in WORDS]
    lines = [f"{'word':24s} {'name':16s} {'gap kinds':26s} metal only"]
    lines += [
        f"{word!s:24s} {word.name or '-':16s} {word.gap_kinds:26s} {word.metal_text}"
        for word in words
    ]
    (out / "words.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))

    o3, o6 = words[0], words[6]
    print(f"\nO3 and O6 look alike without oxygen: {o3.degeneracy_class == o6.degeneracy_class}")
    print(f"written: {out / 'words.txt'}")


if __name__ == "__main__":
    main()
