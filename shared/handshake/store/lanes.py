"""Lanes: how one busy partition is spread over a fixed number of them."""

import zlib


def lane(key: str, count: int) -> int:
    """The lane of ``key`` among ``count``, the same one for ever."""
    return zlib.crc32(key.encode()) % count
