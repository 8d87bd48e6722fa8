"""Guests by gap kind."""

import pytest

from stackmotif.errors import StructureError
from stackmotif.stacking import Word, from_name
from stackmotif.structures import build, read_word, with_guests

FAULT = from_name("O1 fault(2)")


def test_all_gaps_of_a_kind_are_filled_and_no_other():
    filled = with_guests(FAULT, {"3": "Li:0.3"})
    guests = [slab.guest for slab in filled.slabs[:-1]]
    assert [guest is not None for guest in guests] == [k == "3" for k in FAULT.gap_kinds]
    assert {guest.occupancy for guest in guests if guest} == {0.3}
    assert filled.without_guests() == FAULT
    assert read_word(build(filled, lattice="NMC622:0.3")) == filled


def test_guests_that_were_there_are_replaced_or_taken_out():
    assert with_guests("|R+[Li] R0|", {"3": "Na:0.5@tl"}) == Word.parse("|R+[Na:0.5@tl] R0|")
    assert with_guests("|R+[Li] R0|", {"3": ""}) == Word.parse("|R+ R0|")
    assert with_guests("|R+[Li] R0|", {"1": "H"}) == Word.parse("|R+[Li] R0[H]|")


@pytest.mark.parametrize(
    ("guests", "message"),
    [
        ({"p": "Na"}, "gaps of kind p, of which the word has none; expected 1 or 3"),
        ({"3": "Li:3"}, r"'Li:3' is no guest: .* guest occupancy is 3\.0"),
        ({"3": "Li] R0[Li"}, "is no guest; expected one as in a word"),
        ({"3": 0.3}, "0.3 is no guest"),
        ({"3": None}, "None is no guest"),
        (["3"], "expected a guest for each gap kind"),
    ],
)
def test_refusals(guests, message):
    with pytest.raises(StructureError, match=message):
        with_guests(FAULT, guests)
