"""Client order ids."""

import re
from datetime import timedelta

import pytest

from positions.client_ids import client_order_id
from positions.models import LivePosition
from tests.factories import LivePositionFactory

pytestmark = pytest.mark.django_db


def test_the_same_cause_always_gives_the_same_id() -> None:
    position = LivePositionFactory()
    again = LivePosition.objects.get(pk=position.pk)
    assert client_order_id(position, "exit|1|0") == client_order_id(again, "exit|1|0")


def test_other_causes_and_other_positions_give_other_ids() -> None:
    one, other = LivePositionFactory(), LivePositionFactory()
    given = {client_order_id(p, c) for p in (one, other) for c in ("exit|1|0", "exit|1|1")}
    assert len(given) == 4


def test_the_id_is_legal_at_every_exchange() -> None:
    # Binance [.A-Z:/a-z0-9_-]{1,36}; OKX, KuCoin alphanumeric up to 32; Gate adds "t-" to 28
    assert re.fullmatch(r"c[a-z2-7]{27}", client_order_id(LivePositionFactory(), "entry|x"))


def test_a_restored_backup_that_reuses_numbers_does_not_reuse_ids() -> None:
    position = LivePositionFactory()
    former = client_order_id(position, "exit|1|0")
    position.created_at += timedelta(hours=1)
    assert client_order_id(position, "exit|1|0") != former
