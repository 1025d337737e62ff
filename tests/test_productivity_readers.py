"""Readers of productivity data, on small synthetic files in the published layouts; no number here is from a source."""

import numpy as np
import pandas as pd
import pytest

from empirics.productivity import (
    labour_productivity_growth,
    read_indstat,
    read_nber_ces,
    read_stan,
    read_us_klems,
    spread,
)
from empirics.productivity.klems import SHEET
from framework.errors import DataError

INDSTAT = """\
04,156,2008,1511,1511,1000,,2,2012,#
04,156,2009,1511,1511,1100,,2,2012,#
20,156,2008,1511,1511,50000,17,2,2012,$
20,156,2009,1511,1511,66000,17,2,2012,$
20,036,2009,1511,151A,900,17,2,2012,$
20,036,2009,1512,151A,...,17,2,2012,$
05,036,2009,1511,1511,...,,2,2012,$
"""

PORTAL = """\
Year,Country,CountryCode,Variable,VariableCode,UnconsolidatedVariableCode,UnconsolidatedVariableName,ActivityCode,Activity,\
ActivityCombination,Value,UnitType,ValueUSD
2009,China,156,Output,14,11,Output (basic prices),1010,"Meat, processed",1010,700,National currency,100
2009,China,156,Employees,4,,,1010,"Meat, processed",1010,12,Number,...
2010,China,156,Output,14,11,Output (basic prices),1020,Fish,102A,...,National currency,...
"""

STAN_OLD = """\
"LOCATION","Country","VAR","Variable","IND","Industry","TIME","Time","Unit Code","Unit","PowerCode Code","PowerCode",\
"Reference Period Code","Reference Period","Value","Flag Codes","Flags"
"JPN","Japan","PRDK","Production, volumes","D10T12","Food","2009","2009","JPY","Yen","6","Millions","2015","2015","20.5",,
"JPN","Japan","HRSN","Hours","D10T12","Food","2009","2009","HRS","Hours","3","Thousands",,,"4",,
"JPN","Japan","HRSN","Hours","D10T12","Food","2010","2010","HRS","Hours","3","Thousands",,,"","M","Missing"
"""

STAN_NEW = """\
DATAFLOW,FREQ,REF_AREA,MEASURE,ACTIVITY,PRICE_BASE,UNIT_MEASURE,TIME_PERIOD,OBS_VALUE,OBS_STATUS,UNIT_MULT
OECD.STI.PIE:DSD_STAN(1.0),A,JPN,P1,C10T12,V,XDC,2009,7.5,A,6
OECD.STI.PIE:DSD_STAN(1.0),A,JPN,P1,C10T12,L,XDC,2009,8.5,A,6
OECD.STI.PIE:DSD_STAN(1.0),A,JPN,EMP,C10T12,_Z,PS,2009,3,A,3
OECD.STI.PIE:DSD_STAN(1.0),A,JPN,EMP,C10T12,_Z,PS,2010,,M,3
"""

NBER = """\
naics,year,emp,pay,prode,prodh,prodw,vship,matcost,vadd,invest,invent,energy,cap,equip,plant,piship,pimat,piinv,pien,dtfp5,tfp5,dtfp4,tfp4
311111,2012,10,500,8,16,300,2000,900,1100,50,10,20,1500,900,600,1,1,1,1,0,1,0,1
311111,2013,11,520,8,17,310,2200,1000,1200,60,10,20,1510,905,605,1.1,1.25,1,1,0.01,1.01,0.02,1.02
"""


