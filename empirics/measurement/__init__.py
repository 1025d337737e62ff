"""The input-output table of the United States in 2012, extended by rare earths, and what it says of sectors."""

from empirics.measurement.accounts import read_accounts
from empirics.measurement.extension import ELEMENTS, extend
from empirics.measurement.requirements import TableCertificate, total_requirements
from empirics.measurement.results import assemble, load_measurement, measure, write_measurement
from empirics.measurement.variants import VARIANTS, Variant, build

__all__ = [
    "ELEMENTS",
    "VARIANTS",
    "TableCertificate",
    "Variant",
    "assemble",
    "build",
    "extend",
    "load_measurement",
    "measure",
    "read_accounts",
    "total_requirements",
    "write_measurement",
]
