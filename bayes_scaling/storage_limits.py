"""What an HDF5 file may ask of whoever reads it: looked at before any of its data, whoever wrote it."""

import math
import re
import struct
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import h5py

LEVELS = 3  # of groups; ours have one. A group that holds itself has no end
ITEMS = 1_000  # groups and datasets; ours have about a hundred
TIMES = 100  # bytes in memory for one byte of the file; draws are noise, which nothing packs so well
SLACK = 1 << 20

_SEQUENCE = struct.Struct("<IQI")  # of a length that is not fixed, in the file: its length, and where it lies
_DIMENSION_LIST = "DIMENSION_LIST"
_OF_REFERENCES = struct.pack("<4I", 0x19, 16, 0x17, 8)  # kind: sequences (in 16 bytes) of references to objects (8)


def look_through(path: Path, file: h5py.File) -> None:
    """Walk through all groups and datasets, reading none.

    Raises
    ------
    ValueError
        If a group lies within itself, there are very many items, something leads to another file, or the data,
        attributes or lists of dimensions would take far more memory than the file has bytes.
    RuntimeError
        If HDF5 cannot go through the attributes of an item.
    """
    content = path.read_bytes()
    room, seen = TIMES * len(content) + SLACK, set[str]()
    for number, item in enumerate(chain([file], _items(file))):
        if number > ITEMS:
            raise ValueError(f"it has more than {ITEMS:,} groups and variables")
        room -= _bytes_of_attributes(item)
        if isinstance(item, h5py.Dataset):
            _look_at_place(item)
            room -= item.nbytes
            if item.dtype == object and item.id.get_offset() is not None:
                _look_at_sequences(content, item.id.get_offset(), item.size)
        if room < 0:
            raise ValueError(f"its data would take more than {TIMES} times the memory that the file has bytes")
        for name in set(item.attrs) - seen:
            if item.attrs.get_id(name).dtype == object:
                seen.add(name)
                _look_at_attributes(content, name)


def _items(file: h5py.File) -> Iterator[Any]:
    waiting = [(file, 0)]
    while waiting:
        group, level = waiting.pop()
        if level > LEVELS:
            raise ValueError(f"its groups lie more than {LEVELS} levels deep, or within themselves")
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name!r} is a link to something else")
            item = group[name]
            yield item
            if isinstance(item, h5py.Group):
                waiting.append((item, level + 1))


def _look_at_attributes(content: bytes, name: str) -> None:
    """Sequences in all attributes of a name: HDF5 makes room for them and follows them before it looks what is there.

    HDF5 gives no way to ask. An attribute is a message (HDF5 file format 3.0, IV.A.2.m), of the version that
    h5netcdf writes: name, kind and shape, each padded to eight bytes, then length and place of every sequence.
    """
    for found in re.finditer(re.escape(name.encode() + b"\0"), content):
        if found.start() < 8:
            continue
        version, _, *lengths = struct.unpack_from("<BBHHH", content, found.start() - 8)
        if version != 1 or lengths[0] != found.end() - found.start():
            continue
        of_name, of_kind, of_shape = (-(-length // 8) * 8 for length in lengths)
        kind, shape = found.start() + of_name, found.start() + of_name + of_kind
        if name == _DIMENSION_LIST and content[kind:shape] != _OF_REFERENCES:
            raise ValueError("a list of dimensions is none of references")
        rank = content[shape + 1]
        extent = struct.unpack_from(f"<{rank}Q", content, shape + 8)
        (size,) = struct.unpack_from("<I", content, kind + 12)  # of one character or reference
        _look_at_sequences(content, shape + of_shape, math.prod(extent), size)


def _look_at_sequences(content: bytes, start: int, count: int, size: int = 1) -> None:
    """Lengths of sequences, texts or lists, that stand in the file from ``start`` on, of parts of ``size`` bytes."""
    there = content[start : start + count * _SEQUENCE.size]
    if any(length * size > len(content) for length, _, _ in _SEQUENCE.iter_unpack(there)):
        raise ValueError("a text or list is longer than the file")


def _bytes_of_attributes(item: Any) -> int:
    """What they take by their own word: HDF5 makes room for that, before it finds that they are not as large."""
    found = [item.attrs.get_id(name) for name in item.attrs]
    return sum(math.prod(of.shape or ()) * of.dtype.itemsize for of in found)


def _look_at_place(dataset: h5py.Dataset) -> None:
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"the data of {dataset.name!r} lie in another file")
