"""Where an HDF5 file's metadata lie, and their checksums: what a change must mend to get past them."""

import struct
from typing import NamedTuple

MASK = 0xFFFFFFFF
TIMES, PHASES, SIZE_BYTES = 0x20, 0x10, 0x03  # flags of an object header


class Block(NamedTuple):
    """A block of metadata: its checksum is its last four bytes."""

    start: int
    end: int


def blocks(content: bytes) -> list[Block]:
    """Object headers and their continuations whose checksums hold."""
    found = [_header(content, place) for place in _places(content, b"OHDR")]
    found += [_continuation(content, place) for place in _places(content, b"OCHK")]
    return [b for b in found if b.end <= len(content) and checksum(content[b.start : b.end - 4]) == _told(content, b)]


def mended(content: bytearray, block: Block) -> bytearray:
    """The content with the checksum that the block has now."""
    content[block.end - 4 : block.end] = struct.pack("<I", checksum(bytes(content[block.start : block.end - 4])))
    return content


def _places(content: bytes, name: bytes) -> list[int]:
    places, at = [], content.find(name)
    while at >= 0:
        places.append(at)
        at = content.find(name, at + 1)
    return places


def _told(content: bytes, block: Block) -> int:
    return int.from_bytes(content[block.end - 4 : block.end], "little")


def _header(content: bytes, place: int) -> Block:
    flags = content[place + 5] if place + 5 < len(content) else 0
    at = place + 6 + (16 if flags & TIMES else 0) + (4 if flags & PHASES else 0)
    width = 1 << (flags & SIZE_BYTES)
    return Block(place, at + width + int.from_bytes(content[at : at + width], "little") + 4)


def _continuation(content: bytes, place: int) -> Block:
    """Its length is written beside its address, in the block that it goes on with."""
    pointer = content.find(struct.pack("<Q", place))
    return Block(place, place + int.from_bytes(content[pointer + 8 : pointer + 16], "little"))


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (32 - by)) & MASK


def checksum(content: bytes) -> int:
    """Jenkins' lookup3, as HDF5 takes it of its metadata."""
    a = b = c = (0xDEADBEEF + len(content)) & MASK
    words = [w for (w,) in struct.iter_unpack("<I", content + bytes(-len(content) % 12))]
    triples = [words[i : i + 3] for i in range(0, len(words), 3)]
    for x, y, z in triples[:-1]:
        a, b, c = _mixed((a + x) & MASK, (b + y) & MASK, (c + z) & MASK)
    if not triples:
        return c
    x, y, z = triples[-1]
    return _ended((a + x) & MASK, (b + y) & MASK, (c + z) & MASK)


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for by in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & MASK) ^ _rotated(c, by)
        a, b, c = b, (c + b) & MASK, a  # the roles turn by one
    return a, b, c


def _ended(a: int, b: int, c: int) -> int:
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, by)) & MASK
        a, b, c = b, c, a
    return b
