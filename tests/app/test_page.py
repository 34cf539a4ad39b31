"""The page of `semcomm app` in a browser: load, drop, slide, swap; at a desk and on a phone, by mouse and by keyboard.

Run by `.ci/page`: it takes Gradio, Playwright and a Chromium that is installed.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="Gradio is not installed: pip install 'semcomm[app]'")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("there is no Chromium", allow_module_level=True)
PATIENCE_MS = 240_000
SYSTEM, OTHER = "deep-jscc-c1", "mlsc-image-l2-t8"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The command, in an empty folder: its address, its folder, and the one for temporary files."""
    folder, temporary = tmp_path_factory.mktemp("where"), tmp_path_factory.mktemp("temporary")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from semcomm.cli.main import main; main()"]
    command += ["app", "--no-browser", "--port", str(port)]
    environment = os.environ | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    said = process.stdout.readline()
    assert f"http://127.0.0.1:{port}" in said
    yield f"http://127.0.0.1:{port}/", folder, temporary
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    process.stdout.close()
    assert list(temporary.glob("semcomm-app-*")) == []  # what was dropped is gone


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, served):
    """Open the page at a width, with a fast system chosen; and hear what it asks for and what it complains of."""
    pages = []

    def opened(width=1280, height=900):
        page = browser.new_page(viewport={"width": width, "height": height})
        pages.append(page)
        page.set_default_timeout(PATIENCE_MS)
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" else None)
        page.goto(served[0])
        page.wait_for_selector("#received img")
        choose(page, "System", SYSTEM)
        wait_for(page, "14,080")  # its channel uses
        return page

    yield opened
    for page in pages:
        assert page.errors == []
        page.close()


def choose(page, label, value):
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=value, exact=True).click()


def wait_for(page, words, where="#received"):
    page.wait_for_function(
        "([where, words]) => document.querySelector(where).innerText.includes(words)", arg=[where, words]
    )


def test_it_loads_nothing_from_elsewhere(open_page, served):
    page = open_page()
    wait_for(page, "AVIF over 5G LDPC", "#codecs")
    assert page.locator("#received img").count() == 3  # sent, received, symbols
    assert page.locator("img:not([alt])").count() == 0
    assert [url for url in page.asked if not url.startswith((served[0], "data:", "blob:"))] == []
    with urllib.request.urlopen(served[0]) as answer:
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "fonts.googleapis" not in answer.read().decode()
    assert list(served[1].iterdir()) == []


def test_keys_slide_the_snr(open_page):
    page = open_page()
    page.locator("#snr input[type=range]").focus()
    page.keyboard.press("ArrowLeft")
    wait_for(page, "received, 9 dB")
    page.keyboard.press("Home")
    wait_for(page, "received, -5 dB")


@pytest.mark.slow
def test_a_prepared_snr_is_there_within_a_second(open_page):
    page = open_page()
    wait_for(page, "All SNRs are prepared.", "body")
    slider = page.locator("#snr input[type=range]")
    times = []
    for snr_db in (11, 12, 13, 12, 11):
        slider.focus()
        started = time.monotonic()
        page.keyboard.press("ArrowRight" if snr_db > 10 + len(times) else "ArrowLeft")
        wait_for(page, f"received, {snr_db} dB")
        times.append(time.monotonic() - started)
    assert sorted(times)[2] < 1, times


def test_a_dropped_photograph_is_sent(open_page, served, tmp_path):
    page = open_page()
    Image.radial_gradient("L").resize((1200, 700)).convert("RGB").save(tmp_path / "own.tiff")
    before = page.get_attribute("#received img", "src")
    page.set_input_files("input[type=file]", tmp_path / "own.tiff")
    page.wait_for_function("was => document.querySelector('#received img').src != was", arg=before)
    assert page.get_by_label("my own").is_checked()
    width, height = page.evaluate(
        "(({naturalWidth: w, naturalHeight: h}) => [w, h])(document.querySelector('#received img'))"
    )
    assert (width, height) == (512, 299)
    assert list(served[1].iterdir()) == []
    found = {path for path in served[2].rglob("*") if path.name == "own.tiff"}
    assert len(found) == 1
    assert found.pop().is_relative_to(next(served[2].glob("semcomm-app-*")))


def test_a_bad_file_gets_a_message(open_page, tmp_path):
    page = open_page()
    (tmp_path / "bad.jpg").write_text("no picture at all")
    page.set_input_files("input[type=file]", tmp_path / "bad.jpg")
    page.wait_for_selector("p.message")
    assert page.inner_text("p.message") == "not an image that can be read: bad.jpg"
    assert page.locator("#received img").count() == 3


def test_systems_and_channels_are_swapped(open_page):
    page = open_page()
    assert not page.get_by_label("Levels sent").first.is_visible()
    choose(page, "System", OTHER)
    wait_for(page, "Caption sent")
    choose(page, "Channel", "Rician")
    page.wait_for_function("!document.querySelector('#codecs').innerText.includes('capacity')")
    page.get_by_label("The sender knows the SNR").click()
    wait_for(page, "sender is told")


def test_a_phone_shows_all_of_it(open_page):
    page = open_page(400, 800)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.wait_for_function("document.querySelector('#codecs').innerText.includes('capacity')")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(500)
    assert page.locator("#received").bounding_box()["y"] < 0  # scrolled away
    assert 0 <= page.locator("#snr").bounding_box()["y"] < 100  # the slider stays in sight
