"""A page in headless Chromium: what it says on its console, what it asks the network for, what it shows."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)
# Writes into the page what became of its images, and how wide it is.
LOOK = """<script>
addEventListener("load", () => {
  const sizes = [...document.images].map(image => image.complete ? image.naturalWidth : 0)
  document.body.dataset.images = sizes.join(" ")
  document.body.dataset.width = document.documentElement.scrollWidth
})
</script>
"""


def required() -> None:
    """Skips the test where there is no Chromium, unless REQUIRE_CHROMIUM says that there must be."""
    if PROGRAM is None:
        if os.environ.get("REQUIRE_CHROMIUM"):
            pytest.fail("REQUIRE_CHROMIUM is set, and there is no Chromium")
        pytest.skip("needs Chromium, which is not installed")


def opened(page: Path, folder: Path, *, width: int = 1200) -> tuple[dict[str, str], list[str], set[str]]:
    """Opens a copy of a page from disk.

    Returns:
        what LOOK wrote; lines that the page wrote to the console; addresses that it asked for.
    """
    copy, net_log = folder / page.name, folder / "net.json"
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{LOOK}</body>"), encoding="utf-8")
    run = subprocess.run(
        [
            *(str(PROGRAM), *OPTIONS, "--enable-logging=stderr", f"--window-size={width},900"),
            *(
                f"--user-data-dir={folder / 'profile'}",
                f"--log-net-log={net_log}",
                "--dump-dom",
                copy.as_uri(),
            ),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    looked = dict(re.findall(r'data-(images|width)="([^"]*)"', run.stdout))
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    text = net_log.read_text()
    events = json.loads(text if text.rstrip().endswith("}") else text.rstrip().rstrip(",") + "]}")["events"]
    asked = {url for event in events if (url := event.get("params", {}).get("url")) is not None}
    of_its_own = r"(data|chrome|about):|https?://([a-z0-9.]+\.)?(google|googleapis)\.com/"
    return looked, console, {url for url in asked if not re.match(of_its_own, url)}
