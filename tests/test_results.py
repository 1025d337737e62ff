"""Results: joined over cases, written whole or not at all."""

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from synthetic_results import synthetic_results

from exacthat.output import MANIFEST, OutputError, require_free, results_folder
from exacthat.results import combine, cushioning_index, write_results
from exacthat.scenario import Case
from framework.errors import ModelError


def contents(folder: Path) -> dict[str, str]:
    """Text of every file below a folder, without the list of what exacthat wrote."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != MANIFEST]
    return {str(p.relative_to(folder)): p.read_text() for p in files}


def write(out: Path, text: str, force: bool = False, error: BaseException | None = None) -> None:
    with results_folder(out, force) as draft:
        (draft / "results.nc").write_text(text)
        if error is not None:
            raise error
        (draft / "report.html").write_text(text)


def test_a_complete_folder_appears_under_its_name(tmp_path):
    write(tmp_path / "new" / "out", "one")
    assert contents(tmp_path) == {"new/out/report.html": "one", "new/out/results.nc": "one"}
    assert (tmp_path / "new" / "out").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), ValueError("bug"), OSError(errno.ENOSPC, "No space left on device")]
)
def test_a_failure_half_way_leaves_nothing(tmp_path, error):
    with pytest.raises((KeyboardInterrupt, ValueError, OutputError)):
        write(tmp_path / "out", "one", error=error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_failure_half_way_keeps_the_old_results(tmp_path, error):
    write(tmp_path / "out", "one")
    with pytest.raises((KeyboardInterrupt, OutputError)):
        write(tmp_path / "out", "two", force=True, error=error)
    assert contents(tmp_path) == {"out/report.html": "one", "out/results.nc": "one"}


def test_a_full_disk_is_an_error_that_names_the_folder_and_the_fix(tmp_path):
    with pytest.raises(OutputError) as caught:
        write(tmp_path / "out", "one", error=OSError(errno.ENOSPC, "No space left on device"))
    assert str(caught.value) == (
        f"results cannot be written to '{tmp_path / 'out'}': No space left on device. Nothing there was changed; "
        "make room, or choose another folder with --out."
    )


def test_an_existing_folder_is_kept_unless_forced(tmp_path):
    write(tmp_path / "out", "one")
    with pytest.raises(OutputError, match=r"exists and is kept; choose another folder .* with --force"):
        write(tmp_path / "out", "two")
    assert contents(tmp_path) == {"out/report.html": "one", "out/results.nc": "one"}
    (tmp_path / "out" / "notes.txt").write_text("mine")
    write(tmp_path / "out", "two", force=True)
    assert contents(tmp_path) == {"out/notes.txt": "mine", "out/report.html": "two", "out/results.nc": "two"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def write_figures(out: Path, *names: str, force: bool = False) -> None:
    with results_folder(out, force) as draft:
        (draft / "figures").mkdir()
        for name in names:
            (draft / "figures" / name).write_text("ours")


def test_force_replaces_what_it_wrote_and_nothing_else(tmp_path):
    out = tmp_path / "out"
    write_figures(out, "tax.png", "quota.png")
    (out / "figures" / "mine.png").write_text("mine")
    (out / "notes").mkdir()
    (out / "notes" / "todo.txt").write_text("mine")
    (out / "figures" / "link").symlink_to(tmp_path)
    write_figures(out, "tax.png", force=True)
    assert contents(out) == {"figures/mine.png": "mine", "figures/tax.png": "ours", "notes/todo.txt": "mine"}
    assert (out / "figures" / "link").is_symlink()
    assert (out / MANIFEST).read_text().split() == ["figures/tax.png"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["figures/tax.png", "figures"])
def test_force_does_not_replace_a_file_of_the_same_name_that_it_did_not_write(tmp_path, name):
    out = tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")
    with pytest.raises(OutputError) as caught:
        write_figures(out, "tax.png", force=True)
    assert str(caught.value) == (
        f"'{out / name}' was not written by this version of exacthat and would be replaced; move it away, or choose another folder "
        "with --out."
    )
    assert contents(out) == {name: "mine"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_report_of_somebody_else_is_refused_before_anything_is_computed(tmp_path):
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(OutputError, match=r"report.html' was not written by this version of exacthat"):
        require_free(tmp_path, force=True)


def test_a_place_where_no_folder_can_be_made_is_named_before_anything_is_computed(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=r"x' cannot be made, because '.*file' is not a folder"):
        require_free(tmp_path / "file" / "x", force=False)
    monkeypatch.setattr("exacthat.output.os.access", lambda *_: False)
    with pytest.raises(OutputError, match=r"x/y' cannot be made, because you may not write to '.*'; choose"):
        require_free(tmp_path / "x" / "y", force=False)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_a_failure_of_the_swap_itself_restores_the_old_folder(tmp_path, monkeypatch, error):
    write(tmp_path / "out", "one")
    rename = Path.rename

    def broken(self, target):
        if self.suffix == ".part":
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", broken)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        write(tmp_path / "out", "two", force=True)
    assert contents(tmp_path) == {"out/report.html": "one", "out/results.nc": "one"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_file_or_the_working_directory_is_never_replaced(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", Path("/dev/full")):
        with pytest.raises(OutputError, match="is not a folder; choose one with --out"):
            require_free(out, force=True)
    monkeypatch.chdir(tmp_path)
    for out in (Path(), Path("..")):
        with pytest.raises(OutputError, match="holds the working directory"):
            require_free(out, force=True)


def test_results_survive_the_file(tmp_path):
    results = synthetic_results()
    write_results(results, tmp_path / "results.nc")
    with xr.open_dataset(tmp_path / "results.nc", engine="h5netcdf") as read:
        xr.testing.assert_identical(read.load(), results)


FILL = """
import resource, signal, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from synthetic_results import synthetic_results
from exacthat.output import results_folder
from exacthat.results import write_results
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
results = synthetic_results()
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
with results_folder(Path(sys.argv[1])) as draft:
    write_results(results, draft / "results.nc")
