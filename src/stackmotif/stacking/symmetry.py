"""Operations that keep the crystal of a word, its primitive root and its canonical form.

All operations but the mirror are proper rotations of the crystal:

- *flip*, 180 degrees about c: t -> -t, s -> -s;
- *reversal*, 180 degrees about the in-plane axis normal to e: slabs and gaps in reverse order, t
  and s kept, a vector shift mirrored on e;
- *threefold* about c, and the *mirror* that contains e and c: idle but for vector shifts.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeVar

from stackmotif.stacking.gaps import default_site, gap_kind, mirrored_site
from stackmotif.stacking.slab import Guest, Shift, Slab, Vector

Slabs = tuple[Slab, ...]
_T = TypeVar("_T", bound=Hashable)


def gap_kinds(slabs: Slabs, *, periodic: bool) -> str:
    """Return one letter per gap, along +c; a finite word has one gap less than slabs."""
    uppers = (*slabs[1:], slabs[0]) if periodic else slabs[1:]
    return "".join(gap_kind(a.tilt, a.shift, b.tilt) for a, b in zip(slabs, uppers, strict=False))


def flip(slabs: Slabs) -> Slabs:
    """Return the slabs seen from behind: every tilt and every shift with the other sign."""
    return tuple(Slab(-s.tilt, _negative(s.shift), s.guest) for s in slabs)


def reverse(slabs: Slabs, *, periodic: bool) -> Slabs:
    """Return the same stack read from its other end. Guest sites must be explicit."""
    gaps = slabs if periodic else slabs[:-1]
    turned = [(_mirrored_shift(s.shift), _mirrored_guest(s.guest)) for s in reversed(gaps)]
    turned = [*turned[1:], turned[0]] if periodic else [*turned, (None, None)]
    return tuple(Slab(s.tilt, *gap) for s, gap in zip(reversed(slabs), turned, strict=True))


def threefold(slabs: Slabs) -> Slabs:
    """Return the slabs rotated by 120 degrees about c."""
    return _map_vectors(slabs, lambda vector: (-vector[1], vector[0] - vector[1]))


def mirror(slabs: Slabs) -> Slabs:
    """Return the slabs mirrored on the plane that contains e and c."""
    return _map_vectors(slabs, _mirrored_vector)


def resolve_sites(slabs: Slabs, *, periodic: bool) -> Slabs:
    """Return the slabs with the default site written out wherever a guest names none."""
    return _edit_sites(slabs, lambda site, default: site or default, periodic=periodic)


def drop_default_sites(slabs: Slabs, *, periodic: bool) -> Slabs:
    """Return the slabs with every guest site left out that is its gap's default."""
    return _edit_sites(
        slabs, lambda site, default: None if site == default else site, periodic=periodic
    )


def primitive_length(items: Sequence[Hashable]) -> int:
    """Return the length of the shortest block whose repetition gives ``items``."""
    failure = [0] * len(items)
    k = 0
    for i in range(1, len(items)):
        while k and items[i] != items[k]:
            k = failure[k - 1]
        k += items[i] == items[k]
        failure[i] = k
    period = len(items) - failure[-1]
    return period if len(items) % period == 0 else len(items)


def least_rotation(items: Sequence[Any]) -> int:
    """Return the start of the lexicographically least rotation of ``items``, in linear time."""
    n = len(items)
    i, j, k = 0, 1, 0
    while i < n and j < n and k < n:
        a, b = items[(i + k) % n], items[(j + k) % n]
        if a == b:
            k += 1
            continue
        if a > b:
            i += k + 1
        else:
            j += k + 1
        j += i == j
        k = 0
    return min(i, j)


def least_image(
    images: Iterator[tuple[_T, ...]], *, key: Callable[[_T], Any], periodic: bool
) -> tuple[_T, ...]:
    """Return the image with the least keys, every rotation of a periodic one included."""
    best: tuple[Any, tuple[_T, ...]] | None = None
    for items in images:
        keys = [key(item) for item in items]
        start = least_rotation(keys) if periodic else 0
        rotated = keys[start:] + keys[:start]
        if best is None or rotated < best[0]:
            best = rotated, items[start:] + items[:start]
    return best[1] if best else ()


def canonical(slabs: Slabs, *, periodic: bool) -> Slabs:
    """Return the canonical slabs of a word: the least image of its primitive root.

    Images are compared slab by slab: R before L before ``?``, then + before 0 before - before
    vectors before ``?``, then the guest. A gap's default site is left out.
    """
    slabs = resolve_sites(slabs, periodic=periodic)
    if periodic:
        slabs = slabs[: primitive_length(slabs)]
    least = least_image(_images(slabs, periodic=periodic), key=_slab_key, periodic=periodic)
    return drop_default_sites(least, periodic=periodic)


def _images(slabs: Slabs, *, periodic: bool) -> Iterator[Slabs]:
    for start in (slabs, reverse(slabs, periodic=periodic)):
        for turned in (start, flip(start)):
            yield turned
            if any(isinstance(slab.shift, tuple) for slab in slabs):
                yield from _vector_images(turned)


def _vector_images(slabs: Slabs) -> Iterator[Slabs]:
    once = threefold(slabs)
    twice = threefold(once)
    yield from (once, twice, mirror(slabs), mirror(once), mirror(twice))


def _negative(shift: Shift) -> Shift:
    if isinstance(shift, tuple):
        return -shift[0], -shift[1]
    return shift if shift is None else -shift


def _mirrored_vector(vector: Vector) -> Vector:
    return vector[0], vector[0] - vector[1]


def _mirrored_shift(shift: Shift) -> Shift:
    return _mirrored_vector(shift) if isinstance(shift, tuple) else shift


def _mirrored_guest(guest: Guest | None) -> Guest | None:
    return guest if guest is None else replace(guest, site=mirrored_site(guest.site))


def _map_vectors(slabs: Slabs, change: Callable[[Vector], Vector]) -> Slabs:
    return tuple(
        replace(s, shift=change(s.shift)) if isinstance(s.shift, tuple) else s for s in slabs
    )


def _edit_sites(
    slabs: Slabs, edit: Callable[[str | None, str | None], str | None], *, periodic: bool
) -> Slabs:
    if all(slab.guest is None for slab in slabs):
        return slabs
    kinds = gap_kinds(slabs, periodic=periodic).ljust(len(slabs), "?")
    return tuple(
        slab
        if slab.guest is None
        else replace(
            slab, guest=replace(slab.guest, site=edit(slab.guest.site, default_site(kind)))
        )
        for slab, kind in zip(slabs, kinds, strict=True)
    )


def shift_key(shift: Shift) -> tuple[int, Fraction, Fraction]:
    """Return what shifts are ordered by: + before 0 before - before vectors before unknown."""
    zero = Fraction(0)
    if isinstance(shift, tuple):
        return 3, *shift
    return 4 if shift is None else 1 - shift, zero, zero


def _slab_key(slab: Slab) -> tuple[Any, ...]:
    tilt = {1: 0, -1: 1, 0: 2}[slab.tilt]
    guest = slab.guest
    if guest is None:
        return tilt, shift_key(slab.shift), 0, "", 0.0, "", 0.0
    ions = (guest.species, guest.occupancy, guest.site or "", guest.height_A or 0.0)
    return tilt, shift_key(slab.shift), 1, *ions
