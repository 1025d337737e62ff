"""Sets, aliases, indices and elements."""

import copy
import pickle

import sympy as sp
from sympy import Product, Sum

from framework.sets import Element, Part, Set, bound_indices, free_indices, root_of

region = Set("region", "region")
sector = Set("sector", "sector")
n, i = region.indices("n i")
s, k = sector.indices("s k")
x, P = sp.IndexedBase("x"), sp.IndexedBase("P")


def test_sizes_stay_symbolic():
    assert region.size == sp.Symbol("N_region", integer=True, positive=True)
    assert (i.lower, i.upper) == (0, region.size - 1)


def test_an_alias_runs_over_the_same_set_under_another_name():
    importer = region.alias("importer")
    assert (importer.name, importer.root, importer.size) == ("importer", "region", region.size)
    assert importer.indices("i") == region.indices("i")
    assert importer.alias("buyer").root == "region"
    assert root_of(*importer.indices("m")) == "region"


def test_elements_differ_by_role_set_and_label():
    china = region.element("CHN")
    assert (china.name, china.label, china.root) == ("CHN", "CHN", "region")
    assert region.element("CHN", "ree_exporter") != china
    assert region.element("CHN", "exporter") != region.element("USA", "exporter")
    assert sector.element("CHN") != china
    assert region.element("CHN") == china
    assert hash(region.element("CHN")) == hash(china)


def test_elements_survive_copies_and_pickles():
    china = region.element("CHN", "ree_exporter")
    for again in (copy.deepcopy(china), pickle.loads(pickle.dumps(china))):
        assert again == china
        assert isinstance(again, Element)
        assert (again.root, again.label) == ("region", "CHN")


def test_free_and_bound_indices_of_sums_products_and_nests():
    expr = x[n, s] * Sum(x[i, s] * Product(P[i, k], k), i) + Sum(x[i, s], i)
    assert free_indices(expr) == {n, s}
    assert sorted(map(str, bound_indices(expr))) == ["i", "i", "k"]
    nest = Part(x[n, i], P[i, k], i)
    assert free_indices(nest) == {n, k}
    assert bound_indices(nest) == [i]


def test_an_index_may_be_free_in_one_place_and_bound_in_another():
    expr = P[i, s] * Sum(x[i, s], i)
    assert free_indices(expr) == {i, s}
    assert bound_indices(expr) == [i]
