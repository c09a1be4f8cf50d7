"""The ledger's choice and the definitions of terms, as a reader uses them: by mouse, by keyboard, by touch, without scripts."""

import pytest
from conftest import SITE
from test_browser import Visit

SHOWN = "[...document.querySelectorAll('table.ledger tbody tr')].filter(row => row.checkVisibility()).map(row => row.className)"


def test_the_ledger_shows_one_outcome_chosen_by_keyboard(browser, address):
    visit = Visit(browser, address, "claims")
    visit.show_all()  # sections far from the screen are not laid out before
    everything = visit.page.evaluate(SHOWN)
    visit.page.locator("#show-all").focus()
    for outcome in ("holds", "holds-with-conditions", "does-not-hold", "undecided-at-this-size"):
        visit.page.keyboard.press("ArrowRight")
        assert visit.page.locator(f"#show-{outcome}").is_checked()
        assert visit.page.evaluate(SHOWN) == [row for row in everything if row == f"verdict-{outcome}"]
        for chapter in visit.page.locator(".ledger-chapter").all():  # a chapter without such a claim says so
            rows = chapter.locator(f"tr.verdict-{outcome}").count()
            assert chapter.locator(".ledger-none").is_visible() == (rows == 0)
    visit.page.context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_ledger_reads_whole_without_scripts_and_on_paper(browser, address, width):
    visit = Visit(browser, address, "claims", width, java_script_enabled=False)
    for media in ("screen", "print"):
        visit.page.emulate_media(media=media)
        rows = visit.page.locator("table.ledger tbody tr")
        assert rows.count() > 20 and all(row.is_visible() for row in rows.all())
    visit.page.context.close()


def open_definition(visit):
    return visit.page.locator(".definition:popover-open")


def test_a_definition_opens_on_hover_stays_and_is_dismissed(browser, address):
    visit = Visit(browser, address, "regularization")
    term = visit.page.locator("a.term").nth(3)
    term.hover()
    open_definition(visit).wait_for()
    open_definition(visit).hover()  # it can be pointed at
    visit.page.wait_for_timeout(600)
    assert open_definition(visit).count() == 1
    visit.page.keyboard.press("Escape")
    assert open_definition(visit).count() == 0
    term.hover()
    open_definition(visit).wait_for()
    visit.page.mouse.move(5, 5)
    open_definition(visit).wait_for(state="hidden")
    assert not visit.complaints
    visit.page.context.close()


def test_a_definition_opens_by_keyboard_and_stays_within_the_window(browser, address):
    visit = Visit(browser, address, "regularization", 360)
    terms = visit.page.locator("a.term")
    for place in range(0, terms.count(), 5):
        terms.nth(place).focus()
        visit.page.keyboard.press("Shift+Tab")
        visit.page.keyboard.press("Tab")
        box = open_definition(visit).bounding_box()
        assert open_definition(visit).count() == 1 and box["x"] >= 0 and box["x"] + box["width"] <= 360
        assert open_definition(visit).get_attribute("id") == terms.nth(place).get_attribute("aria-describedby")
    visit.page.keyboard.press("Escape")
    assert open_definition(visit).count() == 0
    visit.page.context.close()


def test_a_definition_opens_on_tap_and_leads_to_the_glossary(browser, address):
    visit = Visit(browser, address, "regularization", 390, has_touch=True, is_mobile=True)
    term = visit.page.locator("a.term").nth(5)
    term.tap()
    open_definition(visit).wait_for()
    term.tap()
    assert open_definition(visit).count() == 0 and "regularization" in visit.page.url
    term.tap()
    open_definition(visit).get_by_role("link", name="Glossary").tap()
    visit.page.wait_for_url("**/glossary.html#term-*")
    visit.page.context.close()


def test_definitions_work_from_a_file_and_terms_are_links_without_scripts(browser, address):
    page = browser.new_context().new_page()
    page.goto((SITE / "regularization.html").as_uri())
    page.locator("a.term").first.hover()
    page.locator(".definition:popover-open").wait_for()
    page.context.close()
    visit = Visit(browser, address, "regularization", java_script_enabled=False)
    assert visit.page.locator(".definition").first.is_hidden()
    visit.page.locator("a.term").first.click()
    visit.page.wait_for_url("**/glossary.html#term-*")
    visit.page.context.close()


def test_a_menu_to_take_a_chapter_along_opens_by_keyboard(browser, address):
    visit = Visit(browser, address, "regularization", java_script_enabled=False)
    visit.page.locator(".take-along summary").focus()
    visit.page.keyboard.press("Enter")
    assert visit.page.get_by_role("link", name="Notebook").is_visible()
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="Notebook").click()
    assert download.value.suggested_filename == "regularization.ipynb"
    visit.page.context.close()
