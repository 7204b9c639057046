"""The desk of `holdfast demo --desk` as a process of its own, and a clerk who works on it in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response, TimeoutError, expect  # noqa: A004
from prefect_support import wait_for

from flows import settings
from flows.office import Office, office
from flows.work_items import WorkItem, open_items

ROOT = Path(__file__).parents[2]
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 30.0
"""Seconds for what a busy machine may take; nothing waits so long on a quiet one."""

ALONE = ("--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
"""How the browser is started: no other machine is found from there."""

PICTURES = os.environ.get("HOLDFAST_PICTURES", "")
"""A folder for the guide's pictures; none are made where this is not set."""


def chromium() -> str:
    """The browser of this machine; "" where there is none."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), "")


class Desk:
    """`holdfast demo --desk`, running, in a folder that stays."""

    def __init__(self, folder: Path) -> None:
        self.kept = folder / "kept"
        self.log = folder / "desk.log"
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("HOLDFAST_", "PREFECT_"))}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from desk.cli import main; main()", "demo", "--desk", "--keep", self.kept],
                env=environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for(self._open, seconds=120, what="the desk")
        except BaseException:
            self.stop()
            raise
        told = self.said()
        self.queue = _address(told, "Desk queue")
        self.board = _address(told, "Board")
        self.forms = _address(told, "All forms")
        self.ui = self.forms.removesuffix("/deployments")
        self.environ = dict(re.findall(r"((?:HOLDFAST|PREFECT)_\w+)=(\S+)", told))

    def _open(self) -> bool:
        assert self.process.poll() is None, self.said()
        return "Ctrl-C ends it" in self.said()

    def said(self) -> str:
        """What it has printed so far."""
        return self.log.read_text()

    @contextmanager
    def office(self) -> Iterator[Office]:
        """The desk's own office, as another terminal would open it."""
        with office(settings.load(self.environ)) as opened:
            yield opened

    def items(self) -> tuple[WorkItem, ...]:
        """What needs a person now, as the ledger has it."""
        with self.office() as opened:
            return open_items(opened)

    def item(self, kind: str) -> WorkItem:
        """The first open item of a kind."""
        return next(each for each in self.items() if each.kind == kind)

    def kinds(self, request: str) -> list[str]:
        """The kinds of event of a request, in order."""
        with self.office() as opened:
            return [each.kind for each in opened.ledger.events(request)]

    def ask(self, path: str, document: dict[str, Any]) -> Any:
        """POST to the Prefect server."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.ui}/api{path}", data=json.dumps(document).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.load(answer)

    def ended(self, run: str) -> dict[str, Any]:
        """A run when it has ended, with the message that its page shows."""
        found: dict[str, Any] = {}

        def look() -> bool:
            found.update(self.ask("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})[0])
            return found["state_type"] in {"COMPLETED", "FAILED", "CRASHED"}

        wait_for(look, seconds=PATIENCE, what="the end of a run")
        return found

    def sends(self) -> dict[str, int]:
        """How often the sending of each request took effect, by the played providers' own account."""
        with urllib.request.urlopen(f"{self.environ['HOLDFAST_SANDBOX_URL']}/_account", timeout=20) as answer:  # noqa: S310
            providers = json.load(answer)["providers"].values()
        effects = [each for one in providers for each in one["effects"] if each["action"] == "send"]
        return {each["request"]: each["count"] for each in effects}

    def family(self) -> set[int]:
        """The processes that it has started and that run, and theirs, and itself."""
        parents: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended meanwhile
                parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        found, more = set[int](), {self.process.pid}
        while more:
            found |= more
            more = {child for child, parent in parents.items() if parent in found} - found
        return found & set(parents)

    def stop(self) -> int:
        """Press Ctrl-C; gives its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def _address(told: str, name: str) -> str:
    found = re.search(rf"^ +{name} +(http://127\.0\.0\.1:\d+/\S+)$", told, re.MULTILINE)
    assert found, told
    return found[1]


class Clerk:
    """Somebody at the desk, with a browser.

    `strangers`: addresses on other machines that a page asked for; nobody answers there. `zone`: where it stands.
    """

    def __init__(
        self,
        browser: Browser,
        desk: Desk,
        *,
        scheme: Literal["dark", "light"] = "dark",
        base: str = "",
        zone: str | None = None,
    ) -> None:
        self.desk = desk
        self.base = base or desk.ui
        self.strangers: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1440, "height": 900}, color_scheme=scheme, ignore_https_errors=True, timezone_id=zone
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        self.context.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        if re.match(r"https?://(?!127\.0\.0\.1[:/])", request.url):
            self.strangers.append(request.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def open(self, address: str, heading: str) -> Page:
        """A page of the desk in a new tab, once its heading is there."""
        page = self.context.new_page()
        page.goto(address.replace(self.desk.ui, self.base))
        page.get_by_role("heading", name=heading).first.wait_for()
        return page

    def queue(self) -> Page:
        """The desk queue, as it is now."""
        return self.open(self.desk.queue, "Desk queue")

    def follow(self, link: Locator, heading: str) -> Page:
        """Follow a link to another page. One UI opens a tab for it."""
        if link.get_attribute("target") == "_blank":
            with self.context.expect_page() as opened:
                link.click()
            page = opened.value
        else:
            link.click()
            page = link.page
        page.get_by_role("heading", name=heading).first.wait_for()
        return page

    def press(self, link: Locator) -> Form:
        """Follow a link to a form."""
        return Form(self.follow(link, "Parameters"))

    def form(self, name: str) -> Form:
        """A form without anything filled in, from the list of all forms."""
        page = self.context.new_page()
        page.goto(f"{self.base}/deployments")
        page.get_by_placeholder("Search deployments").fill(name)
        page.get_by_text("1 Deployment", exact=True).wait_for()
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("link", name="Custom run").click()
        page.get_by_role("heading", name="Parameters").wait_for()
        return Form(page)


def row(page: Page, *texts: str) -> Locator:
    """The row of a table that holds all of these."""
    rows = page.get_by_role("row")
    for text in texts:
        rows = rows.filter(has_text=text)
    return rows


class Form:
    """A form in the older of Prefect's UIs, whose labels lead to no field: it is found by what surrounds both."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.get_by_role("button", name="Submit").wait_for()
        (given,) = parse_qs(urlsplit(page.url).query).get("parameters", ["{}"])
        if request := json.loads(unquote(given)).get(
            "request"
        ):  # what a link fills in comes late, and over what was typed
            expect(self.field("Request").get_by_role("textbox").first).to_have_value(request)

    def field(self, title: str) -> Locator:
        """The field of a title, wherever it stands; `Case > Unit` where a part of the form is meant."""
        found: Locator = self.page.locator("body")
        for part in title.split(" > "):
            label = self.page.locator(":scope > .p-label__header > .p-label__label")
            exactly = re.compile(rf"^\s*{re.escape(part)}( \(Optional\))?\s*$")
            found = found.locator(".p-label").filter(has=label.filter(has_text=exactly))
        return found.first

    def fill(self, title: str, text: str) -> Self:
        self.field(title).get_by_role("textbox").first.fill(text)
        return self

    def value(self, title: str) -> str:
        """What is filled in."""
        return self.field(title).get_by_role("textbox").first.input_value()

    def choose(self, title: str, entry: str) -> Self:
        """Choose the entry with a text, by the keyboard: the list closes itself while the page scrolls."""
        self.field(title).locator(".p-select-button__control").first.focus()
        self.page.keyboard.press("ArrowDown")
        self.page.locator(".p-select-option").filter(has_text=entry).first.click()
        return self

    def pick(self, title: str, day: int, *, months: int) -> date:
        """Pick a day, so many months ahead, with the mouse; gives that day."""
        self.field(title).locator(".p-date-button__control").click()
        picker = self.page.locator(".p-date-picker")
        picker.locator(".p-calendar-header__after button").click(click_count=months, delay=50)
        inside = picker.locator(".p-calendar-date-picker__date--in-month")
        inside.filter(has_text=re.compile(f"^{day}$")).click()
        picker.get_by_role("button", name="Apply").click()
        return _ahead(self.page, day, months)

    def chosen(self, title: str) -> str:
        """What is chosen in a drop-down."""
        return self.field(title).locator(".p-select-button__control").first.inner_text().strip()

    def submit(self) -> Run:
        """Press "Submit" and go to the run."""
        _submitted(self.page)
        self.page.wait_for_url(re.compile(r"/deployments/deployment/[0-9a-f-]{36}\?tab="))  # it goes there by itself
        self.page.get_by_role("button", name="View run").last.click()
        return Run(self.page)


