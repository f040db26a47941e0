"""A dozen seeds of the fault harness; tests/fault/run does any number."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

import disturbance
import dump_trouble
import harness
import server
from proxy import Aim


@pytest.fixture(scope="module")
def harnessed() -> Iterator[harness.Harness]:
    with server.running() as running, contextlib.closing(harness.Harness(running)) as made:
        yield made
        print(harness.summary(made.stories, made.counts))


@pytest.mark.parametrize("seed", range(1, 13))
def test_seed(harnessed: harness.Harness, seed: int) -> None:
    """Again by hand: tests/fault/run --seed N."""
    harnessed.stories.append(harnessed.run(seed))


def test_a_database_without_room(harnessed: harness.Harness) -> None:
    """The tablespace is full from the start; with room again the same command goes on."""
    if harnessed.space is None:
        pytest.skip(harnessed.no_space)
    story = harnessed.run_plan(0, [disturbance.Disturbance("full", Aim(phase, 1, "before"), 0) for phase in (None, "load")])
    assert any("status 8" in line for line in story.lines), story.lines


def test_a_dump_without_room(harnessed: harness.Harness) -> None:
    """No file of that name appears; with room again the dump has the same bytes."""
    if harnessed.dump_space is None:
        pytest.skip(harnessed.no_space)
    for share in (0.0, 0.3, 0.9):
        assert dump_trouble.break_off(harnessed.source, "full", share, harnessed.dump_space) == ""
