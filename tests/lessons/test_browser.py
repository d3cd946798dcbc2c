"""The lessons in a real JupyterLab in a real browser: what a learner sees, and what only a browser can show."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

# Nothing of the browser's own goes to the network; a CI machine or container runs it as root.
FLAGS = [
    "--no-sandbox", "--disable-gpu",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = pytest.mark.browser


def find_browser():
    """The path of a Chromium or Chrome on this machine, or None; $CHROMIUM names one."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None) or (MAC if Path(MAC).exists() else None)


@pytest.fixture(scope="module")
def browser():
    path = find_browser()
    if not path:
        reason = "no Chromium or Chrome found: install one, or name it in $CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab on a copy of the lessons, opened as "make lab" opens it."""
    work = tmp_path_factory.mktemp("lab")
    for folder in (FOLDER, FOLDER.parent / "scripts"):
        shutil.copytree(folder, work / folder.name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    settings = work / "settings" / "@jupyterlab"
    for extension, name, values in (
        ("notebook-extension", "tracker", {"windowingMode": "none"}),
        ("apputils-extension", "notification", {"fetchNews": "false", "checkForUpdates": False}),
    ):
        (settings / extension).mkdir(parents=True)
        (settings / extension / f"{name}.jupyterlab-settings").write_text(json.dumps(values))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open(work / "lab.log", "w") as log:
        process = subprocess.Popen(
            [
                sys.executable, work / "scripts" / "lab.py", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
                "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True",
            ],
            env=os.environ | {
                "JUPYTERLAB_SETTINGS_DIR": str(work / "settings"),
                "JUPYTERLAB_WORKSPACES_DIR": str(work / "workspaces"),
            },
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            assert process.poll() is None and time.monotonic() < end, (work / "lab.log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/lab/tree/"
    finally:
        process.terminate()
        process.wait(30)
    assert "encryption" not in (work / "lab.log").read_text(), "a kernel alarms its reader"


CELLS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
    .filter(cell => cell.type === 'code' && cell.sharedModel.getSource().trim())
    .map(cell => ({source: cell.sharedModel.getSource(), count: cell.executionCount,
                   outputs: cell.outputs.toJSON()}))"""


class Lesson:
    """A notebook open in JupyterLab."""

    def __init__(self, browser, lab, name):
        self.page = browser.new_page(viewport={"width": 1280, "height": 1000})
        self.page.goto(f"{lab}{name}?reset")
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        # A cell sent before the kernel's websocket is connected is lost.
        self.page.wait_for_function(
            """() => { const kernel = window.jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel;
                return kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle' }""",
            timeout=60_000,
        )
        self.command("notebook:clear-all-cell-outputs")

    def command(self, name):
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name) }", name)

    def cells(self):
        return self.page.evaluate(CELLS)

    def run_all(self):
        self.page.wait_for_timeout(300)
        self.command("notebook:run-all-cells")
        self.page.wait_for_function(f"() => ({CELLS})().every(cell => cell.count)", timeout=120_000)
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status === 'idle'",
            timeout=60_000,
        )

    def add_and_run(self, source):
        """Put a cell at the end and run it, without waiting for it to finish."""
        self.page.evaluate(
            """source => { const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
                notebook.activeCellIndex = notebook.widgets.length - 1;
                return app.commands.execute('notebook:insert-cell-below').then(() => {
                    notebook.activeCell.model.sharedModel.setSource(source);
                    app.commands.execute('notebook:run-cell') }) }""",
            source,
        )

    def close(self):
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
        self.page.close()


@pytest.fixture(scope="module")
def whole(browser, lab):
    """Give a lesson that has been run whole; it is opened and run once for all tests of this file."""
    lessons = {}

    def whole(name):
        if name not in lessons:
            lessons[name] = Lesson(browser, lab, name)
            lessons[name].run_all()
        return lessons[name]

    yield whole
    for lesson in lessons.values():
        lesson.close()


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_whole_with_no_error_and_no_stderr(whole, path):
    lesson = whole(path.name)
    cells = lesson.cells()
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] != "error" and output.get("name") != "stderr", cell["source"]
    drawn = sum("text/vnd.mermaid" in output.get("data", {}) for cell in cells for output in cell["outputs"])
    pictures = lesson.page.locator(".jp-RenderedMermaid img, .jp-RenderedMermaid svg")
    if drawn:
        pictures.nth(drawn - 1).wait_for(timeout=20_000)
    assert lesson.page.locator(".jp-RenderedMermaid.jp-mod-warning").count() == 0
    assert lesson.page.locator(".jp-RenderedImage").count() == 0
    for image in lesson.page.locator(".jp-OutputArea .jp-RenderedHTMLCommon img").all():
        assert len(image.get_attribute("alt") or "") > 40
        assert image.evaluate("image => image.naturalWidth") > 300


