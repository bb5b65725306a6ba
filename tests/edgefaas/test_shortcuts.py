"""Which short cuts past the journey a site leaves room for."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edgefaas.config import parse_site
from edgefaas.shortcuts import shortcuts_of
from edgefaas.site import AccessLogPolicy, ErrorPage, Pretence


@dataclass
class Front:
    """What a front says of itself."""

    steers: bool = False
    takes_all: bool = True
    may_serve: bool = True


PLAIN = replace(parse_site("", folder=Path()), access_log="off")


def open_ones(front: Front, **changes: Any) -> set[str]:
    cuts = shortcuts_of(replace(PLAIN, **changes), front)
    return {name for name in ("hits", "functions", "misses") if getattr(cuts, name)}


def test_a_plain_site_leaves_room_for_all() -> None:
    assert open_ones(Front()) == {"hits", "functions", "misses"}


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"hosts": ("a.example",)}, set()),
        ({"server_timing": "always"}, set()),
        ({"pretence": Pretence()}, set()),
        ({"access_log": "all"}, {"functions", "misses"}),
        ({"access_file": AccessLogPolicy(file=Path("a.log"))}, {"misses"}),
        ({"error_pages": {404: ErrorPage(status=404)}}, {"functions", "misses"}),
        ({"server_timing": "asked", "hosts": ("a.example", "*")}, {"hits", "functions", "misses"}),
    ],
)
def test_what_a_site_asks_of_its_requests_closes_some(changes: dict[str, Any], left: set[str]) -> None:
    assert open_ones(Front(), **changes) == left


@pytest.mark.parametrize(
    ("front", "left"),
    [
        (Front(steers=True, takes_all=False), {"misses"}),
        (Front(takes_all=False), {"hits", "misses"}),
        (Front(takes_all=False, may_serve=False), {"hits"}),
        (Front(steers=True, takes_all=False, may_serve=False), set()),
    ],
)
def test_what_the_front_does_with_requests_closes_some(front: Front, left: set[str]) -> None:
    assert open_ones(front) == left
