"""PostgreSQL stops and comes back: the watch goes on by itself; where it is not there at the start, that is said."""

from __future__ import annotations

import functools
import subprocess
import threading
from datetime import timedelta

import pytest
from operating_support import ADMIN_PASSWORD, APP_PASSWORD, PROGRAMS, PlayedProviders, PostgresServer, Site
from prefect_support import wait_for

from flows.watch import watch

pytestmark = pytest.mark.xdist_group("on a clock")
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, played: PlayedProviders) -> Site:
    site = Site(tmp_path_factory.mktemp("site"), postgres)
    site.provider("alpha", played.address("alpha"))
    played.trouble("alpha", {})
    return site


def test_a_watch_goes_on_by_itself_after_a_restart_and_after_an_outage(
    site: Site, postgres: PostgresServer, played: PlayedProviders
) -> None:
    said: list[str] = []
    stop, ended = threading.Event(), list[int]()
    begin = functools.partial(
        watch, site.settings, stop=stop, interval=SECOND, allowed=60 * SECOND, again_after=SECOND, say=said.append
    )
    thread = threading.Thread(target=lambda: ended.append(begin()), daemon=True)
    thread.start()

    def sent(request: str) -> bool:
        return site.state(request) == "in-force"

    requests = site.register("alpha")
    wait_for(lambda: sent(requests[0]), seconds=20, what="a sweep")
    postgres.restart(at_once=True)  # as a crash: every connection is lost
    requests += site.register("alpha")
    wait_for(lambda: sent(requests[1]), seconds=20, what="a sweep after the restart")
    postgres.stop()
    wait_for(lambda: any("the sweep failed" in each for each in said), seconds=30, what="a failed sweep")
    postgres.start()
    requests += site.register("alpha")
    wait_for(lambda: sent(requests[2]), seconds=20, what="a sweep after the outage")
    stop.set()
    thread.join(20)
    assert ended == [0]
    assert [played.effects(request) for request in requests] == [1, 1, 1]
    assert site.dropped() == [], "nobody is told of an outage that is shorter than what is allowed"
    (failed, *_) = [each for each in said if "the sweep failed" in each]
    assert f"postgresql://holdfast_app@127.0.0.1:{postgres.port}/" in failed
    assert "cannot be reached: try again" in failed
    with site.office() as office:
        assert not list(office.ledger.verify(office.histories.project))


@pytest.mark.parametrize("command", ["watch", "watch --check", "sweep"])
def test_a_database_that_is_down_at_the_start_is_said_with_status_3(
    site: Site, postgres: PostgresServer, command: str
) -> None:
    address = site.environ["HOLDFAST_LEDGER"].replace(f":{postgres.port}/", ":1/")  # nobody listens there
    done = subprocess.run(
        [PROGRAMS / "holdfast", *command.split()],
        env=site.environ | {"HOLDFAST_LEDGER": address.replace("@", ":a-password@", 1)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "postgresql://holdfast_app@127.0.0.1:1/" in done.stderr
    assert "the server cannot be reached: try again" in done.stderr
    assert not [word for word in ("a-password", ADMIN_PASSWORD, APP_PASSWORD, "Traceback") if word in done.stderr]
