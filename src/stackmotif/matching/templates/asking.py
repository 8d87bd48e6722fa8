"""When an image is compared with templates, and what is said where it is not."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stackmotif.errors import StackmotifError

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

ASKED: Final = ("auto", "on", "off")
_MOST_ABOUT: Final = 400_000
"""Cells beyond which nothing is done unasked."""


def check_asked(asked: str) -> None:
    """Refuse what is none of the three answers.

    Raises
    ------
    StackmotifError
        With what was given.
    """
    if asked not in ASKED:
        raise StackmotifError(
            f"templates is {asked!r}; expected one of {', '.join(ASKED)}: whether the image is "
            "compared with templates"
        )


def with_templates(
    result: "MotifMap", *, asked: str, progress: Callable[[str], None] | None = None
) -> "MotifMap":
    """Return a result with its template scores where they were asked for and can be had.

    Parameters
    ----------
    result : MotifMap
        What geometry has read.
    asked : {'auto', 'on', 'off'}
        With ``on``, what keeps templates from being used is a warning.
    progress : callable, optional
        Called with the name of the stage.
    """
    reason = _reason(result, asked)
    if not reason:
        from stackmotif.matching.templates.scoring import score_domains

        if progress is not None:
            progress("templates")
        try:
            result = score_domains(result)
        except StackmotifError as error:
            reason = str(error)
    told = {"used": False, "because": reason} if reason else result.summary["templates"]
    summary = {**result.summary, "templates": {"asked": asked, **told}}
    if reason and asked == "on":
        said = f"no templates were matched: {reason}"
        summary["warnings"] = [*summary["warnings"], said]
    return replace(result, summary=summary)


def _reason(result: "MotifMap", asked: str) -> str:
    """Return why no templates are matched, before they are looked at; empty if they can be."""
    if asked == "off":
        return "not asked for"
    if result.image is None:
        return "there is no image, only columns"
    if result.status == "failed" or not len(result.shifts):
        return "no stacking was read"
    if not (result.shifts["domain"] >= 0).any():
        return "no domain was read"
    if asked == "auto" and len(result.shifts) > _MOST_ABOUT:
        return f"{len(result.shifts)} cells are many; ask for templates to have them matched"
    return ""
