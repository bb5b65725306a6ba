"""MaxMind's public test databases, where ``python -m tests.router.maxmind_suite --fetch`` has put them (CI does)."""

import pytest

from tests.router.maxmind_suite import check, fetched


@pytest.mark.slow
def test_every_network_of_the_public_test_databases_answers_its_source_record_and_no_hostile_one_harms() -> (
    None
):
    folder = fetched()
    if folder is None:
        pytest.skip("no test databases: python -m tests.router.maxmind_suite --fetch fetches them from PyPI")
    assert check(folder) == 0
