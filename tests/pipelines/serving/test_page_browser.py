"""The page in Chromium: each control does what it says, no request goes to another host, the console is quiet."""

import csv
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'captioner[serve]'")
pytest.importorskip("playwright", reason="these tests need playwright: pip install playwright")
import uvicorn
from playwright.sync_api import sync_playwright

from pipelines.serving.app import create_app
from pipelines.serving.page.blocks import Page
from pipelines.serving.service import ServiceLimits
from tests.support_serving import StubVisualQA, WordyCaptioner, file_of, service_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: the page is not tried in a browser"),
]
PASSWORD = "open sesame"
WAIT = 60_000  # milliseconds; the machine may be busy


@contextmanager
def running(app) -> Iterator[str]:
    """An application at an address of this machine."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "a page that is open keeps the service from ending"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    pictures = tmp_path_factory.mktemp("examples")
    for shade in (40, 200):
        (pictures / f"shade_{shade}.png").write_bytes(file_of(shade, 64))
    models = (("photos", WordyCaptioner), ("second", WordyCaptioner), ("answers", StubVisualQA))
    service = service_of(*models, limits=ServiceLimits())
    page = Page(service, examples=sorted(pictures.glob("*.png")))
    with running(create_app(service, PASSWORD, page)) as address:
        yield address
    service.close()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
        )
        yield browser
        browser.close()


@pytest.fixture(params=[(1400, "light"), (390, "dark")], ids=["wide and light", "narrow and dark"])
def page(request, chromium, address):
    """The page, loaded; at the end there must have been no request elsewhere and no error."""
    width, scheme = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, permissions=["camera", "clipboard-read"],
        http_credentials={"username": "anyone", "password": PASSWORD}, accept_downloads=True,
    )  # fmt: skip
    context.set_default_timeout(WAIT)
    wrong = []

    def route(route):
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            wrong.append(f"a request to {route.request.url}")
            route.abort()

    context.route("**/*", route)
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and wrong.append(f"{message.text} {message.location}"))
    page.on("pageerror", lambda error: wrong.append(f"error {error}"))
    page.goto(address)
    page.wait_for_selector(".examples button")
    yield page
    context.close()
    assert not wrong


def choose(page, number=1):
    page.locator(".examples:visible button").nth(number).click()
    page.wait_for_selector("#caption-text .caption")


def tab(page, name):
    page.get_by_role("tab", name=name).click()


def caption(page):
    return page.inner_text("#caption-text .caption")


def again(page, expected):
    page.click("#again")
    page.get_by_text(expected).first.wait_for()


def set_number(page, name, value):
    """Types a number until the slider stands there, too: a control that just appeared may be drawn again without it."""
    for _ in range(20):
        page.fill(f"#control-{name} input[type=number]", str(value))
        page.press(f"#control-{name} input[type=number]", "Tab")
        page.wait_for_timeout(200)
        if page.input_value(f"#control-{name} input[type=range]") == str(value):
            return
    raise AssertionError(f"{name} did not become {value}")


def fits(page):
    """Whether nothing sticks out at the side."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_an_example_is_captioned_at_once(page):
    choose(page)
    assert caption(page) == "beams 3 groups 1 words 1 22 with without"
    size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('#caption-text .caption')).fontSize)")
    assert size >= 24
    numbers = page.locator("#caption-candidates .number").all_inner_texts()
    assert numbers == ["60.7 %", "36.8 %", "22.3 %"] and fits(page)


def test_an_upload_is_captioned_at_once_and_can_be_removed(page, tmp_path):
    (path := tmp_path / "mine.png").write_bytes(file_of(90, 32))
    page.set_input_files("#caption-picture input[type=file]", path)
    page.wait_for_selector("#caption-text .caption")
    page.get_by_label("Remove Image").or_(page.locator("#caption-picture button[aria-label*=lear]")).first.click()
    page.get_by_text("Choose a picture: its caption appears here.").wait_for()
    assert not page.locator("#caption-attention img").count()


