"""JSON texts that a careless or hostile program may send; some are not quite JSON."""

import json
from collections.abc import Sequence

from hypothesis import strategies as st

Pair = tuple[str, str]
"""A member of a JSON object: its name and its value, both as texts."""

_NUMBERS = (
    "0",
    "-0",
    "1",
    "-1",
    "2.50",
    "1e3",
    "1e308",
    "1e400",
    "-1e400",
    "1e-400",
    "0.1234567890123456789",
    "9007199254740991",
    "9007199254740992",
    "-9007199254740993",
    "9" * 4300,
    "9" * 4301,
)
_STRINGS = (
    '""',
    '"\\u0000"',
    '"\\ud83d\\ude00"',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\ud800"',
    '"\udfff\ud800"',
    '"\u2028\ufffe\x7f\x85"',
    '"constructor"',
    '"__proto__"',
)
_NOT_JSON = ("NaN", "Infinity", "-Infinity", "01", "1.", "+1", "'a'", '"\t"', '"\\x"', "undefined", "", "//")

NESTINGS = st.one_of(
    st.integers(1, 60),
    st.integers(970, 1000),  # around the depth at which Python's reader gives up by default
    st.sampled_from((5_000, 15_000, 100_000)),
)


def _nested(depth: int, left: str, right: str, closed: bool) -> str:
    return left * depth + "0" + (right * depth if closed else "")


NESTED = st.one_of(
    st.builds(_nested, NESTINGS, st.just("["), st.just("]"), st.sampled_from((True, True, True, False))),
    st.builds(_nested, NESTINGS, st.just('{"a":'), st.just("}"), st.sampled_from((True, True, True, False))),
)


def quoted(text: str) -> str:
    """Return a text as a JSON string, with its lone surrogates unescaped."""
    return json.dumps(text, ensure_ascii=False)


def written(pairs: Sequence[Pair]) -> str:
    """Return the JSON object with these members, repeated ones included."""
    return "{" + ",".join(f"{quoted(name)}:{value}" for name, value in pairs) + "}"


NAMES = st.one_of(
    st.sampled_from(
        (
            *(
                "action",
                "requestId",
                "entityId",
                "entityIds",
                "since",
                "channel",
                "roomId",
                "message",
                "detail",
            ),
            *("id", "version"),
        )
    ),
    st.text(max_size=5),
)
SCALARS = st.one_of(
    st.sampled_from(("null", "true", "false", *_NUMBERS, *_STRINGS)),
    st.text(max_size=20).map(quoted),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
)
LONG = st.builds(
    lambda unit, times: quoted(unit * times),
    st.sampled_from(("a", "ü", "\U0001f600", "\x01", "\x7f", "a/", "\\", '"')),
    st.sampled_from((127, 128, 129, 255, 256, 257, 1024, 7_000, 20_000, 65_000, 130_000)),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda values: f"[{','.join(values)}]"),
        st.lists(st.tuples(NAMES, inner), max_size=4).map(written),
    ),
    max_leaves=8,
)
"""JSON texts, with numbers too large for any computer, lone surrogates, and repeated names."""

NASTY = st.one_of(st.sampled_from((*_NUMBERS, *_STRINGS)), NESTED)
"""JSON values that many programs handle wrongly."""

ANY = st.one_of(SCALARS, JSON, JSON, LONG, NESTED, SCALARS | st.sampled_from(_NOT_JSON))
"""All of these, long texts, texts with senseless nesting, and texts that are not JSON."""


def seldom(one_in: int) -> st.SearchStrategy[bool]:
    """Return a strategy that is true once in `one_in` times."""
    return st.sampled_from([False] * (one_in - 1) + [True])


@st.composite
def mutated(draw: st.DrawFn, pairs: Sequence[Pair], values: st.SearchStrategy[str], most: int) -> list[Pair]:
    """Return the members of an object after some mutations: dropped, replaced, repeated, added."""
    members = list(pairs)
    for _ in range(draw(st.integers(0, most))):
        place = draw(st.integers(0, max(0, len(members) - 1)))
        kind = draw(st.sampled_from(("replace", "replace", "drop", "repeat", "add")))
        if kind == "add" or not members:
            members.insert(place, (draw(NAMES), draw(values)))
        elif kind == "drop":
            del members[place]
        elif kind == "repeat":
            members.append((members[place][0], draw(values)))
        else:
            members[place] = (members[place][0], draw(values))
    return members


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """Return a text in which a few characters are cut out, replaced, or inserted."""
    text = draw(texts)
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 3)))
    return text[:start] + draw(st.text(max_size=3)) + text[end:]
