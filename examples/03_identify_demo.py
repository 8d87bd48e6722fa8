"""Read the bundled simulated micrograph: columns, domains, motifs, a graph, and pictures.

Run: python examples/03_identify_demo.py [DIR]
Saves the result below DIR (a new temporary folder if DIR is not given).
"""

import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import stackmotif as sm
from stackmotif.matching.graph import find_motif, together, walk_up
from stackmotif.report.graph_figure import graph_figure


def draw_twin_domain(result: sm.MotifMap, out: Path) -> None:
    """Look for TD(2) in the graph of a part of the image, and draw that part."""
    graph = result.graph((10, 20, 50, 80))
    found = find_motif(graph, sm.load_catalog()["td-2-glided"])
    (domain,) = together(graph, found)
    word = walk_up(graph, domain[0].columns[-1]).word
    print(f"graph: {graph}; TD(2) at {len(domain)} columns, word above it {word}")
    figure = graph_figure(graph, image=result.image, pixel_size_A=result.pixel_size_A)
    figure.savefig(out / "graph.png")


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
    draw_twin_domain(again, out)


if __name__ == "__main__":
    main()
