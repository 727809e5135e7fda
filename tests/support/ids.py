"""Ids as callers may choose them, in any script."""

from typing import Final

from hypothesis import strategies as st

from handshake.core.text import id_fault

IDS: Final = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20).filter(
    lambda text: id_fault(text) is None
)
