import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stackmotif.matching import identify
from synthetic_result import make_result, square_micrograph


@pytest.fixture(scope="session")
def result():
    return make_result()


@pytest.fixture(scope="session")
def failed():
    found = identify(square_micrograph())
    assert found.status == "failed"
    return found
