"""Every page as a reader has it before the eyes: in a real Chromium, without a network, by mouse or keyboard."""

import os
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from hostile import HOSTILE
from matplotlib import get_data_path
from PIL import Image, ImageChops, ImageFilter
from playwright.sync_api import Browser, Page, sync_playwright

from cs_research import open_run
from cs_research.pipeline import Request, run_month
from cs_research.report.page import accounts_listed
from cs_research.report.pdf import write_pdf
from cs_research.simulate import simulate
from cs_research.weekly import write_week

DATA_SETS = ("sample", "crm", "oulad")
DESKTOP, PHONE, SMALL = (1280, 900), (390, 844), (320, 640)
NAMES = ("light-desktop", "dark-phone", "light-phone", "dark-desktop")
# 1.4.12 of the WCAG: what a reader may set to read more easily without losing anything.
SPACING = "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"


FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>{}</dir><cachedir>{}</cachedir>
<alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias></fontconfig>"""


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory) -> Iterator[Browser]:
    """One browser for all, which knows no fonts but matplotlib's: wide ones, and the same on every machine."""
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "fonts.conf").write_text(FONTS.format(Path(get_data_path()) / "fonts", folder), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--font-render-hinting=none", "--disable-lcd-text"],
            env={**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf")})
        yield browser
        browser.close()


class Reader:
    """A window without a network that notes what its pages ask for and complain of."""

    def __init__(self, browser: Browser, name: str = "light-desktop"):
        scheme, size = name.split("-")
        width, height = {"desktop": DESKTOP, "phone": PHONE}[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, offline=True)
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message) or dialog.dismiss())

    def open(self, path: Path) -> Page:
        self.asked.clear(), self.complaints.clear()
        self.page.goto(path.absolute().as_uri())
        return self.page

    def faults(self, path: Path) -> list[str]:
        """Everything wrong with having a page open, which is to ask for itself alone and to be silent."""
        self.open(path)
        more = [f"asked for {url}" for url in self.asked if url != path.absolute().as_uri()]
        return [f"{path.name}: {fault}" for fault in [*self.complaints, *more]]

    def wider_than_screen(self, width: int) -> bool:
        self.page.set_viewport_size({"width": width, "height": 640})
        return self.page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.fixture(scope="module")
def readers(browser: Browser) -> dict[str, Reader]:
    return {name: Reader(browser, name) for name in NAMES}


def kinds(folder: Path) -> list[Path]:
    """A page of each kind: the first one, every notebook's, and that of the account named first."""
    return [*sorted(folder.glob("*.html")), *sorted(folder.glob("accounts/*.html"))[:1]]


def few_accounts(folder: Path) -> list[Path]:
    """Every page, but of the accounts only the smallest and the three largest: they are made of one notebook."""
    accounts = sorted(folder.glob("accounts/*.html"), key=lambda path: path.stat().st_size)
    return [*folder.glob("*.html"), *accounts[:1], *accounts[-3:]]


