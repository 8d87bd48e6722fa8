"""The image that shows the oxygen: which detector it is of, and its pixel size."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stackmotif.cli.batch import Job
from stackmotif.cli.identifying import Settings
from stackmotif.errors import CalibrationError

if TYPE_CHECKING:
    from stackmotif.micrograph import Micrograph

_NAMED: Final = re.compile(r"(?<![a-z])(idpc|abf|bf|haadf|adf)(?![a-z])")
_DEFAULT: Final = "abf"
_SUMMED: Final = re.compile(r"\bsum of \d+ frames\b")


def read_oxygen(path: Path, job: Job, metal: "Micrograph", settings: Settings) -> "Micrograph":
    """Read the oxygen image of a job, and refuse it if it cannot be of the same field.

    Its detector is what its title or its file name says, else ABF. Without a calibration of its
    own, or where the metal image's is overridden, its pixels are as wide as the same field makes
    them.

    Raises
    ------
    ReadError
        If it cannot be read, shows no oxygen or another field.
    """
    from stackmotif.matching.oxygen import check_oxygen

    named = detector_of(path.stem) or _DEFAULT
    own = settings.pixel_size_A is None
    try:
        image = _frame(path, job, detector=named, pixel_size_A=None if own else 1.0)
    except CalibrationError:
        own = False
        image = _frame(path, job, detector=named, pixel_size_A=1.0)
    if not own:
        size_A = metal.pixel_size_A * metal.shape[1] / image.shape[1]
        note = f"pixel size {size_A:.6g} Å, from the width of {metal.name}"
        image = replace(image, pixel_size_A=size_A, history=(*image.history, note))
    title = detector_of(str(image.metadata.get("title", "")))
    image = replace(image, detector=title or named)
    check_oxygen(image, metal)
    return image


def detector_of(text: str) -> str | None:
    """Return the detector that a title or a file name mentions, the last one of several.

    >>> detector_of("sample3_ABF"), detector_of("Li0.5 HAADF and iDPC"), detector_of("image")
    ('abf', 'idpc', None)
    """
    found = _NAMED.findall(text.lower())
    return str(found[-1]) if found else None


def _frame(path: Path, job: Job, **settings: Any) -> "Micrograph":
    """Read an image: of a stack the frame of the job, or the sum of its frames."""
    from stackmotif.micrograph import read

    image = read(path, **settings)
    is_stack = any(_SUMMED.search(note) for note in image.history)
    return read(path, frame=job.frame, **settings) if is_stack and job.frame is not None else image
