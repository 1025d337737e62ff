"""Make the measurement that the project ships: ``python -m empirics.measurement.build_shipped --data PATH``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from empirics.measurement.results import SHIPPED, measure, write_measurement
from empirics.shipped import DATA
from framework.errors import ExacthatError


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the result; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m empirics.measurement.build_shipped", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of official tables (default: EXACTHAT_DATA)")
    parser.add_argument("--out", type=Path, default=Path(str(DATA / SHIPPED)), help="file to write")
    options = parser.parse_args(arguments)
    try:
        measurement = measure(options.data)
    except ExacthatError as error:
        print(error, file=sys.stderr)
        return 1
    write_measurement(measurement.assign_attrs(computed="shipped with the project"), options.out)
    print(f"written: {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