"""


def test_a_disk_that_refuses_the_last_bytes_leaves_no_file(tmp_path):
    assert hasattr(resource, "RLIMIT_FSIZE")
    assert hasattr(signal, "SIGXFSZ")
    here = Path(__file__).parent
    command = [sys.executable, "-c", FILL, str(tmp_path / "out"), str(here), str(here.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 1, done.stderr
    assert "OutputError: results cannot be written to" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_cushioning_is_the_part_of_the_loss_that_is_gone():
    ratio = xr.DataArray(
        [[0.90, 0.95], [0.95, 1.0], [0.90, 0.94]],
        {"technology": ["exogenous", "fixed-effort", "elastic-effort"], "region": ["JPN", "USA"]},
    )
    index = cushioning_index(ratio)
    assert np.allclose(index, [[0, 0], [0.5, 1], [0, -0.2]])
    assert index.attrs["units"] == "fraction of the change offset"
    assert "a negative value means that technology makes the change larger" in index.attrs["description"]


def test_cushioning_has_no_value_where_there_is_nothing_to_cushion():
    ratio = xr.DataArray([1.0, 0.9], {"technology": ["exogenous", "fixed-effort"]})
    index = cushioning_index(ratio)
    assert np.isnan(index).all()
    assert "no value where consumption does not change" in index.attrs["comment"]


def test_an_outcome_is_a_ratio_or_a_level_in_every_variant():
    """Joined in one array they would be read as the same thing."""
    cases = [Case("s", {"technology": v}, {}, {}, {}, {}) for v in ("given", "free")]
    parts = [xr.Dataset({"growth": ((), 1.01, {"units": u})}) for u in ("new/base", "rate")]
    with pytest.raises(ModelError) as caught:
        combine(parts, cases, ["technology"])
    assert str(caught.value) == (
        "'growth' is new over baseline in 's, technology given' and a level in 's, technology free'; declare it with "
        "level=True in every variant or in none."
    )
