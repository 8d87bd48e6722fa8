"""Read the bundled simulated micrograph: columns, domains, motifs, and a picture.

Run: python examples/03_identify_demo.py [DIR]
Saves the result below DIR (a new temporary folder if DIR is not given).
"""

import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import stackmotif as sm


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="stackmotif-"))
    with as_file(files("stackmotif") / "_data" / "demo.emd") as bundled:
        micrograph = sm.read(bundled)
    result = sm.identify(micrograph)
    summary = result.summary
    print(f"simulated micrograph: {summary['status']}, {summary['n_columns']} columns")
    print(f"cells by state: {summary['fractions']}")
    print(f"motifs: {summary['motif_counts']}")
    for domain in result.domains:
        print(f"  {domain['kind']:6s} {domain['word']}")
    result.save(out / "result")
    again = sm.load(out / "result")
    print(f"saved and loaded: {len(again.columns)} columns in {out / 'result'}")


if __name__ == "__main__":
    main()
