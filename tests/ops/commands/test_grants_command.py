"""ops grants rotate-key: the next step of a rotation, by the keys there are and how old they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.trust.grant_signer import PUBLISHED_BEFORE_SIGNING_MS, SigningKey, key_that_signs
from ops.commands.grants import next_step

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def _keys(**made_at_ms: int) -> dict[str, SigningKey]:
    return {place: SigningKey(f"key/{place}", at_ms) for place, at_ms in made_at_ms.items()}


@pytest.mark.parametrize("place", ["first", "second"])
def test_a_rotation_begins_with_the_key_of_the_other_place(place: str) -> None:
    assert next_step(_keys(**{place: 0}), now_ms=DAY_MS).grant_keys == "both"


@given(age_ms=st.integers(0, 10 * DAY_MS), newer=st.sampled_from(["first", "second"]))
def test_the_old_key_is_dropped_once_the_other_has_signed_for_a_day(age_ms: int, newer: str) -> None:
    older = {"first": "second", "second": "first"}[newer]
    keys = _keys(**{older: 0, newer: 100 * DAY_MS})
    now = 100 * DAY_MS + age_ms

    step = next_step(keys, now_ms=now)

    assert step.grant_keys == (newer if age_ms >= PUBLISHED_BEFORE_SIGNING_MS + DAY_MS else None)
    if step.grant_keys:
        assert key_that_signs(list(keys.values()), now_ms=now - DAY_MS) == keys[newer]
