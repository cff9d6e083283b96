from typing import Any

import pytest
from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.grants import EVERYTHING, Grants
from hypothesis import given
from hypothesis import strategies as st

BEARER = Bearer("alice", Grants(("orders/*",), ()), 1_800_000_000)


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=256),
    st.integers(0, 253_402_300_799),
)
def test_a_bearer_survives_the_way_to_the_functions(user_id: str, expires: int) -> None:
    bearer = Bearer(user_id, BEARER.grants, expires)
    context = bearer.to_context()
    assert all(isinstance(value, str) for value in context.values())
    assert Bearer.from_context(context) == bearer
    assert Bearer.from_context({**context, "principalId": user_id, "integrationLatency": 7}) == bearer


@pytest.mark.parametrize("field", ["userId", "grants", "expires"])
@pytest.mark.parametrize("value", [None, "", 7, True, [], "null", "\x00"], ids=repr)
def test_an_incomplete_context_is_nobodys(field: str, value: Any) -> None:
    context: dict[str, Any] = BEARER.to_context()
    if not (field == "userId" and value == "null"):
        with pytest.raises(ValueError, match=r".+"):
            Bearer.from_context({**context, field: value})
    del context[field]
    with pytest.raises(KeyError, match=field):
        Bearer.from_context(context)


@pytest.mark.parametrize(
    "expires", ["9" * 13, "9" * 4300, "-1", "+1", " 1", "1\n", "1_000", "\u0661", "1.5", "1e3"], ids=ascii
)
def test_an_end_that_no_authorizer_writes_is_none(expires: str) -> None:
    with pytest.raises(ValueError, match="seconds"):
        Bearer.from_context({**BEARER.to_context(), "expires": expires})


def test_nobody_has_no_context() -> None:
    assert Bearer(None, EVERYTHING, None) == ANONYMOUS
    with pytest.raises(ValueError, match="token"):
        ANONYMOUS.to_context()
