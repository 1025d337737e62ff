"""Made-up results with the shape of the real ones, for tests of figures and reports. Not data of any kind."""

import json

import numpy as np
import xarray as xr

REGIONS = ["CHN", "EU27", "JPN", "USA", "ROW"]
SECTORS = [
    "Transport equipment",
    "Basic metals and fabricated metal",
    "Textiles and textile products",
    "Services",
]
TECHNOLOGIES = ["exogenous", "fixed-effort", "elastic-effort"]
DIMS = ("scenario", "technology", "region")


def synthetic_results(sizes=(("tax", 1e-5), ("price", 1e-2))) -> xr.Dataset:
    """Results for scenarios whose effects have the given orders of magnitude (as a fraction)."""
    random = np.random.default_rng(7)
    scenarios = [name for name, _ in sizes]
    scale = xr.DataArray([size for _, size in sizes], dims="scenario")
    endogenous = xr.DataArray([0.0, 1.0, 1.0], dims="technology")

    def ratio(*dims):
        shape = [{"technology": 3, "region": 5, "sector": len(SECTORS)}[d] for d in dims]
        return 1 + scale * xr.DataArray(random.normal(-1, 1, shape), dims=dims)

    bias = 1 + endogenous * 3 * (ratio("technology", "region", "sector") - 1)
    bias[{"sector": 3}] = 1.0
    data = {
        name: (ratio("technology", "region"), f"{name.replace('_', ' ')}", definition)
        for name, definition in {
            "real_consumption": r"\hat C_n",
            "real_gdp": "a",
            "real_gdp_deflated": "b",
            "real_gdp_factor": "c",
            "wage": r"\hat w_n",
            "ree_price": r"\hat q_n",
        }.items()
    }
    data["innovation_bias"] = (bias, "innovation bias", r"\hat A_{R}/\hat A_{L}")
    data["export_tax"] = ((ratio("technology") - 1) * 10, "REE export tax", "t")
    data["innovation_bias_abroad"] = (100 * (bias.mean("region") - 1), "innovation bias abroad", "")
    out = (
        xr.Dataset(
            {
                k: v.assign_attrs(long_name=name, units="new/base", definition=d)
                for k, (v, name, d) in data.items()
            },
            coords={"scenario": scenarios, "technology": TECHNOLOGIES, "region": REGIONS, "sector": SECTORS},
        )
        .assign_coords(
            setting=("scenario", [f"size = {size}" for _, size in sizes]),
            setting_in_words=("scenario", [f"size of {size}" for _, size in sizes]),
            ree_exporter=("scenario", ["CHN" for _ in sizes]),
        )
        .transpose("scenario", "technology", "region", "sector")
    )
    out["innovation_bias_abroad"].attrs["units"] = "percent"
    out["export_tax"].attrs["units"] = "rate"
    shares = xr.DataArray([0.007, 0.007, 0.0, 0.0], dims="sector")
    out["baseline_ree_share"] = shares.expand_dims(region=len(REGIONS)).assign_attrs(
        units="fraction of value added"
    )
    out.attrs = {"model": "synthetic", "variant_groups": json.dumps(["technology"])}
    return out
