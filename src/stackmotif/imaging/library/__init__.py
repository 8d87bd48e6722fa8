"""Template images on disk: resumable work, and the library that it fills.

Importing this package loads neither zarr nor any other heavy package.
"""

from stackmotif.imaging.library.library import TemplateLibrary
from stackmotif.imaging.library.parts import Part, read_part
from stackmotif.imaging.library.tasks import RunResult, Task, load_part, pending, run_tasks
from stackmotif.imaging.library.variants import VARIANTS

__all__ = [
    "VARIANTS",
    "Part",
    "RunResult",
    "Task",
    "TemplateLibrary",
    "load_part",
    "pending",
    "read_part",
    "run_tasks",
]
