"""What an HDF5 file may ask of whoever reads it: looked at before any of its data, whoever wrote it."""

import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

LEVELS = 3  # of groups; ours have one. A group that holds itself has no end
ITEMS = 1_000  # groups and datasets; ours have about a hundred
TIMES = 100  # bytes in memory for one byte of the file; draws are noise, which nothing packs so well
SLACK = 1 << 20
SCALES = 100  # of a dimension; ours have one

_DIMENSION_LIST = b"DIMENSION_LIST\0"
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
    _look_at_dimension_lists(path.read_bytes())
    room = TIMES * path.stat().st_size + SLACK - _bytes_of_attributes(file)
    for number, item in enumerate(_items(file), start=1):
        if number > ITEMS:
            raise ValueError(f"it has more than {ITEMS:,} groups and variables")
        room -= _bytes_of_attributes(item)
        if isinstance(item, h5py.Dataset):
            _look_at_place(item)
            room -= item.nbytes
        if room < 0:
            raise ValueError(f"its data would take more than {TIMES} times the memory that the file has bytes")


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


def _look_at_dimension_lists(content: bytes) -> None:
    """Kind and lengths of lists of scales: HDF5 makes room for them and follows them before it looks what is there.

    HDF5 gives no way to ask. A list is an attribute message (HDF5 file format 3.0, IV.A.2.m), of the version that
    h5netcdf writes: name, kind and shape, each padded to eight bytes, then length and place of every list.
    """
    for found in re.finditer(_DIMENSION_LIST, content):
        version, _, *lengths = struct.unpack_from("<BBHHH", content, found.start() - 8)
        if version != 1:
            continue
        name, kind, shape = (-(-length // 8) * 8 for length in lengths)
        at = found.start() + name + kind
        if content[at - kind : at] != _OF_REFERENCES:
            raise ValueError("a list of dimensions is none of references")
        (dimensions,) = struct.unpack_from("<Q", content, at + 8)
        lists = struct.iter_unpack("<IQI", content[at + shape :][: 16 * dimensions])
        if any(scales > SCALES for scales, _, _ in lists):
            raise ValueError(f"a dimension has more than {SCALES} scales")


def _bytes_of_attributes(item: Any) -> int:
    """What they take by their own word: HDF5 makes room for that, before it finds that they are not as large."""
    found = [item.attrs.get_id(name) for name in item.attrs]
    return sum(math.prod(of.shape or ()) * of.dtype.itemsize for of in found)


def _look_at_place(dataset: h5py.Dataset) -> None:
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"the data of {dataset.name!r} lie in another file")
