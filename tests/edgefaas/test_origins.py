"""Which origin is asked, and what a function may say to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import OriginError
from edgefaas.events import CustomOrigin, OriginUpdate
from edgefaas.origins import FRAMING, resolve
from edgefaas.site import Behaviour, UrlOrigin

BEHAVIOUR = Behaviour(pattern="*", origin="app")
ORIGINS = {"app": UrlOrigin(name="app", url="http://a.example")}
names = st.sampled_from(sorted(FRAMING)).flatmap(
    lambda name: st.sampled_from([name, name.upper(), name.title()])
)


@given(names)
def test_a_function_cannot_frame_requests_anew_for_the_origin_it_chose(name: str) -> None:
    fields = {"X-Fine": "1", name: "chunked"}
    for change in (
        CustomOrigin(domain_name="b.example", custom_headers=fields),
        OriginUpdate(custom_headers=fields),
    ):
        with pytest.raises(OriginError):
            resolve(ORIGINS, BEHAVIOUR, change, None)


def test_other_fields_for_an_origin_are_sent() -> None:
    change = OriginUpdate(custom_headers={"X-Fine": "1"})
    origin = resolve(ORIGINS, BEHAVIOUR, change, None)
    assert isinstance(origin, UrlOrigin)
    assert origin.headers == {"X-Fine": "1"}
