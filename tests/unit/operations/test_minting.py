"""What is in a token, and what can't be minted."""

import time

import jwt
import pytest

from operations.minting import MAX_SECONDS, MintingError, TokenSigner, mint

SECRET = "s" * 64
OUTPUTS = {
    "Authorization": "jwt",
    "TokenIssuer": "entity-push",
    "TokenAudience": "EntityPush",
    "TokenClaims": '{"user":"sub","subscribe":"subscribe","publish":"publish"}',
    "TokenSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:tokens",
}


class Secrets:
    """Secrets Manager with one secret."""

    def __init__(self) -> None:
        self.reads = 0

    def get_secret_value(self, **arguments: str) -> dict[str, str]:
        assert arguments == {"SecretId": OUTPUTS["TokenSecretArn"]}, "the default is AWSCURRENT"
        self.reads += 1
        return {"SecretString": SECRET}


def minted(**overrides: object) -> str:
    options: dict[str, object] = {"user": "alice", "issuer": "i", "audience": "a", **overrides}
    return mint(SECRET, **options)  # type: ignore[arg-type]


def test_a_token_says_who_it_is_for_and_what_they_may_do_and_until_when() -> None:
    token = minted(subscribe=["orders/*"], publish=["*"], seconds=90.5, now=1_000_000.75)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(token, SECRET, ["HS256"], options={"verify_exp": False, "verify_aud": False})
    assert claims == {
        **{"sub": "alice", "iss": "i", "aud": "a", "subscribe": ["orders/*"], "publish": ["*"]},
        **{"iat": 1_000_000, "exp": 1_000_092},
    }


def test_a_token_is_good_for_an_hour_from_now() -> None:
    before = time.time()
    claims = jwt.decode(minted(), SECRET, ["HS256"], audience="a")
    assert before - 1 <= claims["iat"] <= time.time()
    assert 3600 <= claims["exp"] - claims["iat"] <= 3601
    assert (claims["subscribe"], claims["publish"]) == ([], []), "nothing is granted that was not asked for"


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"user": ""}, "user id is"),
        ({"user": "a\nb"}, "user id is"),
        ({"subscribe": ["orders\n"]}, "A grant is"),
        ({"publish": [""]}, "A grant is"),
        ({"subscribe": ["x" * 257]}, "A grant is"),
        ({"subscribe": ["x" * 250] * 30}, "at most 6000"),
        ({"seconds": 0}, "minutes"),
        ({"seconds": -1}, "minutes"),
        ({"seconds": float("nan")}, "minutes"),
        ({"seconds": MAX_SECONDS + 1}, "minutes"),
    ],
    ids=str,
)
def test_what_would_be_refused_is_not_minted(overrides: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        minted(**overrides)


def test_a_signer_reads_the_secret_once_for_many_tokens_and_does_not_show_it() -> None:
    secrets = Secrets()
    signer = TokenSigner.of(OUTPUTS, secrets)
    for user in ("alice", "bob"):
        token = signer.token(user, subscribe=["*"], seconds=60)
        claims = jwt.decode(token, SECRET, ["HS256"], audience="EntityPush", issuer="entity-push")
        assert (claims["sub"], claims["subscribe"], claims["publish"]) == (user, ["*"], [])
        assert 60 <= claims["exp"] - claims["iat"] <= 61
    assert secrets.reads == 1
    assert SECRET not in repr(signer)


@pytest.mark.parametrize(
    "text", ['{"user":"name","subscribe":"https://x/listen","publish":"{p}"}', "name https://x/listen {p}"]
)
def test_the_claims_have_the_names_that_the_stack_tells_in_json_or_as_three_words(text: str) -> None:
    token = TokenSigner.of({**OUTPUTS, "TokenClaims": text}, Secrets()).token("alice", subscribe=["a"])
    claims = jwt.decode(token, SECRET, ["HS256"], audience="EntityPush")
    assert (claims["name"], claims["https://x/listen"], claims["{p}"]) == ("alice", ["a"], [])


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (
            {
                "Authorization": "oidc",
                "TokenIssuer": "https://id.example",
                "TokenAudience": "push",
                "TokenClaims": "sub subscribe publish",
            },
            "get a token for the audience push there",
        ),
        ({"Authorization": "none"}, "connect without one"),
        ({"WebSocketUrl": "wss://x"}, "no output Authorization"),
    ],
    ids=["oidc", "none", "something else"],
)
def test_without_a_secret_it_says_what_to_do_instead(outputs: dict[str, str], says: str) -> None:
    with pytest.raises(MintingError, match=says):
        TokenSigner.of(outputs, Secrets())
