"""The gauge of a grain: which of the two signs its majority shift carries."""

from stackmotif.stacking.word import Word


def gauge_margin(word: Word) -> float:
    """Return how clearly + leads: (n+ - n-) / (n+ + n-), 0 without any, over the projected shifts.

    Only the relative sign of two shifts is physical in one image. Fix the sign once for a connected
    grain, store this margin with it, and never fix it per domain.

    >>> gauge_margin(Word.parse("+++-"))
    0.5
    """
    n_plus, n_minus = word.metal_text.count("+"), word.metal_text.count("-")
    return (n_plus - n_minus) / max(n_plus + n_minus, 1)


def in_gauge(word: Word, *, margin: float | None = None) -> Word:
    """Return the word, flipped where ``margin`` (by default its own) is negative."""
    return word.flipped() if (gauge_margin(word) if margin is None else margin) < 0 else word
