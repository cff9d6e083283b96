import contextlib
import json

import pytest
from entity_push.auth.grants import EVERYTHING, MAX_GRANTS_BYTES, Grants, InvalidGrantError, covers
from entity_push.protocol import strict_json
from hypothesis import given
from hypothesis import strategies as st

# Few segments, so that ids and patterns often meet.
SEGMENTS = st.lists(st.sampled_from(["a", "b", "ab", "", "é", "a b", "#"]), min_size=1, max_size=4)
ENTITY_IDS = SEGMENTS.map("/".join).filter(bool)
PATTERNS = st.one_of(st.just("*"), ENTITY_IDS, ENTITY_IDS.map(lambda entity_id: f"{entity_id}/*"))
GRANTS = st.builds(Grants, st.lists(PATTERNS).map(tuple), st.lists(PATTERNS).map(tuple))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def names(pattern: str, entity_id: str) -> bool:
    """Say whether a pattern names an entity, segment by segment, as the documentation has it."""
    granted, segments = pattern.split("/"), entity_id.split("/")
    if granted[-1] != "*":
        return granted == segments
    above = granted[:-1]
    return len(segments) > len(above) and segments[: len(above)] == above


@given(PATTERNS, ENTITY_IDS)
def test_a_pattern_covers_the_entities_that_it_names(pattern: str, entity_id: str) -> None:
    assert covers(pattern, entity_id) == names(pattern, entity_id)


@given(PATTERNS, PATTERNS, ENTITY_IDS)
def test_what_covers_a_pattern_covers_every_entity_of_it(pattern: str, wanted: str, entity_id: str) -> None:
    if covers(pattern, wanted) and names(wanted, entity_id):
        assert names(pattern, entity_id)


@given(PATTERNS, PATTERNS)
def test_what_does_not_cover_a_pattern_lacks_an_entity_of_it(pattern: str, wanted: str) -> None:
    # If any entity of `wanted` is missing in `pattern`, it is one of these: `x` is in no drawn pattern.
    entities = [wanted.replace("*", "x"), wanted.replace("*", "x/x")]
    assert covers(pattern, wanted) == all(names(pattern, entity_id) for entity_id in entities)


@pytest.mark.parametrize(
    ("pattern", "wanted", "covered"),
    [
        ("orders/*", "orders/1", True),
        ("orders/*", "orders/1/lines/2", True),
        ("orders/*", "orders/*", True),
        ("orders/*", "orders/1/*", True),
        ("orders/*", "orders", False),
        ("orders/*", "orders2/1", False),
        ("orders/*", "Orders/1", False),
        ("orders/*", "*", False),
        ("orders/1", "orders/1", True),
        ("orders/1", "orders/1/*", False),
        ("orders/1", "orders/12", False),
        ("*", "orders", True),
        ("*", "*", True),
    ],
)
def test_the_documented_examples(pattern: str, wanted: str, covered: bool) -> None:
    assert covers(pattern, wanted) is covered


def test_grants_for_subscribing_and_publishing_are_apart() -> None:
    grants = Grants.from_claims(["orders/*"], "rides/1  rides/2/* ")
    assert grants == Grants(("orders/*",), ("rides/1", "rides/2/*"))
    assert grants.may_subscribe("orders/1")
    assert not grants.may_publish("orders/1")
    assert grants.may_publish("rides/2/3")
    assert not grants.may_subscribe("rides/2/3")


@pytest.mark.parametrize("claim", [None, [], "", "  "], ids=repr)
def test_without_a_grant_nothing_is_allowed(claim: object) -> None:
    assert Grants.from_claims(claim, claim) == Grants()
    assert not Grants().may_subscribe("e1")
    assert not Grants().may_publish("e1")


def test_a_text_is_split_at_spaces_only_and_a_list_not_at_all() -> None:
    assert Grants.from_claims("team a/* b\u00a0c", ["team a/*"]) == Grants(
        ("team", "a/*", "b\u00a0c"), ("team a/*",)
    )


def test_everything_is_everything() -> None:
    for wanted in ("e1", "a/b/c", "a/*", "*"):
        assert EVERYTHING.may_subscribe(wanted)
        assert EVERYTHING.may_publish(wanted)


BAD: list[object] = [
    *(7, True, 1.5, {}, {"a": 1}, b"e1", ("e1",)),
    *([""], ["e1", None], [["e1"]], [7]),
    *(["\ud800"], ["a\n"], ["\ufffe"], ["é" * 257], ["a" * 257], ["a" * 257 + "/*"], ["é" * 256 + "a/*"]),
    *("a\tb", "a,\x00b", "x" * 257),
]


@pytest.mark.parametrize("claim", BAD, ids=repr)
def test_anything_else_is_refused_with_the_rule(claim: object) -> None:
    for subscribe, publish in ((claim, None), (None, claim)):
        with pytest.raises(InvalidGrantError, match="A grant is an entityId"):
            Grants.from_claims(subscribe, publish)


@given(JSON, JSON)
def test_any_claim_is_grants_or_a_refusal(subscribe: object, publish: object) -> None:
    try:
        grants = Grants.from_claims(subscribe, publish)
    except InvalidGrantError:
        return
    assert Grants.from_json(grants.to_json()) == grants


@given(GRANTS)
def test_grants_survive_the_way_to_the_functions(grants: Grants) -> None:
    text = grants.to_json()
    assert text.isascii()
    assert Grants.from_json(text) == grants


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", '"*"', "NaN", "[" * 100_000],
    ids=lambda text: text[:30],
)
def test_what_is_no_grants_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidGrantError):
        Grants.from_json(text)


@pytest.mark.parametrize(
    ("text", "grants"),
    [
        ("{}", Grants()),
        ('{"subscribe":["*"]}', Grants(("*",))),
        ('{"publish":["a"]}', Grants((), ("a",))),
        ('{"subscribe":["a"],"publish":["b"],"presence":["c"]}', Grants(("a",), ("b",))),
        ('{"subscribe":7,"publish":["b"]}', Grants((), ("b",))),
        ('{"subscribe":["a",7,null],"publish":null}', Grants(("a",))),
    ],
)
def test_grants_that_another_version_stored_are_read_and_grant_nothing_more(
    text: str, grants: Grants
) -> None:
    assert Grants.from_json(text) == grants


def test_grants_are_not_read_anew_for_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Grants(("orders/7", "not-read-before")).to_json()
    first = Grants.from_json(text)
    monkeypatch.setattr(strict_json, "loads", lambda _text: pytest.fail("it was read again"))
    assert Grants.from_json(text) == first


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_grants_or_a_refusal(text: str) -> None:
    with contextlib.suppress(InvalidGrantError):
        assert isinstance(Grants.from_json(text), Grants)


def test_grants_that_do_not_fit_are_refused_with_their_size() -> None:
    # Short patterns are the worst: each of them is quoted, and its quotes are quoted again on the way.
    for pattern in ("a", "a" * 250):
        fits = next(count for count in range(3000) if not fit([pattern] * (count + 1)))
        carried = len(json.dumps({"grants": Grants.from_claims([pattern] * fits, None).to_json()}))
        assert MAX_GRANTS_BYTES - 300 < carried < MAX_GRANTS_BYTES + 20
        with pytest.raises(InvalidGrantError, match=f"bytes, and at most {MAX_GRANTS_BYTES} fit"):
            Grants.from_claims(None, [pattern] * (fits + 1))


def fit(patterns: list[str]) -> bool:
    try:
        Grants.from_claims(patterns, None)
    except InvalidGrantError:
        return False
    return True
