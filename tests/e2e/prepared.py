"""Targets that a real Synapse prepared: fixtures, to be imported by name."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

import homeserver
from conftest import Database, Server
from synapse_kit.configuration import Installation


@pytest.fixture(scope="module")
def template(synapse: Installation, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A prepared database, to be copied."""
    database = Database(postgres, postgres.create())
    homeserver.on_postgres(synapse, tmp_path_factory.mktemp("template"), database).prepare()
    database.settle()
    yield database.name
    postgres.drop(database.name)


@pytest.fixture
def target(template: str, postgres: Server) -> Iterator[Database]:
    name = postgres.create(f"TEMPLATE {template}")
    yield Database(postgres, name)
    postgres.drop(name)
