"""The client against a small real server: counts, failures as failures, pace, and an end to everything."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from slipway.demo import traffic
from slipway.demo.client import Bounds, Reply, Target, judge, send

Answer = Callable[[int, web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(answer: Answer, seen: list[web.Request]) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        seen.append(request)
        return await answer(len(seen), request)

    app = web.Application()
    app.router.add_post("/endpoints/{name}/invocations", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def fine(_: int, __: web.Request) -> web.Response:
    return web.Response(text="0.25\n", content_type="text/csv")


def target(url: str) -> Target:
    return Target(url, "flights-dev", "eu-west-1", "111122223333", "secret")


def play(answer: Answer, *, count: int, rate: float = 2000.0) -> tuple[list[Reply], list[web.Request]]:
    seen: list[web.Request] = []
    replies: list[Reply] = []

    async def go() -> None:
        async with server(answer, seen) as url:
            await send(target(url), ["1,a", "2,b"], Bounds(rate, count, 30), replies.append)

    asyncio.run(go())
    return replies, seen


def test_sends_each_record_signed_and_once() -> None:
    replies, seen = play(fine, count=10)
    assert len(replies) == len(seen) == 10
    assert all(reply.ok for reply in replies)
    assert all("/sagemaker/aws4_request" in request.headers["Authorization"] for request in seen)
    assert {request.headers["Content-Type"] for request in seen} == {"text/csv"}


def test_a_failure_is_counted_and_never_tried_again() -> None:
    async def every_third_fails(number: int, _: web.Request) -> web.Response:
        if number % 3:
            return await fine(number, _)
        body = {"OriginalStatusCode": 400, "OriginalMessage": "row 1: carrier", "Message": "Received client error"}
        return web.json_response(body, status=424)

    replies, seen = play(every_third_fails, count=9)
    assert len(seen) == 9
    failed = [reply for reply in replies if not reply.ok]
    assert len(failed) == 3
    assert {(reply.status, reply.original_status, reply.error) for reply in failed} == {(424, 400, "row 1: carrier")}


def test_a_lost_connection_is_the_platforms_failure() -> None:
    async def hang_up(number: int, request: web.Request) -> web.Response:
        if number == 2 and request.transport is not None:
            request.transport.abort()
        return await fine(number, request)

    replies, _ = play(hang_up, count=4)
    told = traffic.count(replies, 0, time.time() + 1)
    assert (told.requests, told.failed, told.by_model, told.by_platform) == (4, 1, 0, 1)
    assert next(reply.status for reply in replies if not reply.ok) == 0


def test_keeps_the_asked_pace() -> None:
    replies, _ = play(fine, count=40, rate=100.0)
    took = max(reply.at for reply in replies) - min(reply.at for reply in replies)
    assert took >= 0.35, "40 requests at 100 a second span 0.39 s"


def test_stops_at_the_bound_of_seconds() -> None:
    replies: list[Reply] = []

    async def go() -> None:
        async with server(fine, []) as url:
            await send(target(url), ["1,a"], Bounds(50.0, 10_000, 0.2), replies.append)

    asyncio.run(go())
    assert 1 <= len(replies) <= 12


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (200, "0.5\n", (None, None)),
        (200, "nan", (None, "not a number: 'nan'")),
        (200, "", (None, "not a number: ''")),
        (424, '{"OriginalStatusCode": 500, "OriginalMessage": "boom"}', (500, "boom")),
        (400, '{"message": "Endpoint flights-dev not found"}', (None, "Endpoint flights-dev not found")),
        (503, "busy", (None, "busy")),
        (500, "", (None, "HTTP 500")),
        (500, "[1]", (None, "[1]")),
        (424, '{"OriginalStatusCode": "500"}', (None, '{"OriginalStatusCode": "500"}')),
    ],
)
def test_judges_an_answer(status: int, text: str, expected: tuple[int | None, str | None]) -> None:
    assert judge(status, text) == expected


def test_a_reply_survives_the_log() -> None:
    reply = Reply(1700000000.123, 424, 400, 12.5, 'a "quoted" word\n')
    assert Reply.parse(reply.line()) == reply
    assert "\n" not in reply.line()


def test_counts_only_what_was_sent_in_the_span() -> None:
    replies = [Reply(float(at), 200, None, 1, None) for at in range(10)] + [Reply(5.5, 424, 400, 1, "x")]
    told = traffic.count(replies, 2, 6)
    assert (told.requests, told.failed, told.by_model, told.example) == (5, 1, 1, "x")


def test_the_canary_share_is_measured_between_its_failures() -> None:
    good = [Reply(at / 10, 200, None, 1, None) for at in range(100)]
    bad = [Reply(3.05, 424, 400, 1, "x"), Reply(4.05, 424, 400, 1, "x")]
    assert traffic.canary_share([*good, *bad], 0, 10) == (2, 12)
    assert traffic.canary_share(good, 0, 10) == (0, 0)


def test_a_second_has_its_count_and_tail() -> None:
    replies = [Reply(7.0 + n / 100, 200, None, float(n), None) for n in range(100)]
    assert traffic.by_second(replies) == [traffic.Second(7, 100, 0, 98.0)]


def serve_for_process(tmp_path: Path) -> tuple[subprocess.Popen[str], str]:
    """A server in a process of its own, since the client's process is watched from this one."""
    code = (
        "import http.server,sys\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    protocol_version='HTTP/1.1'\n"
        "    def do_POST(self):\n"
        "        self.rfile.read(int(self.headers['Content-Length']))\n"
        "        self.send_response(200); self.send_header('Content-Length','3'); self.end_headers()\n"
        "        self.wfile.write(b'0.5')\n"
        "    def log_message(self,*a): pass\n"
        "s=http.server.ThreadingHTTPServer(('127.0.0.1',0),H); print(s.server_port,flush=True); s.serve_forever()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, f"http://127.0.0.1:{process.stdout.readline().strip()}"


def environment(url: str) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "111122223333",
        "AWS_SECRET_ACCESS_KEY": "x",
    }


