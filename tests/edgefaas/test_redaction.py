"""What functions say is without their secrets, and otherwise as they said it."""

import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from edgefaas.contract import LiveFunction
from edgefaas.redaction import MASK, SHORT, redacted, without
from sandbox.contract import Kind

plain = st.text(st.characters(codec="utf-8", exclude_characters="*"), max_size=30)
secret = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=SHORT, max_size=30)


@given(before=plain, values=st.lists(secret, min_size=1, max_size=4), after=plain)
def test_no_secret_stays_in_a_text(before: str, values: list[str], after: str) -> None:
    for value in values:
        for form in (value, json.dumps(value), quote(value, safe=""), f"{value}{value}"):
            said = without(f"{before}{form}{after}", tuple(values))
            assert value not in said
            assert MASK in said


@given(text=plain, values=st.lists(secret, max_size=3))
def test_a_text_without_secrets_stays_as_it_is(text: str, values: list[str]) -> None:
    forms = [part for value in values for part in (value, *value.splitlines())]
    spelt = {spell(form) for form in forms for spell in (str, lambda f: json.dumps(f)[1:-1], quote)}
    if not any(form and form in text for form in spelt):
        assert without(text, tuple(values)) == text


def test_a_secret_that_contains_another_goes_whole() -> None:
    assert without("<abcdefghi> <abcdef>", ("abcdef", "abcdefghi")) == f"<{MASK}> <{MASK}>"


def test_each_line_of_a_secret_of_several_is_masked() -> None:
    key = "-----BEGIN KEY-----\nMIIBVgIBADANBgkq\n-----END KEY-----\n"
    assert without("it is MIIBVgIBADANBgkq", (key,)) == f"it is {MASK}"


def test_what_is_too_short_is_left_and_what_is_just_long_enough_is_not() -> None:
    assert without("1 of 12345 or 123456", ("1", "12345", "123456")) == f"1 of 12345 or {MASK}"


def test_only_what_is_a_secret_is_masked() -> None:
    function = LiveFunction(
        name="f",
        version="",
        kind=Kind.JS,
        artifact="",
        environment={"OPEN": "everybody knows", "HIDDEN": "nobody knows"},
        secrets=("HIDDEN",),
    )
    assert redacted(function, "everybody knows, nobody knows") == f"everybody knows, {MASK}"