@pytest.mark.parametrize("few", [True, pytest.param(False, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", DATA_SETS)
def test_every_page_is_silent_asks_for_nothing_and_fits_whatever_the_screen_and_the_text(
        name, few, report_of, browser):
    reader, folder = Reader(browser), report_of(name)
    for path in few_accounts(folder) if few else [*folder.glob("*.html"), *folder.glob("accounts/*.html")]:
        assert not reader.faults(path)
        assert path.stat().st_size < 500_000, path.name
        reader.page.add_style_tag(content=SPACING)
        assert not reader.wider_than_screen(DESKTOP[0] // 2), path.name  # so wide is a page at twice its size
        assert not reader.wider_than_screen(SMALL[0]), path.name


def test_faults_are_seen(browser, tmp_path):
    path = tmp_path / "page.html"
    policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
    path.write_text(f'{policy}<title>t</title><img src="x.png"><script>alert(1)</script>', encoding="utf-8")
    assert len(Reader(browser).faults(path)) >= 2
    path.write_text('<img src="x.png" onerror="alert(2)"><div style="width:400px">.</div>', encoding="utf-8")
    reader = Reader(browser)
    assert any(fault.endswith(": 2") for fault in reader.faults(path)) and reader.wider_than_screen(SMALL[0])


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(name, report_of, readers):
    axe, folder = Axe(), report_of("sample")
    few = [folder / "index.html", folder / "08_actions.html", *sorted(folder.glob("accounts/*.html"))[:1]]
    for path in kinds(folder) if name == NAMES[0] else few:
        found = axe.run(readers[name].open(path), options={"resultTypes": ["violations"], "preload": False})
        assert not found.response["violations"], f"{path.name}: {found.generate_report()}"


@pytest.mark.parametrize("name", DATA_SETS[1:])
def test_axe_finds_nothing_on_the_first_page_of(name, report_of, readers):
    found = Axe().run(readers["light-phone"].open(report_of(name) / "index.html"))
    assert not found.response["violations"], found.generate_report()


REACHED = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  return {what: at.getAttribute("href") || at.tagName,
          ring: style.outlineStyle != "none" && style.outlineWidth != "0px",
          seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight};
}"""
STOPS = """() => [...document.querySelectorAll("a[href], summary, [tabindex='0']")]
  .filter(e => e.checkVisibility()).map(e => e.getAttribute("href") || e.tagName)"""


@pytest.mark.parametrize("name", NAMES[:2])
def test_the_tab_key_reaches_every_link_and_shows_where_it_is(name, report_of, readers):
    folder = report_of("sample")
    for path in (folder / "index.html", folder / "08_actions.html"):
        page = readers[name].open(path)
        stops = page.evaluate(STOPS)
        assert len(stops) > 9
        for stop in stops:
            page.keyboard.press("Tab")
            assert page.evaluate(REACHED) == {"what": stop, "ring": True, "seen": True}, path.name


@pytest.mark.parametrize("name", DATA_SETS)
@pytest.mark.parametrize("page", ["index.html", "index.ja.html"])
def test_the_summary_prints_on_two_sheets(name, page, report_of, tmp_path, chromium):
    pdf = write_pdf(report_of(name) / page, tmp_path / "summary.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox \[([\d. ]+)\]", pdf)
    assert len(boxes) == len(re.findall(rb"/Type /Page\b", pdf)) in (1, 2)
    assert {tuple(round(float(x)) for x in box.split()) for box in boxes} == {(0, 0, 595, 842)}  # A4 in points


# ---------------------------------------------------------------- pictures

PICTURES = Path(__file__).parent / "screenshots"
SIDE = 64  # pixels of a block of the page, shrunk to a square
LIGHTER, BLUER = 1.3, 5  # mean change of lightness in a block, change of colour anywhere in it, of 255
LOOKS = {"desktop": ("light-desktop", "screen", "index"), "phone": ("light-phone", "screen", "index"),
         "dark": ("dark-desktop", "screen", "index"), "print": ("light-desktop", "print", "index"),
         "ja": ("light-desktop", "screen", "index.ja")}  # its letters as boxes, for want of a font that all have
BLOCKS = """() => [...document.querySelectorAll("main > *")].map(e => e.getBoundingClientRect())
  .filter(b => b.height > 1)
  .map(b => [b.left + scrollX, b.top + scrollY, b.right + scrollX, b.bottom + scrollY].map(Math.round))"""


def picture(page: Page) -> Image.Image:
    """The blocks of a page side by side, each shrunk to a square, so that one that grows moves no other."""
    whole = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
    blocks = [whole.crop(box).resize((SIDE, SIDE), Image.Resampling.BOX) for box in page.evaluate(BLOCKS)]
    sheet = Image.new("RGB", (SIDE * len(blocks), SIDE))
    for place, block in enumerate(blocks):
        sheet.paste(block, (place * SIDE, 0))
    return sheet


def differences(seen: Image.Image, approved: Image.Image) -> list[str]:
    """In words what a person would see to have changed; other figures in the same places are no such change."""
    if seen.size != approved.size:
        return [f"{seen.width // SIDE} blocks, not {approved.width // SIDE}"]
    change = ImageChops.difference(*(one.filter(ImageFilter.GaussianBlur(1)).convert("YCbCr")
                                     for one in (seen, approved)))
    told = []
    for block in range(seen.width // SIDE):
        light, *colours = change.crop((block * SIDE, 0, (block + 1) * SIDE, SIDE)).split()
        lighter = sum(value * n for value, n in enumerate(light.histogram())) / SIDE ** 2
        bluer = max(colour.getextrema()[1] for colour in colours)
        if lighter > LIGHTER or bluer > BLUER:
            told.append(f"block {block}: lightness {lighter:.1f}, colour {bluer}")
    return told


@pytest.fixture
def looked_at(request, report_of, browser) -> Page:
    """The first page of the sample as one of LOOKS shows it."""
    if sys.platform != "linux":
        pytest.skip("pictures are compared on Linux alone, where a browser's fonts can be set")
    name, media, page = LOOKS[request.param]
    page = Reader(browser, name).open(report_of("sample") / f"{page}.html")
    page.emulate_media(media=media)
    if media == "print":
        page.set_viewport_size({"width": 718, "height": 1000})  # A4 less its margins, in pixels
    return page


@pytest.mark.parametrize(("look", "looked_at"), [(look, look) for look in LOOKS], indirect=["looked_at"])
def test_the_first_page_looks_as_approved(look, looked_at, request, tmp_path):
    seen, path = picture(looked_at), PICTURES / f"{look}.png"
    if request.config.getoption("--write-screenshots"):
        PICTURES.mkdir(exist_ok=True)
        seen.save(path, optimize=True)
    seen.save(tmp_path / path.name)
    told = differences(seen, Image.open(path).convert("RGB"))
    assert not told, f"{told}: compare {tmp_path / path.name} with {path}; `make screenshots` approves it"


def test_the_approved_pictures_are_small():
    assert sum(path.stat().st_size for path in PICTURES.glob("*")) < 300_000


@pytest.mark.parametrize("change", [
    ":root { --red: #1f7a72 !important; --green: #a31f3d !important }", ".second-first { display: none }",
    ".picture svg { visibility: hidden }", ".spark { visibility: hidden }", "main { max-width: 900px }",
])
@pytest.mark.parametrize("looked_at", ["desktop"], indirect=True)
def test_a_real_change_is_seen(looked_at, change):
    before = picture(looked_at)
    looked_at.add_style_tag(content=change)
    assert differences(picture(looked_at), before)


@pytest.mark.parametrize("looked_at", ["desktop"], indirect=True)
def test_other_figures_in_the_same_places_are_no_change(looked_at):
    before = picture(looked_at)
    looked_at.evaluate("""() => {
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (texts.nextNode())
        texts.currentNode.data = texts.currentNode.data.replace(/[1-7]/g, digit => (+digit + 2) % 9 + 1);
    }""")
    assert not differences(picture(looked_at), before)


# ---------------------------------------------------------------- names that are attacks

RECIPE = """kind: recipe
notebooks:
  - notebook: 08_actions
  - notebook: 09_plan
  - notebook: account
    each: account_id
    at_most: 6
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Request:
    """A simulated company in which every account, every manager and the company itself has a hostile name."""
    root = tmp_path_factory.mktemp("hostile")
    simulate(root / "data", accounts=len(HOSTILE) * 3, months=14, seed=1, truth_accounts=20)
    table = pd.read_csv(root / "data" / "accounts.csv", dtype=str)
    for column, names in (("account_name", HOSTILE), ("owner", HOSTILE[:3])):
        table[column] = [names[n % len(names)] for n in range(len(table))]
    table.to_csv(root / "data" / "accounts.csv", index=False)
    about = yaml.safe_load((root / "data" / "dataset.yml").read_text(encoding="utf-8"))
    (root / "data" / "dataset.yml").write_text(yaml.safe_dump({**about, "name": HOSTILE[1]}), encoding="utf-8")
    (root / "notebooks").symlink_to(Path(__file__).parents[1] / "notebooks")
    (root / "recipes").mkdir()
    (root / "recipes" / "hostile.yml").write_text(RECIPE, encoding="utf-8")
    return Request(root / "data", root / "out", recipe=root / "recipes" / "hostile.yml")


def test_hostile_names_are_shown_literally_and_run_nothing(hostile, browser):
    index, reader, told = run_month(hostile), Reader(browser), ""
    for path in [*index.parent.glob("*.html"), *index.parent.glob("accounts/*.html"), write_week(hostile)]:
        assert not reader.faults(path)
        assert not reader.page.query_selector("script, img, iframe, form, object, a[href*=':'], a[href*='//']")
        told += (shown := reader.page.evaluate("document.body.textContent + document.title"))
        assert HOSTILE[1] in shown, f"{path.name} does not name the company"
        assert not reader.wider_than_screen(SMALL[0]), path.name
    assert {name for name in HOSTILE if name not in told} == set()


def test_hostile_names_title_their_pages(hostile, browser):
    folder, reader = run_month(hostile).parent, Reader(browser)
    run = open_run(folder)
    names = dict(zip(run.account_facts["account_id"], run.account_facts["account_name"], strict=True))
    for stem, account in accounts_listed(run, 6).items():
        page = reader.open(folder / "accounts" / f"{stem}.html")
        assert page.text_content("h1") == names[account] and page.title().startswith(f"{names[account]} · ")


def test_hostile_names_are_no_formulas_in_the_list_for_spreadsheets(hostile):
    listed = pd.read_csv(write_week(hostile).with_name("list.csv"), dtype=str)
    assert set(listed["account_name"].str.removeprefix("'")) <= set(HOSTILE) and len(listed) > 9
    assert not listed["account_name"].str.startswith(("=", "+", "-", "@")).any()
    assert listed["account_name"].str.startswith("'=").any() and listed["account_name"].str.startswith("'@").any()
