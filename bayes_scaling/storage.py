"""Saved posteriors: one NetCDF file with every ArviZ group, the model's specification and the runs."""

import json
from collections import Counter
from dataclasses import asdict
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd
import xarray as xr

from bayes_scaling import arviz_bridge, groups
from bayes_scaling.arguments import shown
from bayes_scaling.errors import PosteriorFileError
from bayes_scaling.models.nuts import NutsSettings
from bayes_scaling.storage_limits import look_through
from bayes_scaling.whole_file import whole_file

if TYPE_CHECKING:
    from bayes_scaling.posterior import Posterior

ATTRIBUTE = "bayes_scaling"
FORMAT = 3  # 2: knots of the drift at Gauss-Legendre nodes; 3: slopes of base LLMs
READ = (2, 3)


def save(posterior: "Posterior", path: str | PathLike[str]) -> None:
    """Write a posterior to a NetCDF file that ArviZ opens too; the file appears whole or not at all.

    Raises
    ------
    PosteriorFileError
        If the file cannot be written.
    """
    target = path_of(path)
    trees = {name: _group(posterior.idata, name) for name in _GROUPS}
    tree = xr.DataTree.from_dict(trees)
    tree.attrs[ATTRIBUTE] = json.dumps(_header(posterior), default=str)
    try:
        with whole_file(target) as part:
            tree.to_netcdf(part, engine="h5netcdf")
    except OSError as error:
        raise PosteriorFileError(
            f"cannot write {str(target)!r}: {error.strerror or error}. Nothing was written; choose a folder that "
            "exists, is writable and has space"
        ) from error


def load_posterior(path: str | PathLike[str]) -> "Posterior":
    """Read a posterior that :meth:`bayes_scaling.Posterior.save` wrote; it predicts the same numbers bit for bit.

    Parameters
    ----------
    path : str or path
        A NetCDF file.

    Raises
    ------
    PosteriorFileError
        If there is no such file, or it holds no posterior of this package.
    """
    from bayes_scaling.joint_law import JointLaw
    from bayes_scaling.posterior import Posterior
    from bayes_scaling.program_cache import keep_programs
    from bayes_scaling.runs import validate_runs

    keep_programs()
    header, trees = _read(path_of(path))
    try:
        posterior = Posterior(
            runs=validate_runs(_table(header["runs"])),
            model=JointLaw.from_json(header["model"]),
            draws=_families(trees["posterior"]),
            stats={str(name): values.to_numpy() for name, values in trees["sample_stats"].items()},
            seed=int(header["seed"]),
            settings=NutsSettings(**header["settings"]),
        )
        _check_draws(posterior)
    except Exception as error:  # the header and the draws are whatever the file says
        raise PosteriorFileError(
            f"{str(path)!r} is damaged: {type(error).__name__} {error}; fit the runs again, or restore the file"
        ) from error
    posterior.__dict__["idata"] = arviz_bridge.to_idata(trees)  # the groups of the file, not drawn anew
    return posterior


def _check_draws(posterior: "Posterior") -> None:
    """Raise a KeyError or ValueError where the draws are not those of the model and its runs."""
    layout, resolved = posterior.layout, posterior.resolved
    wanted = Counter(family for site in resolved.sites for family in [site.family] * len(site.index))
    if resolved.base_effects:
        wanted.update(base_effect=layout.n_effects, base_common=layout.n_commons)
    if resolved.base_slopes:
        wanted.update(base_slope=layout.slopes.effect.size, base_slope_common=layout.slopes.common.size)
    if layout.families.family:
        wanted["base_family"] = len(layout.families.family)
    if resolved.discrepancy:
        wanted["drift"] = layout.drift.knot.size
    for name, length in wanted.items():
        if posterior.draws[name].shape[2:] != (length,):
            raise ValueError(f"draws of {name} have shape {posterior.draws[name].shape}, the model needs {length}")


_GROUPS = (
    "posterior",
    "sample_stats",
    "log_likelihood",
    "posterior_predictive",
    "prior",
    "prior_predictive",
    "observed_data",
    "constant_data",
)


def _group(idata: Any, name: str) -> xr.Dataset:
    group = idata[name]
    return group if isinstance(group, xr.Dataset) else group.to_dataset()


def _header(posterior: "Posterior") -> dict[str, Any]:
    runs = posterior.runs.astype(object).where(posterior.runs.notna(), None)
    return {
        "format": FORMAT,
        "model": posterior.model.to_json(),
        "runs": {str(name): runs[name].tolist() for name in runs},
        "seed": posterior.seed,
        "settings": asdict(posterior.settings),
    }


def _table(columns: dict[str, list[Any]]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def _families(posterior: xr.Dataset) -> dict[str, np.ndarray]:
    named = {str(name): values.to_numpy() for name, values in posterior.items() if name not in ("A", "B")}
    return {name: values[..., None] if name in groups.SCALARS else values for name, values in named.items()}


def path_of(path: object) -> Path:
    """The path of a file.

    Raises
    ------
    PosteriorFileError
        If it is no path.
    """
    if not isinstance(path, str | PathLike) or not isinstance(fspath(path), str) or "\0" in fspath(path):
        raise PosteriorFileError(f"path={shown(path)}: give the path of a file as text, such as 'posterior.nc'")
    return Path(path)


def _look_at(path: Path) -> None:
    """See that the file can be read at all: HDF5 and h5netcdf follow whatever a file says, without end.

    Then read the root's attributes: where they are damaged, h5netcdf's half-open file complains on stderr as it goes.
    """
    with h5py.File(path, "r") as file:
        look_through(path, file)
        file.attrs.get("_nc3_strict")
        _ = file.attrs[ATTRIBUTE]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, xr.Dataset]]:
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise PosteriorFileError(
            f"{shown(str(path))} cannot be looked for: {error.strerror}; check the path"
        ) from error
    if is_folder:
        raise PosteriorFileError(f"{str(path)!r} is a folder; name the file in it that holds the posterior")
    if not is_file:
        raise PosteriorFileError(f"{str(path)!r}: there is no such file; fit runs and save a posterior first")
    try:
        _look_at(path)
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            header = json.loads(tree.attrs[ATTRIBUTE])
            trees = {name: tree[name].to_dataset().load() for name in _GROUPS}
    except Exception as error:  # a few wrong bytes break HDF5 and what reads it anywhere, with any error
        raise PosteriorFileError(
            f"{str(path)!r} holds no posterior of bayes_scaling ({type(error).__name__}: {error}); "
            "such a file is written by Posterior.save() or 'bayes-scaling fit RUNS -o FILE'"
        ) from error
    version = header.get("format") if isinstance(header, dict) else None
    if version not in READ:
        raise PosteriorFileError(
            f"{str(path)!r} has format {version!r}, this version reads {' and '.join(map(str, READ))}; fit the runs "
            "again"
        )
    if version == 2:
        header["model"]["base_slopes"] = False
    return header, trees
