"""Files that somebody made to hang their reader, to fill its memory or to have it read other files."""

import gzip
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.storage_limits import ITEMS, LEVELS, look_through

GOOD = sorted((Path(__file__).parent / "data" / "saved").glob("*.nc"))[-1]
FORGED_FILES = Path(__file__).parent / "data" / "forged"
MEMORY_OF = """
import sys, bayes_scaling as bs
sys.path.insert(0, "tests")
from shared.memory import peak_megabytes

try:
    bs.load_posterior(sys.argv[1])
except bs.PosteriorFileError as error:
    print(error)
print(peak_megabytes())
"""
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def group_in_itself(file: h5py.File, _: Path) -> None:
    file["posterior/again"] = file["posterior"]


def root_in_a_group(file: h5py.File, _: Path) -> None:
    file["posterior/again"] = file["/"]


def deep_groups(file: h5py.File, _: Path) -> None:
    file.create_group("/".join(["posterior", *["g"] * (LEVELS + 1)]))


def many_variables(file: h5py.File, _: Path) -> None:
    for number in range(ITEMS):
        file[f"posterior/extra{number}"] = 1.0


def data_never_written(file: h5py.File, _: Path) -> None:
    file.create_dataset("posterior/extra", shape=(10**9,), chunks=(1000,), dtype="f8")  # 8 GB of zeros, when read


def packed_zeros(file: h5py.File, _: Path) -> None:
    file.create_dataset("posterior/extra", data=np.zeros(5 * 10**7, "i1"), chunks=(10**7,), compression="gzip")


def link_to_a_file(file: h5py.File, other: Path) -> None:
    file["posterior/extra"] = h5py.ExternalLink(other, "/secret")


def link_to_itself(file: h5py.File, _: Path) -> None:
    file["posterior/extra"] = h5py.SoftLink("/posterior/extra")


def data_of_another_file(file: h5py.File, other: Path) -> None:
    file.create_dataset("posterior/extra", shape=(8,), dtype="f8", external=[(other, 0, 64)])


def virtual_data(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout(shape=(8,), dtype="f8")
    layout[:] = h5py.VirtualSource(other, "/secret", shape=(8,))
    file.create_virtual_dataset("posterior/extra", layout)


FORGED: dict[Callable[[h5py.File, Path], None], str] = {
    group_in_itself: "within themselves",
    root_in_a_group: "within themselves",
    deep_groups: f"more than {LEVELS} levels deep",
    many_variables: f"more than {ITEMS:,} groups and variables",
    data_never_written: "100 times the memory",
    packed_zeros: "100 times the memory",
    link_to_a_file: "'extra' is a link to something else",
    link_to_itself: "'extra' is a link to something else",
    data_of_another_file: "'/posterior/extra' lie in another file",
    virtual_data: "'/posterior/extra' lie in another file",
}


# Bug: hangs (groups), 10 GB of memory (data), or another file's numbers in the posterior (links)
@pytest.mark.parametrize("forge", FORGED, ids=lambda forge: forge.__name__)
def test_a_forged_file_is_refused_before_it_is_read(forge: Callable[[h5py.File, Path], None], tmp_path: Path) -> None:
    other, path = tmp_path / "other.h5", Path(shutil.copy(GOOD, tmp_path / "forged.nc"))
    with h5py.File(other, "w") as file:
        file["secret"] = np.arange(8.0)
    with h5py.File(path, "a") as file:
        forge(file, other)
    with pytest.raises(bs.PosteriorFileError) as caught:
        bs.load_posterior(path)
    assert FORGED[forge] in str(caught.value)


# Bugs that the fuzzer found: 10 GB of memory, which HDF5 asks for by the size that a damaged attribute or list says it
# has; a segmentation fault in a list of another kind
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("attribute", "attribute"),
        ("scales", "longer than the file"),
        ("kind", "none of references"),
        ("text", "longer than the file"),
    ],
)
def test_a_damaged_attribute_is_told(name: str, why: str, tmp_path: Path) -> None:
    forged = tmp_path / "forged.nc"
    forged.write_bytes(gzip.decompress((FORGED_FILES / f"{name}.nc.gz").read_bytes()))
    done = subprocess.run([sys.executable, "-c", MEMORY_OF, forged], capture_output=True, text=True, check=True)
    told, megabytes = done.stdout.splitlines()
    assert told.endswith("'bayes-scaling fit RUNS -o FILE'") and why in told
    assert float(megabytes) < 2000


def test_a_good_file_is_far_from_the_limits() -> None:
    with h5py.File(GOOD) as file:
        look_through(GOOD, file)
        stored = [item for group in file.values() for item in group.values()]
        assert len(stored) * 5 < ITEMS
        assert sum(item.nbytes for item in stored) < GOOD.stat().st_size


@pytest.fixture
def hdf5_blocks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hdf5_blocks", BENCHMARKS / "hdf5_blocks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_fuzzer_knows_every_header_of_a_good_file(hdf5_blocks: ModuleType) -> None:
    """Jenkins' own example of his checksum, and every checksum that HDF5 wrote."""
    assert hdf5_blocks.checksum(b"Four score and seven years ago") == 0x17770551
    content = GOOD.read_bytes()
    assert len(hdf5_blocks.blocks(content)) == content.count(b"OHDR") + content.count(b"OCHK") > 100


def test_a_header_that_the_fuzzer_changed_has_its_checksum(hdf5_blocks: ModuleType) -> None:
    """The broken twin has the old one, and is none that the fuzzer knows."""
    content = GOOD.read_bytes()
    block = hdf5_blocks.blocks(content)[5]
    spoilt = bytearray(content)
    spoilt[block.end - 6] ^= 0xFF
    assert block not in hdf5_blocks.blocks(bytes(spoilt))
    assert block in hdf5_blocks.blocks(bytes(hdf5_blocks.mended(spoilt, block)))
