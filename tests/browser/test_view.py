"""`lightemma view`: the pages of a folder of runs, a run that goes on, and who is answered."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lightemma.comparing.view_pages import Pages, entries_of
from lightemma.comparing.view_server import address_of, make_view_server, respond
from lightemma.errors import UserError
from lightemma.run_folder.frame_lines import FRAMES
from lightemma.run_folder.store import MANIFEST
from tests.browser.test_report_page import COUNT, READY
from tests.conftest import make_frame, make_manifest, write_run
from tests.report.page_runs import HOSTILE, model_records

LIVE = "document.querySelector('.live')?.innerText"
FRAMES_ALL = [make_frame(f"scene-{scene:04d}", index) for scene in range(8) for index in range(2)]


@pytest.fixture
def results(tmp_path):
    """A finished run, and one of which a quarter is there."""
    folder = tmp_path / "results"
    write_run(folder, make_manifest("done", FRAMES_ALL), model_records(FRAMES_ALL, 5.0))
    going = write_run(folder, make_manifest("going", FRAMES_ALL), model_records(FRAMES_ALL, 4.0, {0: HOSTILE[0]}))
    lines = (going / FRAMES).read_bytes().splitlines(keepends=True)
    (going / FRAMES).write_bytes(b"".join(lines[:4]))
    manifest = json.loads((going / MANIFEST).read_text())
    (going / MANIFEST).write_text(json.dumps({**manifest, "ended": None}))
    return folder, going, lines


def shown(browser):
    """Rows in the list of frames; None while the page is read anew."""
    return browser.evaluate(f"document.getElementById('count')?.textContent ? {COUNT} : null")


@contextmanager
def served(folder, work):
    pages = Pages([folder], work, rest=0.0)
    server = make_view_server(pages, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield pages, server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(server, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request("GET", path, headers={"Host": f"127.0.0.1:{server.server_port}", **headers})
    found = connection.getresponse()
    return found.status, found.read().decode(), found


def made(pages, name):
    """The page once it is there."""
    until = time.monotonic() + 30
    while pages.page(entry := pages.entry(name)) is None:
        assert not pages.state(entry)["error"]
        assert time.monotonic() < until
        time.sleep(0.05)
    return pages.page(entry)


def test_a_run_in_progress_has_a_page_of_its_own_over_the_frames_that_all_have(results):
    folder, going, _ = results
    found = entries_of([folder])
    assert [[run.name for run in entry.runs] for entry in found] == [["done"], ["going", "done"]]
    assert [entry.shared_frames for entry in found] == [False, True]
    assert found[1].title == "going, in progress"
    assert found[1].runs[0].reached == "4 of 16 frames"
    (going / FRAMES).write_bytes(b"")
    assert [entry.name for entry in entries_of([folder])] == [found[0].name]


def test_only_this_machines_browser_is_answered_and_only_with_pages(results, tmp_path):
    folder, _, _ = results
    (tmp_path / "secret.js").write_text("x")
    with served(folder, tmp_path / "work") as (pages, server):
        name = pages.all()[0].name
        made(pages, name)
        status, text, found = answer(server, "/")
        assert (status, f'href="/{name}/"' in text) == (200, True)
        assert found.getheader("Cross-Origin-Resource-Policy") == "same-origin"
        assert answer(server, "/", Host="evil.example")[0] == 403
        assert (
            answer(server, f"/{name}/state", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})[0] == 403
        )
        assert answer(server, f"/{name}/", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})[0] == 200
        inside = ("report-1_data/..%2f..%2fsecret.js", "report-1.html", "%00", "report-1_data/", "../../secret.js")
        for path in ("/../secret.js", "/%2e%2e/secret.js", "//etc/passwd", *(f"/{name}/{one}" for one in inside)):
            assert answer(server, path)[0] == 404, path
        status, page, _ = answer(server, f"/{name}/")
        assert status == 200
        assert "connect-src 'self'" in page
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("POST", "/")
        assert connection.getresponse().status == 501
        with pytest.raises(UserError, match="give another --port"):
            make_view_server(pages, server.server_port)


def test_a_page_that_cannot_be_made_says_why(results, tmp_path, monkeypatch):
    folder, _, _ = results

    def broken(*_, **__):
        raise KeyError(HOSTILE[1])

    monkeypatch.setattr("lightemma.comparing.view_pages.load_and_compare", broken)
    pages = Pages([folder], tmp_path / "work")
    entry = pages.all()[0]
    until = time.monotonic() + 20
    while not pages.state(entry)["error"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    status, _, body, _ = respond(pages, f"/{entry.name}/")
    assert status == 200
    assert b"KeyError" in body
    assert b"<script" not in body


def test_names_of_runs_become_text_and_plain_addresses(results, tmp_path):
    folder, _, _ = results
    pages = Pages(
        [folder], tmp_path, entries=lambda _: [replace(entries_of([folder])[0], name="plain", title=HOSTILE[1])]
    )
    _, _, body, headers = respond(pages, "/")
    assert b"<script" not in body
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.slow  # an open page asks every three seconds, and waits until nobody has touched it for eight
def test_a_page_shows_what_a_run_adds_while_it_goes_on(chromium, results, tmp_path):
    folder, going, lines = results
    with served(folder, tmp_path / "work") as (pages, server):
        name = next(entry.name for entry in pages.all() if entry.shared_frames)
        made(pages, name)
        chromium.resize(1280)
        chromium.open(f"{address_of(server)}{name}/", READY)
        assert chromium.evaluate(COUNT) == 3 * 4
        chromium.waiting_for(lambda: "going: 4 of 16 frames" in (chromium.evaluate(LIVE) or ""), True)
        with (going / FRAMES).open("ab") as file:
            file.write(b"".join(lines[4:12]))
        chromium.waiting_for(lambda: shown(chromium), 3 * 12)
        # Whoever reads is asked first, and finds what was seen again.
        chromium.evaluate("document.getElementById('filter-text').focus()")
        with (going / FRAMES).open("ab") as file:
            file.write(b"".join(lines[12:15]))
        chromium.wait("document.querySelector('.live button')")
        assert shown(chromium) == 3 * 12
        chromium.click(".live button")
        chromium.waiting_for(lambda: shown(chromium), 3 * 15)
        assert {address.split("/")[2] for address in chromium.requests} == {f"127.0.0.1:{server.server_port}"}
        assert chromium.problems == []
        with (going / FRAMES).open("ab") as file:
            file.write(lines[15])
        chromium.waiting_for(lambda: "is finished" in (chromium.evaluate(LIVE) or ""), True)
