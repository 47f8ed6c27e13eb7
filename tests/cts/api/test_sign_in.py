"""Signing in to the API: tokens, their rotation and end, the limits on guessing."""

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests import factories

pytestmark = pytest.mark.django_db
TOKEN, REFRESH, REVOKE = "/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/auth/revoke"


@pytest.fixture
def person():
    return factories.UserFactory(username="ada")


def sign_in(password: str = factories.PASSWORD, username: str = "ada"):
    return APIClient().post(TOKEN, {"username": username, "password": password})


def test_tokens_open_the_api(person):
    tokens = sign_in().json()

    answer = APIClient().get("/api/v1/me", headers={"Authorization": f"Bearer {tokens['access']}"})

    assert answer.status_code == 200
    assert answer.json()["username"] == "ada"
    assert answer.json()["acts"]["manage_connection"] == "own"


def test_a_wrong_password_is_a_problem_that_tells_nothing(person):
    wrong, nobody = sign_in("wrong"), sign_in("wrong", "nobody")

    assert wrong.status_code == nobody.status_code == 401
    assert wrong["Content-Type"] == "application/problem+json"
    assert wrong.json() == nobody.json()


def test_somebody_inactive_gets_no_token(person):
    person.is_active = False
    person.save()

    assert sign_in().status_code == 401


def test_missing_fields_are_named():
    answer = APIClient().post(TOKEN, {"username": "ada"})

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["password"]


def test_five_wrong_passwords_lock_the_name_even_for_the_right_one(person):
    for _ in range(5):
        sign_in("wrong")

    answer = sign_in()

    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:cts:problem:sign_in.locked_out"


def test_more_than_ten_attempts_a_minute_from_one_address_are_slowed_down(person):
    answers = [sign_in("wrong", f"name-{number}") for number in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_a_refresh_token_works_once(person):
    first = sign_in().json()["refresh"]

    second = APIClient().post(REFRESH, {"refresh": first})
    again = APIClient().post(REFRESH, {"refresh": first})

    assert second.status_code == 200
    assert second.json()["refresh"] != first
    assert again.status_code == 401
    assert again["Content-Type"] == "application/problem+json"


def test_a_revoked_refresh_token_is_over(person):
    refresh = sign_in().json()["refresh"]

    assert APIClient().post(REVOKE, {"refresh": refresh}).status_code == 204
    assert APIClient().post(REFRESH, {"refresh": refresh}).status_code == 401


def test_a_new_password_ends_the_tokens(person):
    tokens = sign_in().json()
    person.set_password("another long password of hers")
    person.last_login = timezone.now()
    person.save()

    access = APIClient().get("/api/v1/me", headers={"Authorization": f"Bearer {tokens['access']}"})

    assert access.status_code == 401
    assert APIClient().post(REFRESH, {"refresh": tokens["refresh"]}).status_code == 401


@pytest.mark.parametrize("path", [TOKEN, REFRESH, REVOKE])
def test_nonsense_is_answered_plainly(path):
    answer = APIClient().post(path, data="not json", content_type="application/json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
