"""Make the shipped benchmark table from the full WIOD table of 2009: ``python -m calibration.build_benchmark --data PATH``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from calibration.io_table import check
from calibration.labels import DATA
from calibration.tables import SHIPPED, make_table, write_table
from framework.errors import ExacthatError


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the table, check it, write it, and print its report; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m calibration.build_benchmark", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with wiod2009_full.npz (default: EXACTHAT_DATA)")
    parser.add_argument(
        "--out", type=Path, default=Path(str(DATA / SHIPPED["wiod2009-5x14"])), help="file to write"
    )
    options = parser.parse_args(arguments)
    try:
        table = make_table("wiod2009-5x14", options.data)
        report = check(table)
    except ExacthatError as error:
        print(error, file=sys.stderr)
        return 1
    write_table(table, options.out)
    print(report, table.attrs["changes"], f"written: {options.out}", sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
