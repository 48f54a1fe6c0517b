"""For every kind of test here: a test that hangs is a failure, not a night."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))
