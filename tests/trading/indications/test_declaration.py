import subprocess
import sys

import pytest

from trading.indications.declaration import Category, InvalidParameterError
from trading.indications.registry import INDICATIONS, UnknownIndicationError, indication_of


def test_every_indication_declares_itself_completely():
    for type_, indication in INDICATIONS.items():
        assert indication.type == type_
        assert indication.label
        assert indication.category is Category.MAIN
        assert indication.checked(indication.defaults()) == indication.defaults()
        for parameter in indication.parameters:
            assert parameter.low <= parameter.default <= parameter.high
            assert parameter.label
            assert parameter.unit


def test_an_unknown_type_names_the_known_ones():
    with pytest.raises(UnknownIndicationError, match=r"direction, move, was 'magic'"):
        indication_of("magic")


@pytest.mark.parametrize("value", [2, 31, 3.5, "many", None, float("nan")])
def test_a_parameter_out_of_range_says_the_range(value):
    with pytest.raises(InvalidParameterError, match=r"N: expected a whole number from 3 to 30"):
        indication_of("direction").checked({"N": value})


@pytest.mark.parametrize("params", [{}, {"M": 3}, {"N": 3, "M": 3}])
def test_missing_and_unknown_parameters_are_refused(params):
    with pytest.raises(InvalidParameterError, match="direction: expected the parameters N, was"):
        indication_of("direction").checked(params)


def test_nothing_here_imports_django():
    code = (
        "import sys, trading.tournament.book, trading.tournament.backtest;"
        "sys.exit(any(name == 'django' or name.startswith('django.') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
