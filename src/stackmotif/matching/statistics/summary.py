"""What ``summary.json`` and ``statistics.json`` hold of the statistics."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.statistics.chunks import measure_chunks
from stackmotif.matching.statistics.extents import describe_extents
from stackmotif.matching.statistics.records import FieldRecord, field_record
from stackmotif.matching.statistics.stacking import stacking_statistics

SCHEMA = "stackmotif-statistics-1"
_PERMUTATIONS = 499  # of a single image, to keep the reading fast


def with_statistics(r: MotifMap) -> MotifMap:
    """Return a result with ``statistics``, ``motif_extents`` and ``chunks`` in its summary."""
    record = field_record(r)
    found = stacking_statistics(record, n_permutations=_PERMUTATIONS)
    more = {
        "statistics": found.describe(),
        "motif_extents": describe_extents(record.extents),
        "chunks": measure_chunks(r),
    }
    return replace(r, summary={**r.summary, **more})


def pooled_statistics(records: Sequence[FieldRecord], *, n_repeated: int = 0) -> dict[str, Any]:
    """Return the content of ``statistics.json``: all fields of a batch together.

    ``n_repeated`` tells how many results were left out since they show a field again.
    """
    found = stacking_statistics(records)
    fields = [
        {"name": r.name, "status": r.status, "n_gaps": int(r.known.sum()),
         "n_o1": round(float(r.probability[r.known, 1].sum()), 2)}
        for r in records
    ]  # fmt: skip
    return {"schema": SCHEMA, **found.describe(), "n_repeated": n_repeated, "fields": fields}