@pytest.fixture
def write(tmp_path):
    def file(text, name="synthetic.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return path

    return file


def changed(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


def test_indstat_without_header_lists_combinations_and_blanks(write):
    result = read_indstat(write(INDSTAT))
    assert len(result.table) == 4
    row = result.table.query("variable == 'value_added' and year == 2009 and country == '156'").iloc[0]
    assert (row["industry"], row["value"], row["definition"], row["unit"]) == ("1511", 66000.0, "17", "$")
    assert result.excluded[["country", "industry", "variable", "reason"]].values.tolist() == [
        ["036", "1511", "value_added", "reported in combination 151A"],
        ["036", "1512", "value_added", "reported in combination 151A"],
        ["036", "1511", "wages", "not reported"],
    ]


def test_indstat_of_older_editions_has_nine_columns(write):
    nine = "\n".join(",".join(x for i, x in enumerate(line.split(",")) if i != 8) for line in INDSTAT.split())
    pd.testing.assert_frame_equal(
        read_indstat(write(nine)).table, read_indstat(write(INDSTAT, "b.csv")).table
    )


def test_indstat_of_the_portal_takes_dollars_where_there_are_any(write):
    result = read_indstat(write(PORTAL, encoding="utf-8-sig"))
    assert result.table[["variable", "value", "unit"]].values.tolist() == [
        ["employees", 12.0, "Number"],
        ["output", 100.0, "USD"],
    ]
    assert result.excluded["reason"].tolist() == ["reported in combination 102A"]
    national = read_indstat(write(PORTAL, "n.csv"), usd=False).table
    assert national.query("variable == 'output'")[["value", "unit"]].values.tolist() == [
        [700.0, "National currency"]
    ]


def test_indstat_spreads_to_a_panel_that_growth_takes(write):
    table = read_indstat(write(INDSTAT)).table
    panel = spread(table, {"va": "value_added", "workers": "employees"}, ["country", "industry", "year"])
    growth = labour_productivity_growth(panel, "va", "workers", ["country", "industry"])
    assert growth.table["growth"].tolist() == pytest.approx([(60 - 50) / 55])
    fewer = spread(table[1:], {"va": "value_added", "workers": "employees"}, ["country", "industry", "year"])
    growth = labour_productivity_growth(fewer, "va", "workers", ["country", "industry"], missing="exclude")
    assert growth.excluded["reason"].tolist() == ["workers missing", "only observation of its unit"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty or begins with an empty line"),
        ("a,b,c\n1,2,3\n", "has no column 'VariableCode'"),
        (
            changed(PORTAL, "ActivityCode", "ActivityKode"),
            "no column 'ActivityCode'. Did you mean 'ActivityKode'",
        ),
        ("04,156,2008,1511\n", "has 4 columns and no header"),
        (changed(INDSTAT, "04,156", "77,156"), "the table code '77', which is not one of 1, 4, 5"),
        (changed(INDSTAT, "1000", "1 000"), "row 1: 'value' is '1 000', which is not a number"),
        (changed(INDSTAT, "2008", "2008p"), "row 1: 'year' is '2008p'"),
        (
            changed(INDSTAT, "156,2009", "156,2008"),
            "country '156', industry '1511', year '2008', variable 'employees' more than",
        ),
    ],
)
def test_bad_indstat_files_are_refused_by_name(write, text, message):
    with pytest.raises(DataError, match=message):
        read_indstat(write(text))


def test_stan_of_oecd_stat(write):
    result = read_stan(write(STAN_OLD))
    assert result.table[["country", "industry", "year", "variable", "unit", "value"]].values.tolist() == [
        ["JPN", "D10T12", 2009, "HRSN", "HRS", 4000.0],
        ["JPN", "D10T12", 2009, "PRDK", "JPY", 20.5e6],
    ]
    assert result.excluded[["year", "reason"]].values.tolist() == [[2010, "not reported"]]


def test_stan_of_the_data_explorer_tells_price_bases_apart(write):
    result = read_stan(write(STAN_NEW))
    panel = spread(result.table, {"y": "P1.L", "value": "P1.V", "l": "EMP"}, ["country", "industry", "year"])
    assert panel.values.tolist() == [["JPN", "C10T12", 2009, 8.5e6, 7.5e6, 3000.0]]
    assert len(result.excluded) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(STAN_OLD, "IND", "INDUST"), "has no column 'IND'. Did you mean 'INDUST'"),
        (changed(STAN_NEW, "OBS_VALUE", "VALUE"), "has no column 'OBS_VALUE'. Did you mean"),
        (changed(STAN_OLD, '"20.5"', '"20,5"'), "'value' is '20,5', which is not a number"),
        (changed(STAN_NEW, "C10T12,L", "C10T12,V"), "variable 'P1.V', unit 'XDC' more than once"),
        (changed(STAN_NEW, "7.5,A,6", "7.5,A,six"), "'power' is 'six'"),
    ],
)
def test_bad_stan_files_are_refused_by_name(write, text, message):
    with pytest.raises(DataError, match=message):
        read_stan(write(text))


