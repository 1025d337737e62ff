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

from exacthat.output import OutputError, require_free, results_folder
from exacthat.results import cushioning_index, write_results


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


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
    assert np.allclose(cushioning_index(ratio), [[0, 0], [0.5, 1], [0, -0.2]])


def test_cushioning_has_no_value_where_there_is_nothing_to_cushion():
    ratio = xr.DataArray([1.0, 0.9], {"technology": ["exogenous", "fixed-effort"]})
    index = cushioning_index(ratio)
    assert np.isnan(index).all()
    assert "no value where consumption does not change" in index.attrs["comment"]