class NewForm:
    """A form in the newer UI, whose labels lead to their fields."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def field(self, title: str) -> Locator:
        """The field of a title."""
        return self.page.get_by_role("textbox", name=re.compile(rf"^{re.escape(title)}( \(Optional\))?$"))

    def fill(self, title: str, text: str) -> Self:
        self.field(title).fill(text)
        return self

    def value(self, title: str) -> str:
        """What is filled in."""
        return self.field(title).input_value()

    def choose(self, title: str, entry: str) -> Self:
        """Choose the entry with a text."""
        self.page.get_by_role("button", name=f"Select {title}").click()
        self.page.get_by_role("option").filter(has_text=entry).first.click()
        self.page.get_by_role("listbox").wait_for(state="hidden")  # until then it takes the next click
        return self

    def day(self, title: str) -> Locator:
        """The button that shows a day, and opens its picker."""
        return self.page.get_by_label(re.compile(rf"^{re.escape(title)}( \(Optional\))?$"))

    def pick(self, title: str, day: int, *, months: int) -> date:
        """Pick a day, so many months ahead, with the mouse; gives that day."""
        self.day(title).click()
        self.page.get_by_role("button", name="Go to the Next Month").click(click_count=months, delay=50)
        self.page.get_by_role("gridcell").filter(has_text=re.compile(f"^{day}$")).first.get_by_role("button").click()
        self.page.keyboard.press("Escape")
        return _ahead(self.page, day, months)

    def submit(self) -> str:
        """Press "Submit", and wait until it is taken; gives the run's id."""
        return str(_submitted(self.page).json()["id"])


