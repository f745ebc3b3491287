"""A mail root for each test."""
import pathlib
import shutil
import tempfile

import pytest

import winpop


@pytest.fixture
def place():
    path = pathlib.Path(tempfile.mkdtemp(prefix="winpop-admin-"))
    p = winpop.Place(path)
    p.init()
    yield p
    shutil.rmtree(path)


@pytest.fixture
def domain(place):
    place.ok("add", "example.com")
    place.ok("add", "kim@example.com", "/createuser", "first")
    return place
