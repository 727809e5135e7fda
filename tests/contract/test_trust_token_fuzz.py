"""Contract section 2: no text, no alteration and no claim makes a token that the trusted edge did not."""

from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.support.service import InProcess, token
from tests.support.tokens import EXPIRED, INVALID, NOW_S, claims, forged, present


@given(
    text=st.one_of(
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=80).filter(str.strip),
        st.text(min_size=1, max_size=20).filter(str.strip),
        st.tuples(*[st.text("Ab1-_=.é", max_size=12)] * 3).map(".".join),
    )
)
@example(text="..")
@example(text="." * 4096)
@example(text="x" * 5000)
@settings(max_examples=60)
def test_text_is_no_token(in_process: InProcess, text: str) -> None:
    assert present(in_process, text).outcome == INVALID


@given(data=st.data())
@settings(max_examples=60)
def test_a_token_changed_anywhere_is_invalid(in_process: InProcess, data: st.DataObject) -> None:
    shown = token(in_process)
    start = data.draw(st.integers(0, len(shown) - 1))
    stop = data.draw(st.integers(start, len(shown)))
    inserted = data.draw(st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), max_size=6))
    changed = shown[:start] + inserted + shown[stop:]

    assume(changed != shown and changed.strip())
    assert present(in_process, changed).outcome == INVALID


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(st.text(max_size=4), children, max_size=2),
    max_leaves=4,
)


@given(claim=st.sampled_from(["iss", "aud", "sub", "iat", "exp", "jti"]), value=_anything)
@settings(max_examples=60)
def test_a_signed_claim_of_any_other_value_is_refused(at_noon: InProcess, claim: str, value: Any) -> None:
    usable = {"iat": (NOW_S - 700, NOW_S + 30), "exp": (NOW_S - 30, NOW_S + 900)}.get(claim)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    assume(not (usable and number and usable[0] <= value <= usable[1]))
    assume(claim != "jti" or not isinstance(value, str) or len(value) < 8)

    reply = present(at_noon, forged(at_noon, claims(NOW_S) | {claim: value}))

    assert reply.outcome in (INVALID, EXPIRED)


@given(name=st.text(max_size=12), value=_anything)
@settings(max_examples=25)
def test_claims_beyond_the_contract_change_nothing(at_noon: InProcess, name: str, value: Any) -> None:
    assume(name not in {*claims(), "principalId", "traceId", "nbf"})

    assert present(at_noon, forged(at_noon, claims(NOW_S) | {name: value})).status == 200


@given(header=st.dictionaries(st.sampled_from(["alg", "typ", "crit", "kid", "jwk"]), _anything, max_size=4))
@settings(max_examples=40)
def test_a_signed_header_of_any_other_value_is_invalid(in_process: InProcess, header: dict[str, Any]) -> None:
    assume(header.get("alg") != "HS256" or header.get("typ") != "JWT")

    assert present(in_process, forged(in_process, claims(), header)).outcome == INVALID
