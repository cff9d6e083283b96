from typing import Any

import pytest
from entity_push.protocol.json_paths import InvalidPathError, JsonPath, Template, UnfitValueError
from hypothesis import given
from hypothesis import strategies as st

EVENT: dict[str, Any] = {
    "resources": ["arn:aws:s3:::b", "second"],
    "detail": {
        "order": {"id": 7, "a.b": {"c d": "x"}, "lines": [{"sku": "s1"}]},
        "key": "may/sales.pdf",
        "none": None,
        "yes": True,
        "half": 0.5,
        "empty": "",
        "detail-type": "d",
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.detail.order.id", 7),
        ("$.resources[0]", "arn:aws:s3:::b"),
        ("$.detail.order.lines[0].sku", "s1"),
        ("$.detail.order['a.b'][\"c d\"]", "x"),
        ("$.detail.detail-type", "d"),
        ("$['detail']['none']", None),
    ],
)
def test_a_path_finds_its_value(path: str, value: Any) -> None:
    assert JsonPath.parse(path).find(EVENT) == value


@pytest.mark.parametrize(
    "path",
    [
        "$.detail.missing",
        "$.resources[2]",
        "$.resources.first",
        "$.detail[0]",
        "$.detail.key.x",
        "$.detail.none.x",
    ],
)
def test_what_is_not_there_is_said_to_be_missing(path: str) -> None:
    with pytest.raises(UnfitValueError, match="is missing") as raised:
        JsonPath.parse(path).find(EVENT)
    assert path in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "detail.x",
        "$detail",
        "$.",
        "$..x",
        "$.x[",
        "$.x[-1]",
        "$.x['a]",
        "$.a b",
        "$.x[*]",
        None,
        7,
        ["$"],
    ],
)
def test_what_is_no_path_is_refused_with_the_rule(text: object) -> None:
    with pytest.raises(InvalidPathError, match="A path is like"):
        JsonPath.parse(text)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("plain", "plain"),
        ("orders/{$.detail.order.id}", "orders/7"),
        ("files/{+$.detail.key}", "files/may/sales.pdf"),
        ("{$.detail.order['a.b']['c d']}:{$.detail.order.id}", "x:7"),
    ],
)
def test_a_template_is_filled(template: str, filled: str) -> None:
    assert Template.parse(template).fill(EVENT) == filled


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{$.detail.nothing}", "$.detail.nothing is missing"),
        ("{$.detail.none}", "is null"),
        ("{$.detail.yes}", "is a boolean"),
        ("{$.detail.half}", "is a number with a fraction"),
        ("{$.detail.empty}", "is an empty text"),
        ("{$.detail.order}", "is an object"),
        ("{$.resources}", "is a list"),
        ("{$.detail.key}", "write {+$.detail.key}"),
    ],
)
def test_a_value_that_is_no_part_of_an_id_is_named_by_its_path(template: str, says: str) -> None:
    with pytest.raises(UnfitValueError) as raised:
        Template.parse(template).fill(EVENT)
    assert says in str(raised.value)


@pytest.mark.parametrize("text", ["{", "}", "a{$.x", "a}b", "{$.x}}", "{}", "{x}", "{{$.x}}", "{+}", None, 7])
def test_what_is_no_template_is_refused(text: object) -> None:
    with pytest.raises(InvalidPathError):
        Template.parse(text)


@given(st.text(min_size=1))
def test_a_value_is_data_whatever_is_in_it(value: str) -> None:
    event = {"detail": {"id": value, "other": "no"}}
    assert Template.parse("a/{+$.detail.id}/b").fill(event) == f"a/{value}/b"
