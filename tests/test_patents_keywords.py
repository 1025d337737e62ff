"""The keyword screen: elements, compounds, languages, and words that only look like them."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirics.patents.keywords import KeywordScreen, screen
from empirics.patents.tables import keyword_table
from framework.errors import DataError

ENGLISH = {
    "Sc": "scandium", "Y": "yttrium", "La": "lanthanum", "Ce": "cerium", "Pr": "praseodymium", "Nd": "neodymium",
    "Pm": "promethium", "Sm": "samarium", "Eu": "europium", "Gd": "gadolinium", "Tb": "terbium", "Dy": "dysprosium",
    "Ho": "holmium", "Er": "erbium", "Tm": "thulium", "Yb": "ytterbium", "Lu": "lutetium",
}  # fmt: skip


@pytest.mark.parametrize(("element", "name"), ENGLISH.items())
def test_all_seventeen_elements_in_any_case(element, name):
    for spelling in (name, name.upper(), name.capitalize(), f"({name})", f"{name}-doped", f"non-{name}"):
        assert screen(f"An alloy of {spelling}, sintered.", "en") == (element,)


@pytest.mark.parametrize(
    ("text", "language", "elements"),
    [
        ("rare earth", "en", ("REE",)),
        ("Rare-Earth magnet", "en", ("REE",)),
        ("rare\nearths", "en", ("REE",)),
        ("rare\u2010earth", "en", ("REE",)),
        ("Nd\u2014Fe\u2014B sintered", "en", ("Nd",)),
        ("Nd\u2082Fe\u2081\u2084B", "en", ("Nd",)),
        ("Nd.sub.2 Fe.sub.14 B", "en", ("Nd",)),
        ("Y<sub>2</sub>O<sub>3</sub>", "en", ("Y",)),
        ("SmCo5", "en", ("Sm",)),
        ("an R-T-B based magnet", "en", ("REE",)),
        ("ceria", "en", ("Ce",)),
        ("ytter\u00adbium", "en", ("Yb",)),
        ("didymium", "en", ("Nd", "Pr")),
        ("一种NdFeB磁体", "zh", ("Nd",)),
        ("含neodymium的合金", "zh", ("Nd",)),
        ("稀土永磁体含镝", "zh", ("Dy", "REE")),
        ("イッテルビウム", "ja", ("Yb",)),
        ("テルビウム", "ja", ("Tb",)),
        ("ﾈｵｼﾞﾑ", "ja", ("Nd",)),
        ("이테르븀과 산화네오디뮴", "ko", ("Nd", "Yb")),
        ("Neodymmagnet mit Cer", "de", ("Ce", "Nd")),
        ("aimant aux terres rares et au néodyme", "fr", ("Nd", "REE")),
        ("редкоземельный магнит с неодимом", "ru", ("Nd", "REE")),
        ("tierras raras", "ES", ("REE",)),
    ],
)
def test_compounds_spellings_and_languages(text, language, elements):
    assert screen(text, language) == elements


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The prefer Er ho pr sm La Nd", "en"),
        ("Scandinavian design", "en"),
        ("скандинавский", "ru"),
        ("cer", "en"),
        ("a YO-YO, ndfeb and ceo2 in lower case", "en"),
        ("cerumen, europe, ceriph", "en"),
        ("LEDランタン", "ja"),
        ("earth rare", "en"),
        ("", None),
    ],
)
def test_words_that_only_look_like_keywords(text, language):
    assert screen(text, language) == ()


def test_unknown_language_is_tried_with_all():
    assert screen("Cer") == ("Ce",)
    assert screen("镝") == ("Dy",)


@given(st.text(max_size=60), st.sampled_from(list(ENGLISH.values())), st.text(max_size=60))
def test_a_keyword_between_blanks_is_found_in_any_text(before, name, after):
    found = screen(f"{before} {name} {after}", "en")
    assert {element for element, word in ENGLISH.items() if word == name} <= set(found)


def test_own_keywords():
    table = pd.DataFrame(
        [["Li", "any", "word", "lithium"]], columns=["element", "language", "match", "keyword"]
    )
    assert KeywordScreen(table).elements("a Lithium cell; neodymium") == ("Li",)


def test_errors_name_the_keyword_and_the_fix():
    table = keyword_table().head(2)
    with pytest.raises(DataError, match="no column match"):
        KeywordScreen(table.drop(columns="match"))
    with pytest.raises(
        DataError, match=r"'scandium' of element 'Sc'.*word, stem, substring, formula, not 'regex'"
    ):
        KeywordScreen(table.assign(match="regex"))
    with pytest.raises(DataError, match="must not be empty"):
        KeywordScreen(table.assign(keyword=" "))
