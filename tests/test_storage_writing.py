"""A save is whole or not at all, and says why it could not be."""

import os

import pytest
import xarray as xr

import bayes_scaling as bs


@pytest.fixture(scope="module")
def loaded(posterior_file):
    return bs.load_posterior(posterior_file)


def assert_untouched(folder, path, before):
    assert path.read_bytes() == before
    assert [p.name for p in folder.iterdir()] == [path.name]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("HDF5")])
def test_a_save_that_fails_midway_leaves_the_old_file_whole(loaded, tmp_path, monkeypatch, error):
    path = tmp_path / "posterior.nc"
    path.write_bytes(b"the old file")

    def full_disk(self, target, **_):
        with open(target, "wb") as file:
            file.write(b"half of it")
        raise error

    monkeypatch.setattr(xr.DataTree, "to_netcdf", full_disk)
    kind = bs.PosteriorFileError if isinstance(error, OSError) else type(error)
    with pytest.raises(kind) as caught:
        loaded.save(path)
    if isinstance(error, OSError):
        text = str(caught.value)
        assert f"cannot write {str(path)!r}: No space left on device. Nothing was written" in text
        assert "choose a folder that exists, is writable and has space" in text
    assert_untouched(tmp_path, path, b"the old file")


def test_a_save_that_fails_at_the_end_leaves_the_old_file_whole(loaded, tmp_path, monkeypatch):
    path = tmp_path / "posterior.nc"
    path.write_bytes(b"the old file")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(bs.PosteriorFileError, match=r"Permission denied\. Nothing was written"):
        loaded.save(path)
    assert_untouched(tmp_path, path, b"the old file")


def test_a_folder_that_cannot_be_written_to_is_told(loaded, tmp_path):
    for path in (tmp_path / "none" / "posterior.nc", tmp_path):
        with pytest.raises(bs.PosteriorFileError, match=r"cannot write .* Nothing was written; choose a folder"):
            loaded.save(path)
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(bs.PosteriorFileError, match="Not a directory"):
        loaded.save(file / "posterior.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert not list(tmp_path.parent.glob("*.part"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_told(loaded, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(bs.PosteriorFileError, match="Permission denied"):
        loaded.save(tmp_path / "posterior.nc")
    tmp_path.chmod(0o700)


def test_a_save_replaces_the_old_file(loaded, tmp_path):
    path = tmp_path / "posterior.nc"
    path.write_bytes(b"the old file")
    loaded.save(path)
    assert bs.load_posterior(path).seed == loaded.seed
    assert [p.name for p in tmp_path.iterdir()] == ["posterior.nc"]


# Bug: the file keeps the temporary file's mode 0600, so that a colleague in the same group cannot read it
def test_a_saved_file_has_the_usual_permissions(loaded, tmp_path):
    path, usual = tmp_path / "posterior.nc", tmp_path / "usual"
    loaded.save(path)
    usual.write_bytes(b"")
    assert path.stat().st_mode == usual.stat().st_mode
