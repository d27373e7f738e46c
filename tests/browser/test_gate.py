"""Only who knows the address gets in; the app ends when it is told to."""

from __future__ import annotations

import json
import os
import stat
import urllib.error
import urllib.request

import pytest

from .conftest import chat


@pytest.fixture
def app(make, start):
    return start(make([chat("Where is my parcel?", "delivery"), chat("I want my money back", "refund")]))


def answer(url, **headers):
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.build_opener(Stay).open(request) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def test_a_plain_visit_is_told_where_the_address_is(app):
    for path in ("/", "/review", "/_stcore/health", "/?token=wrong"):
        status, _, text = answer(app.root + path)
        assert status == 401
        assert "workbench app" in text


def test_the_token_becomes_a_cookie_and_leaves_the_address(app):
    status, headers, _ = answer(f"{app.root}/review?flag=any&token={app.token}")
    assert status == 303
    assert headers["location"] == "/review?flag=any"
    assert "HttpOnly" in headers["set-cookie"] and "SameSite=Strict" in headers["set-cookie"]
    cookie = headers["set-cookie"].partition(";")[0]
    assert answer(app.root + "/_stcore/health", Cookie=cookie)[0] == 200
    assert answer(app.root + "/_stcore/health", Cookie=cookie, Origin="http://127.0.0.1:1")[0] == 401


def test_a_websocket_without_the_cookie_is_refused(app, browser):
    page = browser.new_context().new_page()
    said = page.evaluate(
        "url => new Promise(done => { const s = new WebSocket(url);"
        " s.onopen = () => done('open'); s.onclose = s.onerror = () => done('closed') })",
        app.root.replace("http", "ws") + "/_stcore/stream",
    )
    assert said == "closed"


def test_a_foreign_host_name_is_refused(app):
    status, _, _ = answer(
        app.root + "/_stcore/health", Host="evil.example", Authorization=f"Bearer {app.token}"
    )
    assert status >= 400


def test_app_json_is_for_its_owner_alone_and_goes_away(app):
    path = app.folder / "app.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = json.loads(path.read_text())
    assert said == {"pid": app.process.pid, "port": app.port, "token": app.token}
    assert app.stop() < 5
    assert not path.exists()


def test_it_ends_within_five_seconds_with_a_page_open(app, visit):
    visit(app.at("review"))
    assert app.stop() < 5
    with pytest.raises(ProcessLookupError):
        os.kill(app.process.pid, 0)


def test_a_command_on_an_open_project_is_carried_out_by_the_app(app):
    request = urllib.request.Request(
        app.root + "/api/command",
        data=json.dumps({"args": ["flags", str(app.folder), "--json"], "cwd": "/", "who": "me"}).encode(),
        headers={"Authorization": f"Bearer {app.token}"},
    )
    with urllib.request.urlopen(request) as response:
        done = json.loads(response.read())
    assert done["exit_code"] == 0, done
    assert json.loads(done["stdout"]) is not None


def test_a_command_needs_the_bearer_token_and_not_a_cookie(app):
    cookie = answer(app.url)[1]["set-cookie"].partition(";")[0]
    assert answer(app.root + "/api/command", Cookie=cookie)[0] == 401