def test_the_process_logs_until_it_is_stopped(tmp_path: Path) -> None:
    server_process, url = serve_for_process(tmp_path)
    try:
        client = traffic.Traffic(
            endpoint="flights-dev",
            records=["1,a"],
            folder=tmp_path / "traffic",
            environment=environment(url),
            rate=200,
            count=10_000,
            seconds=60,
        )
        deadline = time.monotonic() + 20
        while len(client.replies()) < 20 and time.monotonic() < deadline:
            client.check()
            time.sleep(0.05)
        client.stop()
        client.stop()
        client.check()
        replies = client.replies()
        assert len(replies) >= 20
        assert all(reply.ok for reply in replies)
        with pytest.raises(ProcessLookupError):
            os.kill(client.pid, 0)
    finally:
        server_process.kill()
        server_process.wait()
        assert server_process.stdout is not None
        server_process.stdout.close()


def test_a_client_that_dies_is_noticed(tmp_path: Path) -> None:
    client = traffic.Traffic(
        endpoint="e",
        records=[],
        folder=tmp_path,
        environment=environment("http://127.0.0.1:9"),
        rate=1,
        count=1,
        seconds=1,
    )
    client._process.wait(20)
    with pytest.raises(traffic.DemoError, match="holds no record") as error:
        client.check()
    assert error.value.code == "SLW909"


def test_a_killed_client_leaves_whole_lines_only(tmp_path: Path) -> None:
    log = tmp_path / traffic.LOG
    log.write_text(Reply(1.0, 200, None, 1.0, None).line() + "\n" + "[2.0, 200, nu")
    assert [reply.at for reply in traffic.read(log)] == [1.0]
    assert json.loads(log.read_text().splitlines()[0])[1] == 200
    assert signal.SIGKILL
