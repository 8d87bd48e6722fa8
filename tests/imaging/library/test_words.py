"""Libraries of stackings that the atlas shows."""

import numpy as np

from stackmotif.catalog import load_catalog
from stackmotif.imaging import TemplateLibrary
from stackmotif.imaging.library.building import build_library
from stackmotif.imaging.library.planning import plan_library


def test_words_come_from_the_atlas_and_others_do_not(tmp_path):
    """Full-width stackings take a moment; domains lie in O3 and not in vacuum."""
    catalog = load_catalog()
    ids = ("o3", "o1", "td-2-flipped")
    plan = plan_library(
        {one: catalog[one] for one in ids}, microscope="stem-300kV", thickness_A=(40.0, 80.0),
        tolerance=1.0,
    )  # fmt: skip
    engines = {
        name: task.settings["options"]["engine"]
        for name, task in zip(plan.motifs, plan.tasks, strict=True)
    }
    assert engines["o3"] == engines["td-2-flipped"] == "atlas"
    path = build_library(
        plan_library(
            {one: catalog[one] for one in ("o3", "td-2-flipped")}, microscope="stem-300kV",
            thickness_A=(40.0, 80.0), engine="atlas",
        ),
        tmp_path / "words",
    )  # fmt: skip
    domain = TemplateLibrary(path)["td-2-flipped/80A/df0A/identity"]
    assert domain.engine == "atlas"
    assert "error" in domain.provenance
    rows = domain.channel("HAADF").mean(axis=1)
    # Metal rows from the lowest to the highest slab, none of them at a surface.
    peaks = np.flatnonzero((rows[1:-1] > rows[:-2]) & (rows[1:-1] > rows[2:]))
    assert len(peaks) >= 22
