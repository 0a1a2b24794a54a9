"""The page in a real browser: it filters, sorts, opens and prints, and hostile text does nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import records

from dca.report.visible import visible

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from chromium import CONTRAST, Browser, pages  # noqa: E402 - after the skip above
from selenium.common.exceptions import NoAlertPresentException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver on this machine"),
]

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1400,950"
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield started
    started.quit()


@pytest.fixture
def browser(driver: Any, tmp_path: Path) -> Iterator[Browser]:
    """A browser whose page must leave nothing in the console: no error, no refused resource."""
    one = Browser(driver, tmp_path)
    one.log()
    yield one
    assert one.log() == []


def test_filters_change_the_rows(browser: Browser) -> None:
    """A label, a finding, the reward and a fallback choose rows; choices of one group add up, groups narrow."""
    browser.open(records.mixed())
    assert len(browser.ids) == 9
    browser.pick("label:error")
    assert {"gsm8k-0112", "values-1"} < set(browser.ids)
    browser.pick("outcome:wrong")
    assert browser.ids == ["gsm8k-0112", "values-1"]
    assert browser.texts("#shown") == ["2 of 9 transcripts"]
    browser.pick("outcome:right")
    assert len(browser.ids) == 3
    browser.find("#clear").click()
    browser.pick("finding:staged_mistake")
    assert browser.ids == ["staged-3"]
    browser.find("#clear").click()
    browser.pick("review:fallback")
    assert browser.ids == ["gsm8k-0420"]


def test_counts_on_filters_are_live(browser: Browser) -> None:
    """A filter's number is what choosing it would show, given the other groups."""
    browser.open(records.mixed())
    count = "document.querySelector('[data-facet=\"label:key\"] .count').textContent"
    assert browser.run(f"return {count}") == "7"
    browser.pick("outcome:wrong")
    assert browser.run(f"return {count}") == "2"
    browser.pick("label:key")
    assert len(browser.ids) == 2


def test_search_looks_everywhere(browser: Browser) -> None:
    """Words of a prompt, a step, a reason, an id or a fallback find their rows; all words must occur."""
    browser.open(records.mixed())
    for words, found in {
        "natalia CLIPS": ["gsm8k-0007", "gsm8k-0420"],
        "158 eggs": ["gsm8k-0112", "values-1"],
        '"used by nothing"': ["staged-3"],
        "b8d1": ["code-b8d1"],
        "not JSON": ["gsm8k-0420"],
        "nowhere to be found": [],
    }.items():
        browser.find("#search").clear()
        browser.find("#search").send_keys(words)
        assert browser.ids == found
    assert browser.find("#nothing").is_displayed()
    browser.press(Keys.ESCAPE, Keys.ESCAPE)
    assert len(browser.ids) == 9


def test_sorting(browser: Browser) -> None:
    """A heading sorts one way, then the other, then not; `aria-sort` says which."""
    browser.open(records.mixed())
    rewards = {row["id"]: row["reward"] for row in records.mixed()}
    tops = {row["id"]: max(step["credit"] for step in row["steps"]) for row in records.mixed()}
    original = browser.ids
    shown = {visible(key): key for key in rewards}
    head = browser.find("th.c-reward")
    for direction, sign in (("descending", -1), ("ascending", 1)):
        head.find_element(By.TAG_NAME, "button").click()
        assert head.get_attribute("aria-sort") == direction
        values = [sign * rewards[shown[name]] for name in browser.ids]
        assert values == sorted(values)
    head.find_element(By.TAG_NAME, "button").click()
    assert browser.ids == original
    browser.find("th.c-top button").send_keys(Keys.ENTER)
    values = [tops[shown[name]] for name in browser.ids if shown[name] != "tool only"]
    assert values == sorted(values, reverse=True)
    assert head.get_attribute("aria-sort") == "none"


def test_reading_by_mouse(browser: Browser) -> None:
    """A click on a row opens it; the steps show z, credit, label and reason; a link jumps to the step it names."""
    browser.open(records.mixed())
    browser.find("#rows tbody tr .c-reward").click()
    assert browser.heading == "gsm8k-0007"
    assert browser.texts("#step-0 .z") == ["−0.87"]
    assert browser.texts("#step-1 :is(.credit, .chip, .reason)") == [
        "+0.312",
        "key",
        "needed",
        "48 / 2 = 24 holds; used later",
    ]
    assert browser.texts("#step-3 .z") == ["neutral"]
    assert browser.texts(".path .headnum strong") == ["53 %"]
    assert browser.texts(".needed-steps .jump") == ["1", "2", "4"]
    assert browser.texts(".found li li") == [
        "48 + 24 = 72 was already certified",
        "the value is the same after the check",
    ]
    browser.find("#step-3 .jump").click()
    browser.until("document.activeElement.id === 'step-2'")
    browser.find(".back").click()
    browser.until("!document.querySelector('#list').hidden")
    assert browser.run("return document.activeElement.textContent") == "gsm8k-0007"


