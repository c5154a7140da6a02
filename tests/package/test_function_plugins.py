"""Functions of plug-ins: an enricher with data of its own, held by the kit, used by a rule."""

import pytest

from trackplane.enrichers import load_functions
from trackplane.errors import ConfigurationError
from trackplane.rules.functions import Function
from trackplane.rules.library.table import overload
from trackplane.testing.functions import FunctionConformance

RATES = {"SGD": 0.74, "EUR": 1.08}


def rate(_call, _environment):
    return RATES.get


class TestRate(FunctionConformance):
    """A plain function of a package."""

    @pytest.fixture
    def function(self):
        return Function(
            name="acme_rate",
            doc="US dollars for one unit of a currency; NULL where it is not known.",
            signatures=(overload("string -> float64", null=True),),
            make=rate,
            cost=2,
            examples=(('acme_rate("EUR")', 1.08), ('acme_rate("XXX")', None)),
        )


ENRICHER = """
from trackplane.rules.functions import Function
from trackplane.rules.library.table import overload

def open_companies(folder):
    names = dict(line.split(",") for line in (folder / "names.csv").read_text().split())
    return [
        Function(
            name="acme_company",
            doc="The name of a company by its number.",
            signatures=(overload("string -> string", null=True),),
            make=lambda call, environment: names.get,
        )
    ]
"""


def test_an_enricher_is_opened_on_the_folder_of_its_data(installed, tmp_path):
    installed(ENRICHER, "enrichers", {"companies": "open_companies"})
    folder = tmp_path / "enrichers" / "companies"
    folder.mkdir(parents=True)
    (folder / "names.csv").write_text("17,Acme\n")
    assert load_functions(tmp_path / "enrichers") == ["acme_company"]


def test_an_enricher_without_its_data_is_named(installed, tmp_path):
    module = installed(ENRICHER, "enrichers", {"companies": "open_companies"})
    with pytest.raises(ConfigurationError, match="companies"):
        load_functions(tmp_path / "none")
    assert module


def test_nobody_takes_the_name_of_a_function_that_is_there(installed, tmp_path):
    text = """
from trackplane.rules.functions import FUNCTIONS, Function
from trackplane.rules.library.table import overload
lower = Function(name="lower", doc="Mine.", signatures=(overload("string -> string"),), make=lambda c, e: str)
"""
    installed(text, "functions", {"lower": "lower"})
    with pytest.raises(ConfigurationError, match="already"):
        load_functions(tmp_path)
