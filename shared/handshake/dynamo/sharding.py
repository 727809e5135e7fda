"""Shards: how one busy partition is spread over a fixed number of them."""

import zlib
from typing import NamedTuple


class Shard(NamedTuple):
    """A sequence that keeps its order: one partition of one stream.

    A restored table has a stream of its own, whose sequence begins anew, so a shard is never resumed there.
    """

    stream: str
    partition: str


def shard(key: str, count: int) -> int:
    """Give the shard of ``key`` among ``count``, the same one for ever."""
    return zlib.crc32(key.encode()) % count
