"""A stacking word as a drawing: its projection along [100], as SVG."""

from html import escape
from typing import Final

from stackmotif.stacking import Word, shift_vector
from stackmotif.stacking.gaps import default_site, site_offset
from stackmotif.stacking.palette import GAP_COLOURS, GAP_MEANING, ROLE_COLOURS

_PITCH: Final = 44.0
_SLAB: Final = 34.0
_GAP: Final = 46.0
_COLUMNS: Final = 5
_MARGIN: Final = 26.0
_MOST_SLABS: Final = 40


def projection_svg(word: Word) -> str:
    """Draw a word along [100]: metal and oxygen columns, guests, gap kinds; +c is up.

    Periodic words are drawn over the repeats that return to their start, at most 40 slabs.

    Parameters
    ----------
    word : Word
        Slabs of unknown tilt are drawn without oxygen.

    Returns
    -------
    str
        An SVG element; every text in it is escaped.
    """
    slabs, kinds = _unrolled(word)
    height = len(slabs) * (_SLAB + _GAP) - _GAP + 2 * _MARGIN
    width = _COLUMNS * _PITCH + 2 * _MARGIN + 270
    shapes: list[str] = []
    position = 0.0
    for k, slab in enumerate(slabs):
        y = height - _MARGIN - _SLAB / 2 - k * (_SLAB + _GAP)
        shapes += _slab(position, slab.tilt, y)
        if k + 1 < len(slabs):
            shapes += _gap(position, slab, slabs[k + 1], kinds[k], y, width)
            position += _across(slab.shift)
    title = escape(f"Projection of {word} along [100], +c up")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{title}">'
        f"{''.join(shapes)}</svg>"
    )


def _unrolled(word: Word) -> tuple[list, str]:  # type: ignore[type-arg]
    """Slabs and gap kinds as drawn."""
    if not word.periodic:
        return list(word.slabs[:_MOST_SLABS]), word.gap_kinds
    repeats = 1 if word.net_shift == (0, 0) or word.net_shift is None else 3
    repeats = max(repeats, -(-4 // len(word)))
    slabs = list(word.slabs) * repeats + [word.slabs[0]]
    return slabs[:_MOST_SLABS], word.gap_kinds * repeats


def _across(shift: object) -> float:
    """Horizontal component of a shift along [100], in pitches; 0 where it is unknown."""
    if shift is None:
        return 0.0
    component = float(shift_vector(shift)[1])  # type: ignore[arg-type]
    return component - round(component)


def _slab(position: float, tilt: int, y: float) -> list[str]:
    left, right = _MARGIN, _MARGIN + _COLUMNS * _PITCH
    shapes = [
        f'<rect x="{left:.1f}" y="{y - _SLAB / 2:.1f}" width="{right - left:.1f}" '
        f'height="{_SLAB:.1f}" fill="#f1f1f1"/>'
    ]
    for x in _row(position):
        shapes.append(_dot(x, y, 7.5, ROLE_COLOURS["M"]))
    if tilt:
        for side in (1, -1):
            for x in _row(position + side * tilt / 3):
                shapes.append(_dot(x, y - side * _SLAB / 2, 4.5, ROLE_COLOURS["O"]))
    return shapes


def _gap(
    position: float, lower: object, upper: object, kind: str, y: float, width: float
) -> list[str]:
    middle = y - (_SLAB + _GAP) / 2
    text_x = width - _MARGIN - 258
    shapes = [
        f'<text x="{text_x:.1f}" y="{middle + 4:.1f}" font-size="13" font-family="sans-serif" '
        f'fill="{GAP_COLOURS.get(kind, GAP_COLOURS["?"])}">{escape(kind)} '
        f'<tspan font-size="10">{escape(GAP_MEANING.get(kind, ""))}</tspan></text>'
    ]
    guest = lower.guest  # type: ignore[attr-defined]
    site = (guest.site if guest else None) or default_site(kind)
    offset = site_offset(lower, upper, site) if guest and site else None  # type: ignore[arg-type]
    if offset is not None:
        for x in _row(position + float(offset[1])):
            shapes.append(_dot(x, middle, 5.5, ROLE_COLOURS["A"]))
    return shapes


def _row(position: float) -> list[float]:
    start = position % 1.0
    return [_MARGIN + (start + k) * _PITCH for k in range(_COLUMNS)]


def _dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'