def test_the_inbox_shows_a_delivery_while_another_cell_is_running(whole):
    lesson = whole("02_receiver.ipynb")
    lesson.add_and_run(
        "import os, threading, time\n"
        "requests.post(receiver.url + '/webhook', json={'event_type': 'sent_by_a_busy_cell', 'data': {}})\n"
        "while not os.path.exists('go-on'): time.sleep(0.05)\n"
    )
    row = lesson.page.locator(".jp-OutputArea button", has_text="sent_by_a_busy_cell")
    try:
        row.wait_for(timeout=20_000)
        busy = lesson.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status"
        )
        assert busy == "busy"
    finally:
        root = lesson.page.evaluate(
            "() => window.jupyterapp.serviceManager.contents.save('go-on',"
            " {type: 'file', format: 'text', content: ''}).then(model => model.path)"
        )
        assert root == "go-on"
    row.click()
    lesson.page.get_by_text('"status":"stored"').last.wait_for(timeout=20_000)


def test_a_click_in_the_inbox_stays_while_new_deliveries_come(whole):
    lesson = whole("02_receiver.ipynb")
    lesson.page.locator(".jp-OutputArea button", has_text="user_signup").click()
    view = lesson.page.locator(".jp-OutputArea pre", has_text="JohnDoe").last
    view.wait_for(timeout=20_000)
    lesson.add_and_run(
        "for _ in range(30):\n    requests.post(receiver.url + '/webhook', json={'event_type': 'later', 'data': {}})\n"
    )
    lesson.page.locator(".jp-OutputArea button", has_text="later").nth(29).wait_for(timeout=20_000)
    assert view.is_visible()


