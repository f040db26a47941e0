"""A dozen seeds of the fault harness; tests/fault/run does any number."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

import harness
import server


@pytest.fixture(scope="module")
def harnessed() -> Iterator[harness.Harness]:
    with server.running() as running:
        made = harness.Harness(running, harness.SIZES["small"])
        yield made
        made.close()
        print(harness.summary(made.stories))


@pytest.mark.parametrize("seed", range(1, 13))
def test_seed(harnessed: harness.Harness, seed: int) -> None:
    """Again by hand: tests/fault/run --seed N."""
    harnessed.stories.append(harnessed.run(seed))
