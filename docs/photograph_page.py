"""Photographs the page of `captioner serve` for the documentation: `python -m docs.photograph_page`.

It needs the extra `serve`, playwright and `chromium` on the path.
"""

import io
import shutil
import socket
import threading
import time
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

from captioner.files import atomic_file
from pipelines.serving.app import create_app
from pipelines.serving.open import open_service
from pipelines.serving.page.blocks import Page

PICTURE = Path(__file__).parent / "images" / "page.png"


def main() -> None:
    service = open_service(None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(service, None, Page(service)), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        while not server.started:
            time.sleep(0.1)
        try:
            picture = photograph(f"http://127.0.0.1:{taken.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()
            service.close()
    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    colours = whole.quantize(128, method=Image.Quantize.MAXCOVERAGE)
    with atomic_file(PICTURE) as file:
        whole.quantize(palette=colours, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)


def photograph(address: str) -> bytes:
    """A PNG of the page with the second example captioned, and the attention for its third word."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 800}, color_scheme="light")
        page.set_default_timeout(120_000)
        page.goto(address)
        page.click(".examples button >> nth=1")
        page.click(".chips button >> nth=3")
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(1_500)  # until nothing fades any more
        picture = page.screenshot(full_page=True)
        browser.close()
    return picture


if __name__ == "__main__":
    main()
