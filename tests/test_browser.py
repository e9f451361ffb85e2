"""The notebooks where learners meet them: JupyterLab in a real browser, Restart & Run All, no error at the end.

One notebook with MINIDISTIL_BROWSER=1, all of them with MINIDISTIL_FULL=1; MINIDISTIL_SCREENSHOTS=FOLDER keeps views.
Chromium is spoken to in its DevTools protocol, over the websocket library that JupyterLab brings with it.
"""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.test_notebooks import NOTEBOOKS

websocket = pytest.importorskip("websocket", reason="needs JupyterLab: pip install -r requirements.txt")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
NO_BROWSER = "no chromium, chromium-browser, google-chrome or chrome on PATH: install one to open notebooks in it"
ASKED = "1" in (os.environ.get("MINIDISTIL_BROWSER"), os.environ.get("MINIDISTIL_FULL"))
pytestmark = [
    pytest.mark.skipif(not ASKED, reason="opens JupyterLab in a browser: MINIDISTIL_BROWSER=1 runs a notebook there"),
    pytest.mark.skipif(CHROMIUM is None, reason=NO_BROWSER),
    pytest.mark.skipif(os.name == "nt", reason="starts and ends its servers as on Linux and macOS"),
]
CHOSEN = (
    NOTEBOOKS if os.environ.get("MINIDISTIL_FULL") == "1" else [path for path in NOTEBOOKS if path.name[:2] == "05"]
)
PATIENCE = 600  # seconds for a notebook or a start, on a busy machine: a limit against waiting forever
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0  # to whom Chromium and Jupyter want to be asked twice

READY = """(() => {
    const context = window.jupyterapp?.shell?.currentWidget?.context;
    const kernel = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel;
    return (context?.isReady && context.path === "NOTEBOOK" && kernel?.status === "idle") ?? false;
})()"""  # a kernel that is restarted before it has started once may never come up

RUN_ALL = """(async () => {
    const commands = window.jupyterapp.commands, panel = window.jupyterapp.shell.currentWidget;
    await panel.sessionContext.ready;
    await commands.execute("notebook:clear-all-cell-outputs");
    const yes = setInterval(() => document.querySelector(".jp-Dialog .jp-mod-accept")?.click(), 200);
    await commands.execute("notebook:restart-run-all").finally(() => clearInterval(yes));
    return [...panel.content.model.cells].filter(cell => cell.type === "code").map(cell => ({
        count: cell.executionCount,
        errors: cell.outputs.toJSON().filter(output => output.output_type === "error").map(output => output.evalue),
    }));
})()"""

MOVE = """(async index => {
    const content = window.jupyterapp.shell.currentWidget.content, wait = () => new Promise(r => setTimeout(r, 100));
    const shown = () => content.widgets[index].node.querySelector(".widget-html img")?.alt;
    for (let i = 0; i < 300 && !shown(); i++) { await content.scrollToItem(index); await wait(); }
    const before = shown(), panel = content.widgets[index].node.querySelector(".widget-interact");
    const text = panel.querySelector("input[type=text]"), list = panel.querySelector("select");
    if (list) { list.selectedIndex = (list.selectedIndex + 1) % list.options.length; }
    else if (text) { text.value = "A [MASK] in the house."; }
    else { panel.querySelector(".noUi-handle").dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"})); }
    (list ?? text)?.dispatchEvent(new Event("change", {bubbles: true}));
    for (let i = 0; i < 100 && shown() === before; i++) await wait();
    return [before, shown()];
})"""  # one control of an explorer: the words of its picture before and after

Found = TypeVar("Found")


def until(look: Callable[[], Found | None]) -> Found:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.2)
    raise TimeoutError(f"{look} found nothing in {PATIENCE} s")


class Tab:
    """A page of the browser, by the DevTools protocol."""

    def __init__(self, address: str):
        self.socket = websocket.create_connection(address, suppress_origin=True, timeout=PATIENCE)
        self.number = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number:
            pass  # news of something else
        assert "error" not in answer, answer
        return answer["result"]

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


@dataclass
class Browser:
    """A JupyterLab with the notebooks of a folder, and a Chromium."""

    folder: Path
    lab: str  # address, with %s for the path of a notebook
    devtools: str

    def opened(self, notebook: str) -> Tab:
        """A page with a notebook whose kernel waits."""
        request = urllib.request.Request(f"{self.devtools}/json/new?{self.lab % notebook}", method="PUT")
        with urllib.request.urlopen(request) as answer:
            tab = Tab(json.load(answer)["webSocketDebuggerUrl"])
        until(lambda: tab.evaluate(READY.replace("NOTEBOOK", notebook)))
        return tab

    def run(self, notebook: str, explored: dict[int, list[str]] | None = None) -> list[dict[str, Any]]:
        """Open a notebook, Restart & Run All: for each code cell its number in the run and its errors.

        `explored` gets, for each cell with an explorer, the words of its picture before and after a control moves.
        """
        tab = self.opened(notebook)
        cells = tab.evaluate(RUN_ALL)
        for index, cell in enumerate(json.loads((self.folder / notebook).read_text(encoding="utf-8"))["cells"]):
            if explored is not None and cell["cell_type"] == "code" and EXPLORER.search("".join(cell["source"])):
                explored[index] = tab.evaluate(f"{MOVE}({index})")
        if folder := os.environ.get("MINIDISTIL_SCREENSHOTS"):
            picture = base64.b64decode(tab.call("Page.captureScreenshot")["data"])
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / notebook).with_suffix(".png").write_bytes(picture)
        tab.call("Page.close")
        return cells


