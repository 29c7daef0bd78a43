"""A headless Chromium, driven over the WebDriver protocol (W3C) with nothing but the standard library."""

import json
import re
import shutil
import subprocess
import tempfile
from base64 import b64decode
from contextlib import contextmanager
from urllib.request import Request, urlopen

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
MISSING = (
    None if shutil.which("chromium") and shutil.which("chromedriver") else "chromium and chromedriver are not here"
)


class Browser:
    """One window."""

    def __init__(self, address):
        self.address = address

    def call(self, method, path, **body):
        data = json.dumps(body).encode() if method == "POST" else None
        request = Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, address):
        self.call("POST", "/url", url="about:blank")
        self.call("POST", "/url", url=address)

    def run(self, script, *args):
        """The value that a piece of JavaScript returns; a promise is waited for."""
        return self.call("POST", "/execute/sync", script=script, args=list(args))

    def errors(self):
        """What the console said of warnings and errors since the last call."""
        log = self.call("POST", "/se/log", type="browser")
        return [entry["message"] for entry in log if entry["level"] in ("WARNING", "SEVERE")]

    def press(self, selector, *keys):
        """Focus an element and press keys."""
        element = self.call("POST", "/element", using="css selector", value=selector)
        (name,) = element.values()
        self.call("POST", f"/element/{name}/value", text="".join(keys))

    def emulate(self, media="screen", scheme="light"):
        """Show the page as on paper, or in the dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        parameters = {"media": media, "features": features}
        self.call("POST", "/goog/cdp/execute", cmd="Emulation.setEmulatedMedia", params=parameters)

    def pdf(self):
        """The page printed, as bytes."""
        return b64decode(self.call("POST", "/print"))

    def resize(self, width, height=800):
        self.call("POST", "/window/rect", width=width, height=height)


@contextmanager
def browser():
    """Start Chromium and stop it again."""
    with tempfile.TemporaryDirectory() as profile, _driver() as address:
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"], "binary": shutil.which("chromium")}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        found = Browser(address).call("POST", "/session", capabilities={"alwaysMatch": wanted})
        window = Browser(f"{address}/session/{found['sessionId']}")
        try:
            yield window
        finally:
            window.call("DELETE", "")


@contextmanager
def _driver():
    process = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            port = re.search(r"successfully on port (\d+)", line)
            if port:
                yield f"http://127.0.0.1:{port[1]}"
                break
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