def test_a_picture_is_dropped(page):
    data = page.evaluate_handle(
        """(bytes) => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"})); return data; }""",
        list(file_of(90, 32)),
    )
    page.dispatch_event("#caption-picture button:has(input), #caption-picture .upload-container button", "drop",
                        {"dataTransfer": data})  # fmt: skip
    page.wait_for_selector("#caption-text .caption")


def test_the_webcam_takes_a_picture(page):
    page.locator("#caption-picture").get_by_label("Capture from camera").click()
    page.locator("#caption-picture").get_by_text("Click to Access Webcam").click()
    page.locator("#caption-picture video").wait_for()
    page.wait_for_timeout(500)
    page.locator("#caption-picture").get_by_label("capture photo").click()
    page.wait_for_selector("#caption-text .caption")


def test_the_slider_shows_the_attention_of_each_word(page):
    choose(page)
    slider = page.get_by_role("slider", name="Word")
    visible = page.locator("#caption-attention .frames img:visible")
    assert visible.count() == 1 and "beams" in visible.get_attribute("alt")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert visible.count() == 1 and visible.get_attribute("alt").endswith(": 3")
    assert slider.get_attribute("aria-valuetext") == "3"
    page.keyboard.press("Home")
    assert visible.get_attribute("alt") == "The picture"
    page.locator(".chips button", has_text="groups").click()
    assert "groups" in visible.get_attribute("alt") and slider.input_value() == "3"
    assert page.locator(".chips button[aria-pressed=true]").all_inner_texts() == ["groups"]


def test_each_control_changes_the_caption(page):
    choose(page)
    page.get_by_role("button", name="How it writes").click()
    for name, value in (
        ("num_beams", 6),
        ("num_beam_groups", 2),
        ("min_words", 4),
        ("max_words", 9),
        ("candidates", 2),
    ):
        set_number(page, name, value)
    page.fill("#control-bad_words input, #control-bad_words textarea", "a")
    page.fill("#control-force_words input, #control-force_words textarea", "dog")
    again(page, "beams 6 groups 2 words 4 9 with dog without a")
    assert page.locator("#caption-candidates .bars li").count() == 2
    page.fill("#control-force_words input, #control-force_words textarea", "")
    page.get_by_label("Sample words at random").check()
    for name, value in (("temperature", 0.5), ("top_k", 7), ("top_p", 0.9), ("seed", 5)):
        set_number(page, name, value)
    again(page, "sampled 0.5 7 0.9 seed 5")
    assert fits(page)


def test_what_cannot_be_is_a_sentence(page):
    choose(page)
    page.get_by_role("button", name="How it writes").click()
    set_number(page, "candidates", 9)
    again(page, "3 beams give 1 to 3 candidates; received 9")


def test_enter_in_a_field_writes_again(page):
    choose(page)
    page.get_by_role("button", name="How it writes").click()
    page.fill("#control-force_words input, #control-force_words textarea", "dog")
    page.keyboard.press("Enter")
    page.get_by_text("with dog without").first.wait_for()


def test_a_question_is_asked_about_the_captioned_picture(page):
    choose(page)
    tab(page, "Questions")
    page.fill("#question input, #question textarea", "what is it?")
    page.fill("#choices input, #choices textarea", "cat, dog")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answers .caption")
    assert page.inner_text("#answers .caption") == "what is it? 40"
    assert page.locator("#answers .bars .text").all_inner_texts() == ["what is it? 40", "cat", "dog"]
    widths = page.locator("#answers .bar i").evaluate_all("bars => bars.map(bar => bar.style.width)")
    assert widths == ["75%", "25%", "25%"]
    assert page.locator("#answer-attention .chips button").all_inner_texts() == ["the picture", "what", "is", "it"]
    page.get_by_label("Show where it looked").uncheck()
    page.click("#ask")
    page.locator("#answer-attention img").first.wait_for(state="detached")
    assert fits(page)