def test_reading_by_keyboard(browser: Browser) -> None:
    """The keys alone walk rows, open one, walk transcripts and steps, fold, search, help, and go back."""
    browser.open(records.mixed())
    browser.press("j", "j", Keys.ENTER)
    assert browser.heading == "gsm8k-0112"
    browser.press("j")
    browser.until("document.querySelector('#reading-name').textContent === 'staged-3'")
    browser.press(Keys.ARROW_LEFT, "k")
    browser.until("document.querySelector('#reading-name').textContent === 'gsm8k-0007'")
    browser.press("n", "n")
    browser.until("document.activeElement.id === 'step-1'")
    browser.press("s")
    assert browser.find("#fold").get_attribute("aria-pressed") == "true"
    browser.press("?")
    assert browser.find("#keys").is_displayed()
    browser.press(Keys.ESCAPE)
    assert not browser.find("#keys").is_displayed()
    assert browser.heading == "gsm8k-0007"
    browser.press(Keys.ESCAPE)
    browser.until("!document.querySelector('#list').hidden")
    browser.press("/", "clips")
    assert browser.run("return document.activeElement.id") == "search"
    assert len(browser.ids) == 2


@pytest.mark.parametrize("row", [records.right(), records.hostile(), records.proof()])
def test_deep_links(browser: Browser, row: dict[str, Any]) -> None:
    """The address of an open transcript, given to somebody else, opens it there."""
    browser.open(records.mixed())
    address = browser.run(
        "return [...document.querySelectorAll('.open')].find(a => a.textContent === arguments[0]).hash",
        visible(row["id"]),
    )
    browser.open(records.mixed(), address + "&s=1")
    assert browser.heading == visible(row["id"])
    browser.until("document.activeElement.id === 'step-1'")


def test_ids_that_cannot_name_a_row(browser: Browser) -> None:
    """Empty, repeated and unpaired-surrogate ids are addressed by row; an unknown address leaves the list."""
    rows = [records.right() | {"id": name} for name in ("", "twice", "twice", "\ud800", "#t=%")]
    browser.open(rows, "#row=3")
    assert browser.heading == "twice"
    browser.press("j")
    browser.until("document.querySelector('#reading-name').textContent === '\ufffd'")
    browser.open(rows, "#t=%23t%3D%25")
    assert browser.heading == "#t=%"
    browser.open(rows, "#t=nobody%")
    assert browser.texts("#said") == ["There is no transcript nobody%"]
    assert len(browser.ids) == 5


def test_hostile_text_does_nothing(browser: Browser) -> None:
    """Opened, listed or printed, no text runs, loads, opens a dialog, or leaves its place."""
    browser.open([records.hostile()])
    browser.run("dispatchEvent(new Event('beforeprint'))")
    browser.find("#rows .open").click()
    assert "<script>" in browser.heading
    assert browser.run("return window.pwned") is None
    foreign = "img, iframe, #reading script, #reading style, #reading a:not([href^='#'])"
    assert browser.run("return document.querySelectorAll(arguments[0]).length", foreign) == 0
    with pytest.raises(NoAlertPresentException):
        browser.driver.switch_to.alert  # noqa: B018 - asking is the test
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    for k, text in enumerate(records.HOSTILE):
        assert browser.run(f"return document.querySelector('#step-{k} .text').textContent") == visible(text)


def test_the_page_and_the_terminal_spell_the_same_characters(browser: Browser) -> None:
    """Every character below U+3000, and those beyond that matter, look alike in both."""
    probe = "".join(map(chr, range(1, 0x3000))) + "\ufeff\ufffd\U000e0041\U0001f600"
    browser.open([records.record("r", "p", [("x" + probe + "x", None, 0.0)], 1.0)], "#t=r")
    assert browser.until("document.querySelector('#step-0 .text')?.textContent") == visible("x" + probe + "x")


def test_inline_code_is_refused_by_the_policy(browser: Browser) -> None:
    """Were markup ever to slip in, its script and its style would not run."""
    browser.open([records.right()])
    browser.run(
        "const s = document.createElement('div'); s.setAttribute('style', 'color: red'); document.body.append(s);"
        "try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.pwned=9>') }"
        "catch { window.refused = 1 }"
    )
    assert browser.run("return [window.pwned, window.refused]") == [None, 1]
    assert all("Content Security Policy" in line or "TrustedHTML" in line for line in browser.log())