def test_the_slider_redraws_the_timeline(whole):
    lesson = whole("01_polling_vs_webhooks.ipynb")
    lesson.page.get_by_text("60 requests, 42 wasted").last.wait_for(timeout=20_000)
    assert lesson.page.locator('svg[aria-label="Timeline: 60 polls against 24 events"]').count() == 1
    handle = lesson.page.locator(".widget-slider .noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    lesson.page.locator('svg[aria-label="Timeline: 30 polls against 24 events"]').wait_for(timeout=20_000)
    assert lesson.page.get_by_text("30 requests, 13 wasted; staleness").count() == 1


def test_a_character_changed_at_the_tamper_bench_is_refused_at_once(whole):
    lesson = whole("04_signatures.ipynb")
    lesson.page.get_by_text("this delivery is believed").last.wait_for(timeout=20_000)
    body = lesson.page.locator(".jp-OutputArea textarea").last
    body.press("End")
    body.type(" ")
    lesson.page.get_by_text("changed since it was sent: body").last.wait_for(timeout=20_000)
    lesson.page.get_by_role("button", name="as it was sent").click()
    lesson.page.get_by_text("this delivery is believed").last.wait_for(timeout=20_000)


def test_the_retry_explorer_redraws(whole):
    lesson = whole("05_retries.ipynb")
    lesson.page.get_by_text("95 of 200 lost").last.wait_for(timeout=20_000)
    handles = lesson.page.locator(".widget-slider .noUi-handle")
    handles.nth(3).focus()
    handles.nth(3).press("ArrowRight")
    lesson.page.get_by_text("9 attempts in").last.wait_for(timeout=20_000)


def test_the_fault_console_sends_while_the_receiver_fails(whole):
    lesson = whole("05_retries.ipynb")
    modes = {"drop": "has processed it 4 times", "410": "gone after 1 attempt", "healthy": "delivered"}
    for mode, words in modes.items():
        lesson.page.get_by_role("button", name=mode, exact=True).click()
        lesson.page.get_by_text(f"The receiver is set to: {mode}").last.wait_for(timeout=20_000)
        lesson.page.get_by_role("button", name="send an event").click()
        lesson.page.get_by_text(words).last.wait_for(timeout=20_000)


def test_a_click_on_redeliver_delivers_that_letter_once(whole):
    lesson = whole("11_monitoring.ipynb")
    lesson.page.locator(".jp-OutputArea button", has_text="evt_17").click()
    button = lesson.page.get_by_role("button", name="redeliver", exact=True)
    button.click()
    lesson.page.get_by_text("evt_17: delivered.").last.wait_for(timeout=20_000)
    assert button.is_disabled()
    lesson.add_and_run(
        "print('in all', [[a.status for a in d.attempts] for d in sender.deliveries if len(d.attempts) > 4])\n"
        "place_order(99)\nsender.run()\n"
    )
    lesson.page.get_by_text("in all [[500, 500, 500, 500, 204]]").last.wait_for(timeout=20_000)
    lesson.page.get_by_text("26 delivered, 0 waiting, 0 dead").last.wait_for(timeout=20_000)  # the warehouse, repainted
    assert lesson.page.get_by_text("evt_17: delivered.").last.is_visible(), "what was selected stays so"


MARKUP = "<img src=nowhere onerror=window.ran=1>"
EVERYWHERE = f"""
import requests
from flask import Flask
from IPython.display import display
from webhook_tutorial import Policy, Scene, Sender, Service, SimulatedClock
from webhook_tutorial import check, dashboard, diagram, inbox, make_event, play, serve

MARKUP = {MARKUP!r}

def tell(event, stage):
    stage.db.execute("INSERT INTO topics VALUES (?)", event["data"]["title"])
    requests.post(stage.url(MARKUP), json=event["data"], timeout=2).raise_for_status()

scene = Scene(
    sender="a " + MARKUP, receiver="b " + MARKUP, promise=MARKUP, broken=lambda run: MARKUP,
    events=((0, "topic_trending", {{"title": MARKUP, "customer": MARKUP}}), (1, MARKUP, {{"title": MARKUP}})),
    services={{MARKUP: Service(down=((0, 1),))}}, tables=("CREATE TABLE topics (title TEXT)",))
run = play(scene, tell)
app = Flask("markup")
app.post("/webhook")(lambda: (MARKUP, 400))
server = serve(app)
sender = Sender(Policy(()), SimulatedClock(), dialect=None)
sender.send(server.url + "/webhook", make_event(MARKUP, {{"customer": MARKUP}}, id=MARKUP))
sender.send("http://" + MARKUP, make_event("topic_trending", {{"title": MARKUP}}, id="evt_1"))
sender.run()
display(scene, run, diagram(run), run.traffic, run.traffic[0], server.traffic, server.traffic[0])
display(check("12.shapes", {{MARKUP: MARKUP}}), check("12.mend", lambda event, stage: {{}}[MARKUP]))
display(inbox(server), dashboard(sender))
print(run.tables, "all is shown")
"""


def test_a_name_that_is_markup_shows_as_text_wherever_it_comes(whole):
    lesson = whole("12_use_cases.ipynb")
    page = lesson.page
    lesson.add_and_run(EVERYWHERE)
    page.get_by_text("all is shown").last.wait_for(timeout=20_000)
    [cell] = [cell for cell in lesson.cells() if cell["source"] == EVERYWHERE]
    assert not [output for output in cell["outputs"] if output["output_type"] == "error"], cell["outputs"]
    shown = page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output")
    for words in ("img src", "evt_1"):  # a delivery in the inbox, a dead letter on the dashboard
        shown.locator("button", has_text=words).first.click()
    page.locator(".jp-CodeCell").last.locator(".jp-RenderedMermaid svg, .jp-RenderedMermaid img").wait_for(
        timeout=20_000
    )
    page.wait_for_timeout(500)  # what could run would do so at once
    assert page.evaluate("() => window.ran") is None and page.locator("[onerror]").count() == 0
    texts = [text for text in shown.all_inner_texts() if text.strip()]
    assert sum("<img src=nowhere" in text for text in texts) >= 9, texts