def _submitted(page: Page) -> Response:
    """Press "Submit" until it is taken: a busy server that keeps a file says so, and has done nothing."""
    for _ in range(3):
        with page.expect_response(re.compile("/create_flow_run$")) as answered:
            page.get_by_role("button", name="Submit").click()
        if answered.value.ok:
            break
    return answered.value


def _ahead(page: Page, day: int, months: int) -> date:
    """That day so many months after the month that it is where the browser stands."""
    year, month = page.evaluate("[new Date().getFullYear(), new Date().getMonth()]")
    return date(year + (month + months) // 12, (month + months) % 12 + 1, day)


class Run:
    """A run's page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.wait_for_url(re.compile(r"/runs/flow-run/[0-9a-f-]{36}"))
        found = re.search(r"flow-run/([0-9a-f-]{36})", page.url)
        assert found
        self.id = found[1]

    def done(self) -> Self:
        return self._ended("Completed")

    def failed(self) -> Self:
        return self._ended("Failed")

    def _ended(self, how: str) -> Self:
        ended = re.compile("^(Completed|Failed|Crashed|Cancelled)$")
        state = self.page.get_by_role("banner").get_by_text(ended)
        try:
            state.wait_for(timeout=1500)
        except TimeoutError:  # the page looks again by itself, but seldom
            self.page.reload()
            state.wait_for()
        self._panel().filter(has_text="Finished in state").wait_for()
        assert state.inner_text() == how, self.log()
        return self

    def _panel(self) -> Locator:
        return self.page.get_by_role("tabpanel").first

    def log(self) -> str:
        """What the page's log says."""
        return str(self._panel().inner_text())

    def says(self, *texts: str) -> Self:
        """Expect these on the page, in its log."""
        for text in texts:
            expect(self._panel()).to_contain_text(text)
        return self

    def parameters(self) -> str:
        """What the page shows of what was typed."""
        self.page.get_by_text("Parameters", exact=True).click()
        panel = self.page.get_by_role("tabpanel").filter(has=self.page.locator("code, pre")).first
        panel.wait_for()
        return str(panel.inner_text())


def gone(page: Page, text: str, *, seconds: float = PATIENCE) -> None:
    """Wait until a page, opened again and again, does not hold a text any more."""

    def look() -> bool:
        page.reload()
        page.get_by_role("heading", name="Desk queue").first.wait_for()
        return page.get_by_text(text).count() == 0

    wait_for(look, seconds=seconds, what=f"the page without “{text}”")


def picture(page: Page, name: str, at: Locator | None = None) -> None:
    """Keep what the page shows as a picture of the guide, where pictures are asked for; `at` is in its middle."""
    if not PICTURES:
        return
    from PIL import Image

    if at is not None:
        at.evaluate("place => place.scrollIntoView({block: 'center'})")
    path = Path(PICTURES).resolve() / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, animations="disabled")
    with Image.open(path) as taken:
        small = taken.convert("RGB").resize((taken.width * 3 // 4, taken.height * 3 // 4), Image.Resampling.LANCZOS)
    small.quantize(128).save(path, optimize=True)


__all__ = ["ALONE", "Clerk", "Desk", "Form", "NewForm", "Run", "chromium", "expect", "gone", "picture", "row"]
