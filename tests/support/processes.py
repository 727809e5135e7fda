"""Read what a process and those that it started have open, from Linux's /proc."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_LISTEN = "0A"


def family_of(pid: int) -> list[int]:
    """Return ``pid`` and every process below it."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        parents.setdefault(int(fields[1]), []).append(int(status.parent.name))
    family = [pid]
    for member in family:
        family += parents.get(member, [])
    return family


def ports_of(pids: list[int]) -> set[int]:
    """Return the TCP ports that any of ``pids`` listens on."""
    inodes = {inode for pid in pids for inode in _sockets_of(pid)}
    return {port for _, port, inode in _listeners() if inode in inodes}


def listening_at(port: int | None) -> list[str]:
    """Return the addresses that ``port`` is listened on; one of IPv6 that stands for one of IPv4 is that."""
    return sorted({address for address, at, _ in _listeners() if at == port})


def _sockets_of(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            yield target.removeprefix("socket:[").removesuffix("]")


def _listeners() -> Iterator[tuple[str, int, str]]:
    """Yield address, port and inode of each listening TCP socket of this machine."""
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                address, port = fields[1].split(":")
                yield _text(address), int(port, 16), fields[9]


def _text(address: str) -> str:
    """Read an address: words of four bytes, each in the order of this machine."""
    words = (int(address[start : start + 8], 16) for start in range(0, len(address), 8))
    packed = b"".join(struct.pack("=I", word) for word in words)
    if packed.startswith(b"\0" * 10 + b"\xff\xff"):
        packed = packed[-4:]
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
