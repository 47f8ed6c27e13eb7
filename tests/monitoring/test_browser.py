"""A person with a real browser: signs in, sees the dashboard, pauses an engine, closes a position.

Nothing may appear on the console: no script error, nothing that the content policy blocked.
"""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cts.choices import Role
from positions.choices import PositionState
from tests import factories
from trading.choices import DesiredState

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # playwright's loop runs in this thread; Django takes that for asynchronous code
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture(params=[(1440, 900), (390, 844)], ids=["desktop", "phone"])
def page(request, chromium, live_server, complaints) -> Iterator[Page]:
    width, height = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": height}, base_url=live_server.url
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    yield page
    context.close()


def sign_in(page: Page, username: str) -> None:
    page.goto("/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def no_sideways_scroll(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_pauses_an_engine_and_closes_a_position(page, complaints):
    owner = factories.UserFactory(username="tom", role=Role.TRADER)
    engine = factories.EngineFactory(connection__owner=owner, connection__live=True)
    position = factories.LivePositionFactory(connection=engine.connection)

    sign_in(page, "tom")
    assert no_sideways_scroll(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("is asked to pause")).to_be_visible()
    expect(page.get_by_text("wanted: paused")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("link", name="Close BTC/USDT:USDT long").click()
    expect(page.get_by_role("dialog")).to_contain_text("will be closed at market")
    page.get_by_role("button", name="Close at market").click()
    expect(page.get_by_text("Closing BTC/USDT:USDT long at market.")).to_be_visible()

    engine.refresh_from_db()
    position.refresh_from_db()
    assert engine.desired == DesiredState.PAUSED
    assert position.state == PositionState.CLOSING
    assert complaints == []


def test_every_page_fits_the_screen_and_runs_under_its_policy(page, complaints):
    factories.UserFactory(username="ada", role=Role.ADMIN)
    engine = factories.EngineFactory(connection__live=True)
    position = factories.LivePositionFactory(connection=engine.connection)
    order = factories.OrderFactory(position=position)
    factories.FillFactory(order=order)
    factories.LivePositionFactory(connection=engine.connection, closed=True)
    set_ = factories.TournamentSetFactory()
    factories.StageChangeFactory(tournament=set_.tournament)
    factories.PseudoPositionFactory(tournament_id=set_.tournament_id)

    sign_in(page, "ada")
    wide = []
    for path in (
        "/",
        "/connections",
        "/connections/new",
        f"/connections/{engine.connection_id}",
        f"/connections/{engine.connection_id}/live-on",
        "/positions",
        "/positions/closed",
        "/positions/paper",
        f"/positions/{position.pk}",
        "/tournaments",
        "/system",
        "/api/v1/docs",
        "/admin/",
        f"/admin/connections/connection/{engine.connection_id}/change/",
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        if not no_sideways_scroll(page):
            wide.append(path)

    assert wide == []
    assert complaints == []


def test_a_dialog_of_the_admin_acts(page, complaints):
    factories.UserFactory(username="ada", role=Role.ADMIN)
    engine = factories.EngineFactory()

    sign_in(page, "ada")
    page.goto(f"/admin/trading/engine/{engine.pk}/pause/")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_url("**/change/")

    engine.refresh_from_db()
    assert engine.desired == DesiredState.PAUSED
    assert [each for each in complaints if "favicon" not in each] == []
