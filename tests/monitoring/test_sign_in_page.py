"""Signing in and out in the browser."""

import pytest

from cts.choices import Role
from tests import factories
from tests.factories import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return factories.UserFactory(username="ada")


def sign_in(browser, password=factories.PASSWORD, **more):
    return browser.post("/sign-in", {"username": "ada", "password": password, **more})


def test_signs_in_and_goes_where_the_person_wanted(person):
    browser = browser_of(None)

    asked = browser.get("/positions?side=long")
    answer = sign_in(browser, next="/positions?side=long")

    assert asked["Location"] == "/sign-in?next=/positions%3Fside%3Dlong"
    assert answer["Location"] == "/positions?side=long"
    assert browser.get("/").status_code == 200


def test_does_not_go_to_other_sites(person):
    assert sign_in(browser_of(None), next="https://evil.test/")["Location"] == "/"


def test_a_wrong_password_keeps_the_name_and_says_so(person):
    answer = sign_in(browser_of(None), "wrong")

    assert answer.status_code == 200
    assert b'value="ada"' in answer.content
    assert b"Please enter a correct username and password" in answer.content


def test_five_wrong_passwords_lock_the_name(person):
    browser = browser_of(None)
    for _ in range(5):
        sign_in(browser, "wrong")

    answer = sign_in(browser)

    assert answer.status_code == 429
    assert b"locked for your address for 15 minutes" in answer.content
    assert browser.get("/").status_code == 302


def test_many_attempts_from_one_address_are_slowed_down():
    browser = browser_of(None)
    answers = [
        browser.post("/sign-in", {"username": f"name-{number}", "password": "x"})
        for number in range(11)
    ]

    assert {answer.status_code for answer in answers[:10]} == {200}
    assert answers[10].status_code == 429
    assert b"Too many attempts from your address" in answers[10].content


def test_signs_out_by_post_only(person):
    browser = browser_of(person)

    assert browser.get("/sign-out").status_code == 405
    assert browser.get("/").status_code == 200
    assert browser.post("/sign-out")["Location"] == "/sign-in"
    assert browser.get("/").status_code == 302


def test_the_admin_has_no_sign_in_page_of_its_own():
    assert browser_of(None).get("/admin/login/?next=/admin/")["Location"] == (
        "/sign-in?next=/admin/"
    )


def test_pages_carry_a_strict_policy_and_the_admin_its_own(person):
    admin = factories.UserFactory(role=Role.ADMIN)

    page = browser_of(person).get("/")["Content-Security-Policy"]
    admins = browser_of(admin).get("/admin/")["Content-Security-Policy"]

    assert "unsafe" not in page
    assert "default-src 'none'" in page
    assert "'unsafe-eval'" in admins
    assert "default-src 'none'" in admins
    assert "script-src 'self' 'unsafe-eval'" in admins


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/nowhere", 404, b"There is nothing here"), ("/system", 403, b"Your role does not allow")],
)
def test_errors_are_plain_pages(person, path, status, words):
    answer = browser_of(person).get(path)

    assert answer.status_code == status
    assert words in answer.content
