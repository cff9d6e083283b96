import unicodedata

import pytest
from entity_push.protocol.ids import (
    InvalidEntityIdError,
    InvalidOwnIdError,
    InvalidUserIdError,
    checked_entity_id,
    checked_own_id,
    checked_pattern,
    checked_user_id,
    is_pattern,
)
from hypothesis import given
from hypothesis import strategies as st

GOOD = [
    "e1",
    "orders/42",
    "a" * 256,
    "é" * 256,
    "USER#123",
    "auth0|6012",
    "gid://shop/Order/1",
    "https://example.com/orders?id=1&x=%20#top",
    "Q3 report (final).pdf",
    "/aws/lambda/",
    "//",
    "注文/42",
    "e\u0301",  # not the same as é: ids are compared as they are
    "\u202eabc",
    "**",
    "a*",
    "*/a",
    "#everyone/else",
    " ",
    "😀" * 128,
    "\x20\x7e\xa0",  # beside the control characters
    "\ud7ff\ue000",  # beside the surrogates
    "\ufdcf\ufdf0\ufffd\U00010000",  # beside the noncharacters
]
BAD: list[object] = [
    "",
    "*",
    "/*",
    "a/*",
    "#everyone",
    "a" * 257,
    "注" * 171,
    "😀" * 129,
    "a\n",
    "\x00",
    "\x1f",
    "\x85",
    "\x7f",
    "\x9f",
    "\ud800",
    "\udfff",
    "\ufdd0",
    "\ufdef",
    "\ufffe",
    "\uffff",
    "\U0010fffe",
    None,
    7,
    True,
    ["e1"],
    {},
]


@pytest.mark.parametrize("entity_id", GOOD)
def test_an_entity_id_is_returned_as_it_is(entity_id: str) -> None:
    assert checked_entity_id(entity_id) == entity_id


@pytest.mark.parametrize("entity_id", BAD, ids=repr)
def test_anything_else_is_refused_with_the_rule(entity_id: object) -> None:
    with pytest.raises(InvalidEntityIdError, match="1 to 256 characters"):
        checked_entity_id(entity_id)


def is_noncharacter(character: str) -> bool:
    return ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF


ODD = st.sampled_from(
    ["*", "/*", "#everyone", "\ufdd0", "\ufffe", "\U0001ffff", "\x85", "/", "é" * 200, "a" * 256]
)


@given(st.text(max_size=300) | ODD | st.tuples(st.text(max_size=3), ODD).map("".join))
def test_what_is_accepted_is_what_the_documentation_says(text: str) -> None:
    documented = (
        1 <= len(text) <= 256
        and len(text.encode(errors="surrogatepass")) <= 512
        and not any(unicodedata.category(c) in ("Cc", "Cs") or is_noncharacter(c) for c in text)
        and text not in ("*", "#everyone")
        and not text.endswith("/*")
    )
    try:
        checked_entity_id(text)
        accepted = True
    except InvalidEntityIdError:
        accepted = False
    assert accepted == documented


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "orders/*",
        "a/b/c/d/e/*",
        "user@example.com/*",
        "/*",
        "a//*",
        "gid://shop/Order/*",
        "a b/*",
        "a/*/*",
    ],
)
def test_a_pattern_is_returned_as_it_is(pattern: str) -> None:
    assert is_pattern(pattern)
    assert checked_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["**", "a/b/c/d/e/f/*", "/////f/*", "a\n/*", "a" * 257 + "/*", "é" * 256 + "a/*", "a", "", None, 7],
)
def test_what_is_no_pattern_is_refused_with_the_rule(pattern: object) -> None:
    with pytest.raises(InvalidEntityIdError, match="A pattern is"):
        checked_pattern(pattern)


@given(st.text(max_size=300))
def test_a_user_id_is_what_the_documentation_says(text: str) -> None:
    documented = 1 <= len(text) <= 256 and not any(unicodedata.category(c) in ("Cc", "Cs") for c in text)
    try:
        assert checked_user_id(text) == text
        accepted = True
    except InvalidUserIdError:
        accepted = False
    assert accepted == documented


@pytest.mark.parametrize(
    "value", [None, "", 7, True, ["alice"], {}, b"alice", "a" * 257, "a\nb", "\x00", "\x7f", "\x85", "\ud800"]
)
def test_what_is_no_user_id_is_refused_with_the_rule(value: object) -> None:
    with pytest.raises(InvalidUserIdError, match="1 to 256 characters"):
        checked_user_id(value)


@pytest.mark.parametrize(
    "own_id", ["x", "x" * 128, " ", "a b", "é", "e\u0301", "注文/42", "😀", "*", "#everyone"]
)
def test_an_id_of_ones_own_is_returned_as_it_is(own_id: str) -> None:
    assert checked_own_id(own_id) == own_id


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "is null, not a string"),
        (7, "is a number, not a string"),
        ("", "is empty"),
        ("x" * 129, "has 129 characters"),
        ("a\n", "U+000A"),
        ("a\u00a0b", "U+00A0"),
        ("\u202e", "U+202E"),
        ("\ud800", "U+D800"),
        ("\uffff", "U+FFFF"),
    ],
)
def test_any_other_id_of_ones_own_is_refused_with_its_fault_and_the_rule(value: object, fault: str) -> None:
    with pytest.raises(InvalidOwnIdError) as raised:
        checked_own_id(value)
    assert fault in str(raised.value)
    assert "1 to 128 printable characters" in str(raised.value)