def test_print_holds_everything_shown(browser: Browser) -> None:
    """On paper: the overview and every filtered transcript in full; or the one that is open."""
    browser.open(records.mixed())
    browser.pick("label:staged_mistake")
    keep = "window.sheets = document.querySelector('#print').innerText"
    browser.run(f"addEventListener('beforeprint', () => {{ {keep} }})")
    pdf = browser.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"]
    assert pages(pdf) >= 2
    assert browser.run("return document.querySelectorAll('.sheet').length") == 0  # cleared away afterwards
    said = browser.run("return window.sheets")
    for step in records.staged()["steps"]:
        assert step["text"].strip() in said
    for part in ("z −0.90   credit +0.053   staged mistake", "neutral", "Ledger: 1 to the steps = reward 1", "39 %"):
        assert part in said
    assert "Natalia" not in said
    browser.open(records.mixed(), "#t=gsm8k-0007")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("return document.querySelectorAll('.sheet').length") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(browser: Browser, scheme: str) -> None:
    """Every text has a contrast of at least 4.5 to its ground, in both themes, on the list and in a transcript."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.open(records.mixed())
    weak = browser.run(CONTRAST)
    for row in (records.staged(), records.wrong(), records.program(), records.fallback(), records.shades()):
        browser.open([row], f"#t={row['id']}")
        assert browser.heading == row["id"]
        weak += browser.run(CONTRAST)
    assert weak == []
    ground = "getComputedStyle(document.body).backgroundColor"
    before = browser.run(f"return {ground}")
    browser.find("#theme").click()
    assert browser.run(f"return {ground}") != before
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("width", [360, 700, 1400])
def test_no_sideways_scrolling(browser: Browser, width: int) -> None:
    """From a phone to a desk, list and transcript fit the width."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for address in ("", "#t=code-b8d1", "#row=6"):
        browser.open([*records.mixed(), *records.many(2)], address)
        assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(("rows", "said"), [([], "No transcripts here"), ([records.silent()], "tool only")])
def test_few_rows(browser: Browser, rows: list[dict[str, Any]], said: str) -> None:
    """Nothing, or a single row without a policy step, still makes a page."""
    browser.open(rows)
    assert said in browser.run("return document.querySelector('main').innerText")
    browser.press("j", "k", "s", "n", Keys.ESCAPE)


def test_a_long_transcript_stays_usable(browser: Browser) -> None:
    """64 steps of 30,000 tokens, and one step that is very long: folded text opens, the map jumps."""
    row = next(records.many(1, steps=64, size=1900))
    giant = records.record("giant", "p", [("word " * 20_000, "key", 1.0), ("end", None, 0.0)], 1.0)
    browser.open([row, giant], "#t=giant")
    browser.until("document.querySelector('#step-0 .clamped')")
    assert browser.texts(".more") == ["Show all 100,000 characters"]
    browser.find(".more").click()
    assert browser.texts(".clamped") == []
    browser.press("k")
    browser.until("document.querySelectorAll('#reading .step').length > 50")
    browser.find(".strip.big").click()  # in its middle
    assert (
        10
        < int(browser.until("document.activeElement.id.startsWith('step-') && document.activeElement.id.slice(5)"))
        < 60
    )


def test_two_thousand_rows(browser: Browser) -> None:
    """A page of 2,000 transcripts filters and opens."""
    browser.open(list(records.many(2000, steps=6, size=60)))
    assert browser.texts("#shown") == ["2,000 transcripts"]
    browser.pick("outcome:wrong")
    assert 500 < len(browser.ids) < 1500
    browser.press("j", Keys.ENTER)
    assert browser.heading.startswith("math-")


def test_names_roles_and_landmarks(browser: Browser) -> None:
    """One main landmark, named regions, a skip link first, no repeated id, and every button has a name."""
    browser.open(records.mixed(), "#t=staged-3")
    assert browser.heading
    assert browser.run("return document.querySelectorAll('main, [role=main]').length") == 1
    assert browser.run("return document.querySelector('a').className") == "skip"
    repeated = (
        "const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.length - new Set(ids).size"
    )
    assert browser.run(repeated) == 0
    nameless = "[...document.querySelectorAll('button')].filter(b => !(b.ariaLabel || b.textContent.trim()))"
    assert browser.run(f"return {nameless}.length") == 0
    assert browser.run("return document.title") == "staged-3 · rows"
    assert browser.run("return document.activeElement.id") == "reading-name"