EXPLORER = re.compile(r"^explorer\(", flags=re.M)
OWN_FOLDERS = (  # so that nothing of the learner's is read or written
    *("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"),
    "IPYTHONDIR",
)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def commands(room: Path) -> list[list[str]]:
    """What starts JupyterLab, and what starts Chromium; both keep their things in `room`."""
    jupyter = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={free_port()}"),
        f"--ServerApp.root_dir={room / 'notebooks'}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *(["--allow-root"] if IS_ROOT else []),
    ]
    chromium = [
        *(str(CHROMIUM), "--headless=new", "--no-first-run", "--window-size=1200,1500"),
        *("--remote-debugging-port=0", f"--user-data-dir={room / 'chromium'}"),
        *(["--no-sandbox"] if IS_ROOT else []),
    ]
    return [jupyter, chromium]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    room, here = tmp_path_factory.mktemp("browser"), NOTEBOOKS[0].parent
    shutil.copytree(here, room / "notebooks", ignore=shutil.ignore_patterns(".*"))
    paths = [str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {name: str(room / name) for name in OWN_FOLDERS}
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "MINIDISTIL_FULL": "0"}
    with (room / "log").open("wb") as log:
        processes = [
            subprocess.Popen(command, env=environment, cwd=room, stdout=log, stderr=log) for command in commands(room)
        ]
    try:
        (server,) = until(lambda: list((room / "JUPYTER_RUNTIME_DIR").glob("jpserver-*.json")))
        said = json.loads(until(lambda: server.read_text(encoding="utf-8")))
        lab = f"{said['url']}lab/tree/%s?token={said['token']}&reset"
        active = room / "chromium" / "DevToolsActivePort"
        devtools = until(lambda: active.read_text(encoding="ascii").split() if active.exists() else None)[0]
        yield Browser(room / "notebooks", lab, f"http://127.0.0.1:{devtools}")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)


@pytest.mark.parametrize("path", CHOSEN, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end(browser: Browser, path: Path) -> None:
    explored: dict[int, list[str]] = {}
    cells = browser.run(path.name, explored)
    assert [cell["errors"] for cell in cells] == [[]] * len(cells)
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
    for before, after in explored.values():
        assert before != after


def plant(browser: Browser, name: str, *sources: str) -> None:
    """Write a notebook of a few cells."""
    cell: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {
        "cells": [cell | {"id": f"cell-{number}", "source": source} for number, source in enumerate(sources)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (browser.folder / name).write_text(json.dumps(notebook), encoding="utf-8")


@pytest.mark.parametrize("control", ["(0, 9)", "[0, 1]"])
def test_an_explorer_answers(browser: Browser, control: str) -> None:
    draw = (
        "from minidistil.plots.explorer import explorer\nfrom minidistil.plots.style import new_figure\n"
        "def draw(power=0):\n    figure, axes = new_figure(title=f'{2**power}')\n    return figure\n"
    )
    plant(browser, "explored.ipynb", "print(1)", f"{draw}explorer(draw, power={control})")
    explored: dict[int, list[str]] = {}
    browser.run("explored.ipynb", explored)
    assert {index: [words.strip("; ") for words in found] for index, found in explored.items()} == {1: ["1", "2"]}


def test_a_picture_has_its_words_where_they_are_asked_for(browser: Browser) -> None:
    draw = "from minidistil.plots.style import new_figure\nnew_figure(title='words')[0]"
    plant(browser, "words.ipynb", f"import os\nos.environ['MINIDISTIL_ALT_TEXT'] = '1'\n{draw}")
    tab = browser.opened("words.ipynb")
    tab.evaluate(RUN_ALL)
    pictures = "[...document.querySelectorAll('.jp-OutputArea img')].map(picture => picture.alt)"
    assert until(lambda: tab.evaluate(pictures)) == ["words"]
    tab.call("Page.close")


def test_an_error_would_show(browser: Browser) -> None:
    plant(browser, "planted.ipynb", "print('before')", "raise RuntimeError('planted')", "print('after')")
    assert browser.run("planted.ipynb") == [
        {"count": 1, "errors": []},
        {"count": 2, "errors": ["planted"]},
        {"count": None, "errors": []},
    ]