def test_many_pictures_become_a_table_that_is_saved(page, tmp_path):
    paths = []
    for shade in range(10):
        paths.append(tmp_path / f"picture {shade}.png")
        paths[-1].write_bytes(file_of(shade, 16))
    (broken := tmp_path / "broken {{1}} ${1+1} <b>.png").write_bytes(b"no picture")
    tab(page, "Many pictures")
    page.set_input_files("#many-files input[type=file]", [*paths, broken])
    page.get_by_text("picture 9").first.wait_for()
    page.wait_for_timeout(1000)
    page.click("#many-write")
    page.get_by_text("11 of 11 pictures").wait_for()
    assert page.locator("#many-table tbody tr").count() == 11 and fits(page)
    with page.expect_download() as download:
        page.get_by_text("Save as CSV").click()
    download.value.save_as(saved := tmp_path / "captions.csv")
    rows = list(csv.DictReader(saved.read_text("utf-8").splitlines()))
    assert [row["image"] for row in rows] == [*(path.name for path in paths), broken.name]
    assert page.locator("#many-table tbody th").last.inner_text() == broken.name, "names are no templates"
    assert rows[0]["caption"].startswith("beams 3") and rows[-1]["error"]


def test_everything_can_be_reached_with_the_keyboard(page):
    """From the top of the page with Tab alone: an example is chosen, and the words are walked through."""
    page.locator("body").press("Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.closest('.examples') !== null"):
            break
        page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")
    page.wait_for_selector("#caption-text .caption")
    for _ in range(60):
        if page.evaluate("document.activeElement.getAttribute('type') === 'range' && "
                         "document.activeElement.closest('#caption-attention') !== null"):  # fmt: skip
            break
        page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert "without" in page.locator("#caption-attention .frames img:visible").get_attribute("alt")
    assert outline == "solid", "where the keyboard is has to be seen"


def test_texts_can_be_read(page):
    """WCAG's contrast of 4.5 between texts and what is behind them, in the light and in the dark."""
    choose(page)
    contrasts = page.evaluate(
        """() => {
        const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
        const rgba = (colour) => {
          context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
          const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
        const light = (rgb) => rgb.map((v) => v / 255).map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
          .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
        const behind = (element) => {
          for (let each = element; each; each = each.parentElement) {
            const colour = rgba(getComputedStyle(each).backgroundColor);
            if (colour[3] > .9) return colour.slice(0, 3);
          }
          return [255, 255, 255]; };
        const texts = '.caption, .hint, .note, .bars .text, .bars .number, .chips button, header p';
        return [...document.querySelectorAll(texts)]
          .filter((each) => each.offsetParent).map((each) => {
            const back = behind(each), text = rgba(getComputedStyle(each).color);
            const mixed = back.map((v, i) => text[i] * text[3] + v * (1 - text[3]));
            const [high, low] = [light(back), light(mixed)].sort((a, b) => b - a);
            return [each.className || each.tagName, (high + .05) / (low + .05)]; });
        }"""
    )
    assert len(contrasts) > 5 and not [each for each in contrasts if each[1] < 4.5]


def test_another_model_has_other_settings(page):
    choose(page)
    page.locator("#caption-model input").click()
    page.get_by_role("option", name="second").click()
    again_button = page.get_by_role("button", name="How it writes")
    again_button.click()
    again(page, "beams 3 groups 1")


def test_what_is_too_much_is_refused_in_a_sentence(page, tmp_path):
    from PIL import Image

    Image.new("1", (9_000, 9_000)).save(path := tmp_path / "large.png")
    page.set_input_files("#caption-picture input[type=file]", path)
    page.get_by_text("too large").first.wait_for()


def test_a_page_that_is_open_does_not_keep_the_service_from_ending(chromium):
    service = service_of(("photos", WordyCaptioner), limits=ServiceLimits())
    page = chromium.new_page()
    with running(create_app(service, None, Page(service))) as address:
        page.goto(address)
        choose(page)
    service.close()
    page.close()


def test_the_page_needs_the_password(chromium, address):
    context = chromium.new_context(http_credentials={"username": "anyone", "password": "wrong"})
    assert context.new_page().goto(f"{address}/{Path('/')}").status == 401
    context.close()
