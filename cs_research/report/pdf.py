"""Prints a page by the Chromium or Chrome of the machine, for those who read on paper or send by mail."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from cs_research.errors import Refused

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge",
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
SECONDS = 120


def find_browser() -> str:
    """The path of the browser that prints. Raises Refused where the machine has none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise Refused("There is no Chromium or Chrome on this machine to print with",
                      "install one (Debian and Ubuntu: apt-get install chromium), or print the page from any browser")
    return found


def write_pdf(page: Path, pdf: Path) -> Path:
    """Print `page`, by its own print style, to `pdf`; returns `pdf`.

    Raises Refused without a browser, and with the browser's last words where it fails.
    """
    # A page of ours holds no script and may load nothing; only root has no sandbox to run it in.
    alone = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="cs-research-", ignore_cleanup_errors=True) as home:
        new = Path(home) / "page.pdf"
        command = [find_browser(), "--headless", "--disable-gpu", *alone, f"--user-data-dir={home}/profile",
                   "--no-first-run", "--disable-background-networking", "--no-pdf-header-footer",
                   f"--print-to-pdf={new}", page.resolve().as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
            words = done.stderr.strip().splitlines()
        except subprocess.TimeoutExpired:
            words = [f"it did not end within {SECONDS} seconds"]
        if not new.is_file():
            raise Refused(f"{page} could not be printed ({words[-1] if words else 'no reason given'})",
                          "mend the browser, or go without --pdf; the page itself is whole")
        shutil.copyfile(new, pdf)
    return pdf
