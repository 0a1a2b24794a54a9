"""What the browser tests drive and measure: a page in Chromium, the contrast of its texts, the pages of a PDF."""

from __future__ import annotations

import base64
import re
import time
import zlib
from pathlib import Path
from typing import Any

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from dca.report.page import write_page


class Browser:
    """A page under test: what is shown, and the keys and clicks that change it."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(self, rows: list[dict[str, Any]], address: str = "") -> None:
        path = self.folder / "page.html"
        write_page(rows, path, title="rows", source="a test")
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + address)

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def find(self, css: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def texts(self, css: str) -> list[str]:
        """The texts of all nodes that are displayed, in document order."""
        shown = "e.checkVisibility() && e.textContent"
        return list(
            self.run(f"return [...document.querySelectorAll(arguments[0])].map(e => {shown}).filter(Boolean)", css)
        )

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def until(self, script: str) -> Any:
        """Wait for what does not happen at once: address changes are events."""
        for _ in range(100):
            if result := self.run(f"return {script}"):
                return result
            time.sleep(0.02)
        raise AssertionError(f"never came true: {script}")

    def pick(self, facet: str) -> None:
        self.run("document.querySelector(`[data-facet='${arguments[0]}']`).click()", facet)

    @property
    def ids(self) -> list[str]:
        return self.texts("#rows .open")

    @property
    def heading(self) -> str:
        return self.until("document.querySelector('#reading-name')?.textContent")

    def log(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


def pages(pdf: str) -> int:
    """How many pages a PDF has, counted in its plain and its packed objects."""
    raw = base64.b64decode(pdf)
    packed = [
        zlib.decompressobj().decompress(part)
        for part in re.findall(rb"stream\r?\n(.*?)endstream", raw, re.DOTALL)
        if part[:1] == b"x"
    ]
    return max(len(re.findall(rb"/Type\s*/Page\b", part)) for part in (raw, *packed))


CONTRAST = """
const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
function mixed(colours) {
  context.clearRect(0, 0, 1, 1);
  for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
function light(rgb) {
  const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const weak = [];
for (const node of document.querySelectorAll('body *')) {
  const own = [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim());
  if (!own || !node.checkVisibility() || node.disabled || node.closest('.none, .sr, .skip, svg')) continue;
  const grounds = [];
  for (let up = node; up; up = up.parentElement) grounds.unshift(getComputedStyle(up).backgroundColor);
  const [a, b] = [light(mixed(grounds)), light(mixed([...grounds, getComputedStyle(node).color]))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) weak.push(`${node.className} ${node.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
}
return weak;
"""
