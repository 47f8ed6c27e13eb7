import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.tournament.set_spec import (
    InvalidSetError,
    SetSpec,
    Side,
    Source,
    Trailing,
    number_text,
    parse_code,
    parse_source,
    set_key,
    split_key,
)

CODE = "direction:N=10:long:tp=10:sl=0.5:trail=none"


def test_the_code_reads_as_agreed():
    spec = SetSpec(Source.of("direction", N=10), Side.LONG, 10, 0.5)
    assert spec.code == CODE
    assert set_key("BTC/USDT:USDT", spec.code) == f"BTC/USDT:USDT|{CODE}"
    trailed = SetSpec(Source.of("move", N=3), Side.SHORT, 22, 2.2, Trailing(0.6, 0.2))
    assert trailed.code == "move:N=3:short:tp=22:sl=2.2:trail=0.6,0.2"


@given(
    st.builds(
        SetSpec,
        source=st.builds(
            lambda type_, length: Source.of(type_, N=length),
            st.sampled_from(["direction", "move"]),
            st.integers(3, 30),
        ),
        side=st.sampled_from(list(Side)),
        tp_units=st.floats(2, 100),
        sl_ratio=st.floats(0.1, 5),
        trailing=st.none() | st.builds(Trailing, st.floats(0.05, 10), st.floats(0.05, 10)),
    )
)
def test_every_code_reads_back_to_the_same_set(spec):
    assert parse_code(spec.code) == spec
    assert parse_code(spec.code).code == spec.code


def test_other_spellings_of_a_number_read_as_the_canonical_one():
    assert parse_code("direction:N=10.0:long:tp=10.0:sl=.50:trail=none").code == CODE


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("", "Set code: expected 6 fields .*, was 1 in ''"),
        ("direction:N=10:long:tp=10:sl=0.5", "expected 6 fields .*, was 5"),
        (CODE + ":x", "expected 6 fields .*, was 7"),
        (
            CODE.replace("direction", "magic"),
            "type: expected one of direction, move, was 'magic'",
        ),
        (CODE.replace("N=10", "N=2"), r"N: expected a whole number from 3 to 30 \(frames\), was 2"),
        (CODE.replace("N=10", "N=3.5"), "N: expected a whole number from 3 to 30"),
        (CODE.replace("N=10", "N=x"), "N: expected a number, was 'x'"),
        (CODE.replace("N=10", "M=10"), "direction: expected the parameters N, was M"),
        (CODE.replace("N=10", "N=10,N=3"), "parameters: expected name=value, each name once"),
        (CODE.replace("N=10", ""), "parameters: expected name=value"),
        (CODE.replace("long", "up"), "side: expected long or short, was 'up'"),
        (CODE.replace("tp=10", "tp=1"), "tp: expected 2 to 100 units, was 1"),
        (CODE.replace("tp=10", "tp=nan"), "tp: expected 2 to 100 units, was nan"),
        (CODE.replace("tp=10", "tp=ten"), "tp: expected a number, was 'ten'"),
        (CODE.replace("tp=10", "take=10"), "tp: expected tp=..., was 'take=10'"),
        (
            CODE.replace("sl=0.5", "sl=9"),
            "sl: expected 0.1 to 5 x the take-profit distance, was 9",
        ),
        (CODE.replace("none", "0.6"), r"trail: expected none or start,stop .*, was '0.6'"),
        (CODE.replace("none", "0.6,x"), "trail stop: expected a number, was 'x'"),
        (
            CODE.replace("none", "0.6,99"),
            "trailing stop_pct: expected 0.05 to 10 % of entry, was 99",
        ),
    ],
)
def test_a_bad_code_says_which_field_and_what_was_expected(code, complaint):
    with pytest.raises(InvalidSetError, match=complaint):
        parse_code(code)


def test_a_source_needs_its_colon():
    with pytest.raises(InvalidSetError, match="source: expected type:name=value, was 'move'"):
        parse_source("move")


def test_keys_split_where_they_were_joined():
    assert split_key(set_key("BTC/USDT:USDT", CODE)) == ("BTC/USDT:USDT", CODE)
    for bad in ("BTC", "|code", "BTC|"):
        with pytest.raises(InvalidSetError, match=r"expected symbol\|code"):
            split_key(bad)


@pytest.mark.parametrize(("value", "text"), [(10, "10"), (10.0, "10"), (0.5, "0.5"), (0.3, "0.3")])
def test_numbers_are_written_as_short_as_can_be(value, text):
    assert number_text(value) == text


def test_signs_name_sides():
    assert (Side.LONG.sign, Side.SHORT.sign) == (1, -1)
    assert (Side.of_sign(1), Side.of_sign(-1)) == (Side.LONG, Side.SHORT)
