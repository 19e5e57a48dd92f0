"""From a byte on a serial line to the referee's page: what a gate event takes until the page's stream tells of it.

Beside it, sample by sample, a bare peer: the same pseudo-terminal, reader, web server and stream, but nothing decoded,
decided or put on disk. The ratio is the price of a proposal that is on record before anybody is told.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import tty
from contextlib import ExitStack
from pathlib import Path

import httpx

SAMPLES = 350
# A run takes 200 proposals; two runs give enough of them.
RUNS = 2
LIMIT_S = 1.0
# As long as a gate event on the wire.
PEER_SAMPLE = b"x" * 22 + b"\n"


def peer(port: int, line: str) -> None:
    """The bare peer: whatever comes on the line is an event of the stream."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse

    from robolev.link.transport import SerialReader

    app = FastAPI()

    @app.get("/live")
    async def live() -> StreamingResponse:
        loop, waiting = asyncio.get_running_loop(), asyncio.Queue()
        reader = SerialReader(
            line, lambda _at, data: loop.call_soon_threadsafe(waiting.put_nowait, data), lambda _: None
        )

        async def events():
            reader.start()
            yield "event: beat\n\n"
            while True:
                if (await waiting.get()).endswith(b"\n"):  # a sample may come in two pieces
                    yield "event: change\ndata: {}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


class Line:
    """A pseudo-terminal: we write at one end, the server reads at the other."""

    def __init__(self, stack: ExitStack) -> None:
        self.near, far = os.openpty()
        tty.setraw(far)
        self.name = os.ttyname(far)
        stack.callback(os.close, self.near)
        stack.callback(os.close, far)


class Stream:
    """A page's event stream, read line by line."""

    def __init__(self, stack: ExitStack, client: httpx.Client, path: str) -> None:
        answer = stack.enter_context(client.stream("GET", path, timeout=30))
        self._lines = answer.iter_lines()

    def next(self, wanted: str) -> None:
        for line in self._lines:
            if line == wanted:
                return
        raise AssertionError(f"the stream ended before {wanted!r}")


def start(stack: ExitStack, command: list[str], url: str, output: Path) -> None:
    with output.open("w") as printed:
        process = subprocess.Popen([sys.executable, "-P", *command], stdout=printed, stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    until = time.monotonic() + 60
    while True:
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.TransportError:
            assert process.poll() is None and time.monotonic() < until, output.read_text()
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def timed(line: Line, data: bytes, stream: Stream) -> float:
    began = time.perf_counter()
    os.write(line.near, data)
    stream.next("event: change")
    return time.perf_counter() - began


def measure() -> tuple[list[float], list[float]]:
    """Seconds of each sample: ours, and the bare peer's."""
    from robolev.link.frames import encode
    from robolev.link.messages import Event, pack

    ours: list[float] = []
    bare: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        line, peer_line = Line(stack), Line(stack)
        port, peer_port = free_port(), free_port()
        url = f"http://127.0.0.1:{port}"
        serve = ["-m", "console.main", "robolev", "serve", "--port", str(port), "--data", str(folder / "d")]
        start(stack, [*serve, "--serial", line.name], f"{url}/healthz", folder / "ours")
        start(
            stack,
            [__file__, "--peer", str(peer_port), peer_line.name],
            f"http://127.0.0.1:{peer_port}/",
            folder / "peer",
        )
        codes = dict(
            text.removeprefix("code for ").split(": ")
            for text in (folder / "ours").read_text().splitlines()
            if text.startswith("code for ")
        )
        staff = {role: stack.enter_context(httpx.Client(base_url=url, trust_env=False)) for role in codes}
        for role, client in staff.items():
            client.post("/login", data={"code": codes[role]})
        peer_client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{peer_port}", trust_env=False))
        peer_stream = Stream(stack, peer_client, "/live")
        peer_stream.next("event: beat")
        for number in range(RUNS):
            fields = {"fresh": str(number), "team": f"T{number}", "division": "MS", "field": str(number), "robot": "7"}
            staff["desk"].post("/desk/call", data=fields)
            tell(staff["referee"], number, "start")
            with ExitStack() as one_run:
                stream = Stream(one_run, staff["referee"], f"/api/live/r-{number}")
                stream.next("event: beat")
                for sample in range(-5, SAMPLES // RUNS):  # the first few warm up
                    event = encode(pack(Event(7, 1000 * number + sample + 10, 1, 3, 0)))
                    taken = timed(line, event, stream), timed(peer_line, PEER_SAMPLE, peer_stream)
                    os.read(line.near, 1000)  # the acknowledgement
                    if sample >= 0:
                        ours.append(taken[0])
                        bare.append(taken[1])
            tell(staff["referee"], number, "end", reason="completed")
    return ours, bare


def tell(client: httpx.Client, number: int, do: str, **more: str) -> None:
    body = {"command_id": f"{do}-{number}", "do": do, **more}
    client.post(f"/api/runs/r-{number}/commands", json=body).raise_for_status()


def main() -> None:
    if sys.argv[1:2] == ["--peer"]:
        peer(int(sys.argv[2]), sys.argv[3])
        return
    figures = {}
    for name, taken in zip(("ours", "peer"), measure(), strict=True):
        taken.sort()
        figures |= {
            f"{name}_p50_ms": 1000 * taken[len(taken) // 2],
            f"{name}_p99_ms": 1000 * taken[len(taken) * 99 // 100],
        }
    ratios = {f"ratio_{p}": figures[f"ours_{p}_ms"] / figures[f"peer_{p}_ms"] for p in ("p50", "p99")}
    ratios["p99_of_limit"] = figures["ours_p99_ms"] / 1000 / LIMIT_S
    if "--json" in sys.argv:
        rounded = {name: round(value, 3) for name, value in {**figures, **ratios}.items()}
        print(json.dumps({"bench": "serial byte to referee's page", "samples": SAMPLES, **rounded}))
        return
    print(
        f"serial byte to referee's page: p50 {figures['ours_p50_ms']:.1f} ms, p99 {figures['ours_p99_ms']:.1f} ms "
        f"({SAMPLES} samples); bare peer p50 {figures['peer_p50_ms']:.1f} ms, p99 {figures['peer_p99_ms']:.1f} ms; "
        f"ratio {ratios['ratio_p50']:.1f} and {ratios['ratio_p99']:.1f}, "
        f"p99 is {ratios['p99_of_limit']:.3f} of the limit {LIMIT_S:.0f} s"
    )


if __name__ == "__main__":
    main()
