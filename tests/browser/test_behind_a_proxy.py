"""The desk behind another address: a proxy of its own, and the example for nginx with a log-in before it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from browser_support import ROOT, Clerk, Desk, expect, row
from playwright.sync_api import Browser
from prefect_support import Cable, free_port, reply, server, wait_for
from websockets.sync.client import connect

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.xdist_group("in a browser")]

EXAMPLE = ROOT / "examples" / "operating" / "nginx.conf"
NGINX = shutil.which("nginx")
POLICY = re.search(r'Content-Security-Policy "([^"]+)"', EXAMPLE.read_text())


@pytest.mark.parametrize("version", ["", "/v2"])
def test_the_pages_ask_only_where_they_came_from(browser: Browser, desk: Desk, version: str) -> None:
    cable = Cable(desk.ui)
    asked: list[str] = []
    try:
        with Clerk(browser, desk, base=f"{cable.address}{version}") as clerk:
            clerk.context.on("request", lambda each: asked.append(each.url))
            item = desk.items()[0]
            queue = clerk.queue()
            form = clerk.follow(row(queue, item.request).get_by_role("link").last, "Parameters")
            expect(form.get_by_role("button", name="Submit")).to_be_visible()
    finally:
        cable.cut()
    elsewhere = {url for url in asked if not url.startswith((cable.address, "data:", "blob:", "https://"))}
    assert elsewhere == set()
    assert any("/api/" in url for url in asked)


def test_the_policy_of_the_example_keeps_the_newer_pages_from_asking_others(browser: Browser, desk: Desk) -> None:
    assert POLICY
    refused: list[str] = []
    with Clerk(browser, desk, base=f"{desk.ui}/v2") as clerk:

        def guarded(route: object, request: object) -> None:
            answer = route.fetch()  # type: ignore[attr-defined]
            headers = {**answer.headers, "content-security-policy": POLICY[1]}
            route.fulfill(response=answer, headers=headers)  # type: ignore[attr-defined]

        clerk.context.route(lambda url: url.startswith(f"{desk.ui}/v2/artifacts"), guarded)
        clerk.context.on("console", lambda each: refused.append(each.text))
        queue = clerk.queue()
        expect(row(queue, desk.items()[0].request).first).to_be_visible()
        assert clerk.strangers == []
    blocked = [text for text in refused if "Content Security Policy" in text]
    assert all("amplitude" in text for text in blocked), blocked


def test_messages_by_websocket_come_through(desk: Desk) -> None:
    cable = Cable(desk.ui)
    try:
        with connect(f"{cable.address.replace('http', 'ws')}/api/events/in") as socket:
            socket.ping().wait(10)
    finally:
        cable.cut()


@pytest.mark.skipif(NGINX is None, reason="there is no nginx to try its example with (Debian: apt-get install nginx)")
def test_the_example_for_nginx_lets_in_only_who_has_logged_in(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    with log_ins() as gate, nginx(tmp_path, desk.ui, gate) as address:
        with Clerk(browser, desk, base=address) as clerk:
            page = clerk.context.new_page()
            page.goto(f"{address}/deployments")
            expect(page.get_by_text("log in first")).to_be_visible()
            page.goto(f"{address}/oauth2/start")
            for base in (address, f"{address}/v2"):
                clerk.base = base
                queue = clerk.queue()
                expect(row(queue, desk.items()[0].request).first).to_be_visible()
            assert clerk.strangers == []
        told = (tmp_path / "holdfast.log").read_text()
        assert '"clerk@example.com" GET /artifacts/artifact/' in told
        assert "parameters=" not in told


@contextmanager
def log_ins() -> Iterator[str]:
    """What oauth2-proxy does for nginx: says who it is, by a cookie that it sets; gives its address."""

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        known = "desk=in" in (handler.headers.get("Cookie") or "")
        if handler.path.startswith("/oauth2/auth"):
            handler.send_response(202 if known else 401)
            handler.send_header("X-Auth-Request-Email", "clerk@example.com")
        elif handler.path.startswith("/oauth2/start"):
            handler.send_response(200)
            handler.send_header("Set-Cookie", "desk=in; Path=/; Secure; HttpOnly")
        else:
            reply(handler, 200, b'"log in first"')
            return
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with server(answer) as address:
        yield address


@contextmanager
def nginx(folder: Path, prefect: str, gate: str) -> Iterator[str]:
    """The web server with the example, its addresses and files replaced; gives its address."""
    port = free_port()
    key, certificate = folder / "desk.key", folder / "desk.crt"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    site = EXAMPLE.read_text()
    for there, here in {
        "/etc/ssl/holdfast": str(folder),
        "/var/log/nginx": str(folder),
        "listen 443": f"listen 127.0.0.1:{port}",
        "http://127.0.0.1:4200": prefect,
        "http://127.0.0.1:4180": gate,
    }.items():
        assert there in site
        site = site.replace(there, here)
    (folder / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    who = "user root;" if os.getuid() == 0 else ""
    whole = f"{who} daemon off; pid {folder}/pid; events {{}} http {{ {temporary} include {folder}/site.conf; }}"
    (folder / "nginx.conf").write_text(whole)
    command = [str(NGINX), "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    running = subprocess.Popen(command)
    try:
        wait_for((folder / "pid").exists, seconds=10, what="nginx")
        yield f"https://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(10)