def test_spread_refuses_unknown_and_repeated_variables(write):
    table = read_stan(write(STAN_OLD)).table
    with pytest.raises(DataError, match=r"no variable 'PROK'\. Did you mean 'PRDK'"):
        spread(table, {"y": "PROK"}, ["country", "industry", "year"])
    with pytest.raises(DataError, match="country 'JPN', variable 'PRDK' is there more than once"):
        spread(pd.concat([table, table]), {"y": "PRDK"}, ["country"])


def test_nber_ces_full_file_is_deflated(write):
    table = read_nber_ces(write(NBER))
    row = table[table["year"] == 2013].iloc[0]
    assert row["industry"] == "311111"
    assert row[["output", "materials", "capital", "labour"]].tolist() == pytest.approx(
        [2000.0, 800.0, 1510.0, 17.0]
    )
    assert row[["payroll", "published_tfp5"]].tolist() == [520.0, 1.01]


def test_nber_ces_extract_keeps_missing_values(write):
    table = read_nber_ces(write("naics,year,Y,K,L,M\n311330,1990,,,,\n311330,1997,1,2,3,4\n"))
    assert np.isnan(table["output"].tolist()).tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(NBER, "naics", "industry"), "neither a column 'naics' nor 'sic'"),
        (
            changed(NBER, "piship", "pship"),
            r"as a full file of the database\) has no column 'piship'\. Did you mean 'pship'",
        ),
        ("naics,year,Y,K,L\n1,2,3,4,5\n", r"as an extract of the database\) has no column 'M'"),
        (changed(NBER, "311111,2013", "311111,2012"), "industry '311111', year 2012 more than once"),
        (changed(NBER, ",1.1,", ",0,"), "row 2: the price index 'piship' is 0; it must be positive"),
        (changed(NBER, "2200", "D"), "row 2: 'vship' is 'D', which is not a number"),
        (changed(NBER, "311111,2012", "31111X,2012"), "row 1: 'naics' is '31111X'"),
    ],
)
def test_bad_nber_ces_files_are_refused_by_name(write, text, message):
    with pytest.raises(DataError, match=message):
        read_nber_ces(write(text))


def klems_rows():
    row = {"industry_id": 8, "year": 1963, "GO": 100.0, "VA": 60, "CAP": 20.0, "LAB": 40.0, "II": 40}
    indices = ["GO_QI", "VA_QI", "CAP_QI", "LAB_QI", "II_QI", "HRS_QI", "TFPGO", "TFPVA", "LPGO", "LPVA"]
    return pd.DataFrame([row | dict.fromkeys(indices, 1.0)])


def test_klems_workbook_and_table_give_the_same(tmp_path):
    klems_rows().to_excel(tmp_path / "k.xlsx", sheet_name=SHEET, index=False)
    klems_rows().to_parquet(tmp_path / "k.parquet")
    table = read_us_klems(tmp_path / "k.xlsx")
    pd.testing.assert_frame_equal(table, read_us_klems(tmp_path / "k.parquet"))
    assert table[["industry", "capital_cost", "output"]].values.tolist() == [["8", 20.0, 1.0]]


def test_bad_klems_tables_are_refused_by_name(tmp_path):
    path = tmp_path / "k.parquet"
    for frame, message in (
        (
            klems_rows().assign(LAB=39.0),
            "the costs of industry '8', year 1963 sum to 99.00, but its output is 100.00",
        ),
        (klems_rows().drop(columns="II_QI"), "has no column 'II_QI'. It has: "),
        (pd.concat([klems_rows()] * 2), "industry '8', year 1963 more than once"),
    ):
        frame.to_parquet(path)
        with pytest.raises(DataError, match=message):
            read_us_klems(path)
    klems_rows().to_excel(tmp_path / "k.xlsx", sheet_name="Data", index=False)
    with pytest.raises(DataError, match="no readable sheet"):
        read_us_klems(tmp_path / "k.xlsx")


@pytest.mark.parametrize("read", [read_indstat, read_stan, read_nber_ces, read_us_klems])
def test_missing_and_unreadable_files_are_refused_by_name(read, tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "nowhere.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x80\x81")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "bytes.csv")
