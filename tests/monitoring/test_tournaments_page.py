"""The tournaments page says in plain words how far the best sets are from the next rung."""

import pytest
from django.test import Client

from cts.choices import Role
from monitoring.set_words import words_of_lacking
from tests.factories import TournamentFactory, UserFactory

pytestmark = pytest.mark.django_db
LACKING = {"gate": "active_min_closed", "comparison": ">=", "needed": 50.0, "found": 12.0}


def test_a_set_below_real_is_shown_with_all_that_it_lacks(client: Client):
    client.force_login(UserFactory(role=Role.VIEWER))
    TournamentFactory(
        standing={
            "counts": {"base_evaluating": 24},
            "best": [
                {
                    "key": "BTC/USDT:USDT|direction:N=5:long:tp=10:sl=0.5:trail=none",
                    "stage": "base_evaluating",
                    "lacking": [
                        LACKING,
                        {
                            "gate": "active_min_win_loss_ratio",
                            "comparison": ">=",
                            "needed": 1.2,
                            "found": None,
                        },
                    ],
                }
            ],
        }
    )
    page = client.get("/tournaments").content.decode()
    assert "closed positions &gt;= 50, is 12" in page
    assert "mean win / mean loss &gt;= 1.2, is not known yet" in page
    assert "take-profit 10 units" in page


def test_without_a_closed_position_it_says_so(client: Client):
    client.force_login(UserFactory(role=Role.VIEWER))
    TournamentFactory()
    assert "No set below Real has closed a position" in client.get("/tournaments").content.decode()


def test_an_unknown_gate_keeps_its_name():
    assert words_of_lacking({**LACKING, "gate": "later_gate"}) == "later_gate >= 50, is 12"
