# SPDX-License-Identifier: MIT
"""A real browser, started once, that is asked about pages: it speaks the DevTools
protocol through a pipe, so that there is no port and nothing to install for it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from shimtest import kill_session, need

OPTIONS = """--headless --no-sandbox --disable-gpu --no-first-run --disable-sync
--disable-background-networking --disable-component-update --disable-extensions
--remote-debugging-pipe""".split()
PATIENCE = 60.0


class Browser:
    """Its own session and its own empty profile; both are gone afterwards."""

    def __init__(self) -> None:
        need("chromium")
        self.profile = tempfile.mkdtemp(prefix="shimtest.chromium.")
        hear, tell = os.pipe(), os.pipe()
        self.out, self.into = hear[0], tell[1]
        # It reads from descriptor 3 and writes to 4.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (tell[0], hear[1])]
        script = f'exec 3<&{ends[0]} 4>&{ends[1]} {ends[0]}<&- {ends[1]}>&-; exec chromium "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", script, "chromium", *OPTIONS, f"--user-data-dir={self.profile}", "about:blank"],
            pass_fds=ends, start_new_session=True, env=os.environ | {"TMPDIR": self.profile},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for fd in (tell[0], hear[1], *ends):
            os.close(fd)
        self.buffer, self.number = b"", 0
        self.events: list[dict[str, Any]] = []
        self.session = ""
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        # It ends by itself, with its helpers, or else it is ended.
        with contextlib.suppress(OSError, AssertionError, subprocess.TimeoutExpired):
            self.session = ""
            self.ask("Browser.close")
            self.process.wait(10)
        kill_session(self.process.pid)
        self.process.wait(PATIENCE)
        os.close(self.out)
        os.close(self.into)
        shutil.rmtree(self.profile, ignore_errors=True)

    def message(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.out], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"chromium says nothing: {self.events[-5:]}"
            data = os.read(self.out, 1 << 20)
            assert data, "chromium has gone"
            self.buffer += data
        one, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(one)

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        self.number += 1
        request: dict[str, object] = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.into, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, width: int, scheme: str, media: str = "screen") -> None:
        """Until it is loaded; what happens from here on is in self.events."""
        self.events = []
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())

    def value(self, expression: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def requests(self) -> list[str]:
        sent = (e["params"] for e in self.events if e.get("method") == "Network.requestWillBeSent")
        return [params["request"]["url"] for params in sent]

    def complaints(self) -> list[dict[str, Any]]:
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [event for event in self.events if event.get("method") in kinds]


# What a page must not have, whatever is in it: each expression has to give [].
OVERFLOWING = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll *, svg *, style')
 && e.getClientRects().length && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
 .map(e => e.outerHTML.slice(0, 200))"""
NAMELESS = """[...document.querySelectorAll('svg')].filter(e => e.getAttribute('aria-hidden') !== 'true' &&
 !(e.getAttribute('role') === 'img' && (e.getAttribute('aria-label') || e.querySelector(':scope > title')?.textContent.trim() ||
 (e.getAttribute('aria-labelledby') || '-').split(' ').every(id => document.getElementById(id)?.textContent.trim())))).map(e => e.outerHTML.slice(0, 200))"""
ACTIVE = """[...document.querySelectorAll('script,iframe,object,embed,form,a,img,audio,video,base')]
 .concat([...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => a.name.startsWith('on'))))
 .map(e => e.outerHTML.slice(0, 200))"""
# Contrast of text against what is behind it, as WCAG 2 has it.
FAINT = """(() => {
 const parse = c => c.match(/[\\d.]+/g).map(Number), lum = c => { const [r, g, b] = parse(c).map(v => {
   v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126*r + .7152*g + .0722*b };
 const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
   if (parse(c).length < 4 || parse(c)[3] > 0) return c } return 'rgb(255,255,255)' };
 return [...document.querySelectorAll('p,td,th,h1,h2,h3,small,caption,span,summary,svg text')]
 .filter(e => e.textContent.trim() && e.getClientRects().length).map(e => { const s = getComputedStyle(e);
   const a = lum(e.closest('svg') ? s.fill : s.color), b = lum(behind(e));
   return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.outerHTML.slice(0, 120)] })
 .filter(([ratio]) => ratio < 4.5).slice(0, 5) })()"""


def check_page(browser: Browser, page: Path) -> None:
    """Light and dark, wide and on a phone, and on paper."""
    backgrounds = set()
    for width, scheme in ((1100, "light"), (1100, "dark"), (390, "light"), (390, "dark"), (320, "light")):
        browser.open(page, width, scheme)
        where = (page.name, width, scheme)
        assert browser.requests() == [page.as_uri()], (where, browser.requests())
        assert browser.complaints() == [], (where, browser.complaints())
        assert browser.value("document.documentElement.scrollWidth") <= width, where
        for what in (OVERFLOWING, NAMELESS, ACTIVE, FAINT):
            assert browser.value(what) == [], (where, what)
        backgrounds.add(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2, backgrounds
    browser.open(page, 800, "dark", media="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.ask("Page.printToPDF")["data"]
    assert browser.complaints() == []
