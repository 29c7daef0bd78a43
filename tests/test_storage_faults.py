"""Files that hold no posterior, or a damaged one: one error that says so."""

import contextlib
import gc
import json
import shutil
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

import bayes_scaling as bs


@pytest.fixture
def copy(posterior_file, tmp_path):
    return shutil.copy(posterior_file, tmp_path / "copy.nc")


@pytest.fixture
def leftovers(monkeypatch):
    """Exceptions that are printed and not raised, as by destructors of half-open files."""
    found = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: found.append(event.exc_value))
    return found


def refused(path):
    with pytest.raises(bs.PosteriorFileError) as caught:
        bs.load_posterior(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_file_says_so(tmp_path):
    text = refused(tmp_path / "none.nc")
    assert "there is no such file; fit runs and save a posterior first" in text


# Bug: "there is no such file" of a folder that exists
def test_a_folder_is_not_said_to_be_missing(tmp_path):
    text = refused(tmp_path)
    assert "no such file" not in text and ("folder" in text or "directory" in text)


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF", np.random.default_rng(0).bytes(5000), b"task,method,loss\nsum,lora,2.0\n"]
)
def test_a_file_of_another_kind_says_what_writes_one(tmp_path, leftovers, content):
    path = tmp_path / "other.nc"
    path.write_bytes(content)
    text = refused(path)
    assert "holds no posterior of bayes_scaling" in text
    assert "Posterior.save()" in text and "bayes-scaling fit RUNS -o FILE" in text


def test_a_file_of_another_kind_gives_one_error_and_no_noise(posterior_file, tmp_path, leftovers):
    path = tmp_path / "other.nc"
    for content in (np.random.default_rng(0).bytes(5000), posterior_file.read_bytes()[:100_000]):
        path.write_bytes(content)
        refused(path)
        gc.collect()
    assert leftovers == []


@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_a_truncated_file_says_so(posterior_file, tmp_path, leftovers, share):
    whole = posterior_file.read_bytes()
    path = tmp_path / "cut.nc"
    path.write_bytes(whole[: int(share * len(whole))])
    assert "holds no posterior" in refused(path)


def test_a_foreign_netcdf_file_says_what_writes_one(tmp_path):
    path = tmp_path / "foreign.nc"
    xr.Dataset({"x": ("a", [1.0])}).to_netcdf(path, engine="h5netcdf")
    assert "holds no posterior of bayes_scaling" in refused(path)
    az_like = xr.DataTree.from_dict({"posterior": xr.Dataset({"x": (("chain", "draw"), [[1.0]])})})
    az_like.to_netcdf(path, engine="h5netcdf")
    assert "Posterior.save()" in refused(path)


def header_of(path):
    with h5py.File(path) as file:
        return json.loads(file.attrs["bayes_scaling"])


def with_header(path, header):
    with h5py.File(path, "a") as file:
        file.attrs["bayes_scaling"] = header if isinstance(header, float) else json.dumps(header)
    return path


def test_a_file_of_another_format_says_which(copy):
    text = refused(with_header(copy, header_of(copy) | {"format": 99}))
    assert "has format 99, this version reads 2 and 3; fit the runs again" in text


@pytest.mark.parametrize("part", ["model", "runs", "seed", "settings"])
def test_a_header_without_a_part_is_damaged(copy, part):
    header = header_of(copy)
    del header[part]
    text = refused(with_header(copy, header))
    assert "is damaged" in text and part in text and "fit the runs again, or restore the file" in text


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"law": "cubic", "priors": {}, "base_effects": True, "factors": None, "sharing": "auto"}},
        {"settings": {"speed": 3}},
        {"runs": {"task": ["a"], "loss": [1.0]}},
    ],
    ids=["law", "setting", "runs"],
)
def test_a_header_that_breaks_a_rule_is_damaged(copy, change):
    assert "is damaged" in refused(with_header(copy, header_of(copy) | change))


# Bug: AttributeError ('list' object has no attribute 'get') and TypeError (the JSON object must be str)
@pytest.mark.parametrize("header", [[], None, 3, 3.0], ids=["list", "null", "number", "no text"])
def test_a_header_that_is_none_is_refused(copy, header):
    refused(with_header(copy, header))


@pytest.mark.parametrize("group", ["posterior", "sample_stats", "log_likelihood"])
def test_a_file_without_a_group_is_refused(copy, group):
    with h5py.File(copy, "a") as file:
        del file[group]
    assert group in refused(copy)


# Bug: a file without a parameter loads, and predict raises KeyError: 'beta'
@pytest.mark.parametrize("name", ["beta", "sigma", "base_effect"])
def test_a_file_without_a_parameter_is_refused(copy, name):
    with h5py.File(copy, "a") as file:
        del file[f"posterior/{name}"]
    assert name in refused(copy)


# Bug: some damage raises RuntimeError (H5DSget_num_scales) or AttributeError ('NoneType' object has no attribute
# 'split', here for sample_stats/draw) instead of the one error
@pytest.mark.parametrize("name", ["posterior/chain", "posterior/cell", "sample_stats/draw", "log_likelihood/chain"])
def test_a_file_without_a_dimension_gives_the_one_error(copy, leftovers, name):
    with h5py.File(copy, "a") as file:
        del file[name]
    refused(copy)


def test_damaged_bytes_give_a_posterior_or_the_one_error(posterior_file, tmp_path, leftovers):
    whole, rng = posterior_file.read_bytes(), np.random.default_rng(0)
    path = tmp_path / "damaged.nc"
    for _ in range(8):
        damaged = bytearray(whole)
        for position in rng.integers(0, 40_000, 200):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(bs.PosteriorFileError):
            bs.load_posterior(path)
