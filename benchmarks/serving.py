"""How much of a machine's captions does a service give to its clients, how long do they wait, and what does it keep?

    python -m benchmarks.serving --images DIR                              all four parts, with `photos`
    python -m benchmarks.serving --images DIR --part load --part alone     some of them
    python -m benchmarks.serving --images DIR --part memory --engine openvino

- `load`: 16 clients send 400 images, each the next as soon as it has its caption. In turns with a job that captions
  the same files as `captioner caption` does, loaded and warm. Targets: at least 0.9 of its images a second, the same
  captions word for word, no request lost.
- `alone`: one client, beside one forward pass and search of the same image, pixels ready, in turns image by image.
  Target: medians at most 1.3 to 1.
- `memory`: 5,000 requests. Target: the service's memory at the end at most 1.1 times that after 500.
- `overload`: 200 clients for 30 seconds, four images a request. Targets: only 200, 4xx and 503; afterwards a client
  alone waits as long as before.

The service is a process of its own, `captioner serve`, and its clients share the machine with it.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

PARTS = ("load", "alone", "memory", "overload")
_BOUNDARY = "of-an-image"
_LONGEST = 120  # seconds that a client waits: a request that takes longer is lost


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Prints a table and returns it."""
    options = _options(argv)
    table: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.toy:
            options.images, options.count, options.rounds = _drawn(folder / "images"), 4, 1
            options.clients, options.requests, options.crowd, options.seconds = 2, 8, 4, 1.0
        paths = sorted(options.images.glob("*.*"))[: options.count]
        model = _model(options) if {"load", "alone"}.intersection(options.part) else None
        with _service(options) as service:
            if "alone" in options.part:
                table |= _alone(service, model, paths)
            if "load" in options.part:
                table |= _load(options, service, model, paths, folder)
            if "memory" in options.part:
                table |= _memory(options, service, paths)
            if "overload" in options.part:
                table |= _overload(options, service, paths)
    for title, value in table.items():
        print(f"{title:<50}{value:>10.3f}")
    return table


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--toy", action="store_true", help="four images made here, few requests: does it run?")
    parser.add_argument("--part", action="append", choices=PARTS, help="all by default")
    parser.add_argument("--model", default="photos")
    parser.add_argument("--engine", choices=("keras", "openvino"), default="keras")
    parser.add_argument("--batch-size", type=int, default=8, help="of the service; the job has its own")
    parser.add_argument("--count", type=int, default=400, help="images")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=5000, help="of the part `memory`")
    parser.add_argument("--crowd", type=int, default=200, help="clients of the part `overload`")
    parser.add_argument("--seconds", type=float, default=30.0, help="of the part `overload`")
    options = parser.parse_args(argv)
    options.part = options.part or PARTS
    if not (options.toy or options.images):
        parser.error("--images DIR is needed (or --toy)")
    return options


def _drawn(folder: Path) -> Path:
    from pipelines.data.synthetic.drawing import draw_scene
    from pipelines.data.synthetic.scenes import sample_scenes

    folder.mkdir()
    for number, (_, _, scene) in enumerate(sample_scenes(0, {"train": 4})):
        draw_scene(scene, 128).save(folder / f"{number}.png")
    return folder


def _model(options: argparse.Namespace):
    from pipelines.inference.models import captioner_source

    return captioner_source([Path(options.model)], engine=options.engine).load()


class _Service:
    """A running `captioner serve`. port: where it listens. process: its number."""

    def __init__(self, port: int, process: int):
        self.port, self.process = port, process

    def client(self) -> "_Client":
        return _Client(self.port)

    @property
    def megabytes(self) -> float:
        """Its memory now."""
        lines = Path(f"/proc/{self.process}/status").read_text("ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


class _Client:
    """A client with one connection, which it opens again where that was closed."""

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONGEST)

    def captions(self, *images: bytes) -> tuple[int, dict]:
        """Status and body of a request; status 0: it was lost."""
        parts = [
            b'--%b\r\nContent-Disposition: form-data; name="images"; filename="photo"\r\n\r\n%b\r\n'
            % (_BOUNDARY.encode(), image)
            for image in images
        ]
        body = b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        try:
            self._connection.request("POST", "/v1/captions", body, headers)
            response = self._connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._connection.close()
            return 0, {"error": repr(error)}

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def _service(options: argparse.Namespace) -> Iterator[_Service]:
    """Starts a service, and ends it as a user does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--model", options.model, "--engine", options.engine, "--batch-size", str(options.batch_size)]
    command = [sys.executable, "-m", "captioner", "serve", "--port", str(port), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not _listens(port):
            if process.poll() is not None:
                raise SystemExit("The service did not start.")
            time.sleep(0.2)
        yield _Service(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def _side_by_side(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _sent(service: _Service, images: Sequence[bytes], clients: int) -> list[tuple[int, dict]]:
    """What each image is answered with; the clients take the next one as soon as they have an answer."""
    numbers = itertools.count()  # whose `next` is one step: no two threads get the same
    answers: list = [None] * len(images)

    def work(_) -> None:
        client = service.client()
        while (number := next(numbers)) < len(images):
            answers[number] = client.captions(images[number])
        client.close()

    _side_by_side(clients, work)
    return answers


def _load(options, service: _Service, model, paths: list[Path], folder: Path) -> dict[str, float]:
    from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
    from pipelines.inference.runners.local import run_job

    images = [path.read_bytes() for path in paths]
    rates: dict[str, list[float]] = {"service": [], "caption": []}
    lost, alike = 0, []
    for turn in range(options.rounds + 1):  # the first compiles
        begun = time.perf_counter()
        output = folder / f"{turn}.jsonl"
        run_job(CaptionJob(paths, model, CaptionOptions()), output)
        between = time.perf_counter()
        answers = _sent(service, images, options.clients)
        ended = time.perf_counter()
        written = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
        expected = {line["image"]: line["caption"] for line in written if "image" in line}
        lost += sum(status != 200 for status, _ in answers)
        texts = [body["captions"][0]["caption"] if status == 200 else None for status, body in answers]
        alike.append(sum(map(str.__eq__, expected.values(), texts)) / len(paths))
        if turn:
            rates["caption"].append(len(paths) / (between - begun))
            rates["service"].append(len(paths) / (ended - between))
    table = {f"load: {name}, images/s": median(values) for name, values in rates.items()}
    table["load: ratio"] = median(map(float.__truediv__, rates["service"], rates["caption"]))
    return {**table, "load: captions alike": min(alike), "load: requests lost": lost}


def _alone(service: _Service, model, paths: list[Path]) -> dict[str, float]:
    from captioner.images.clips import pixel_batch
    from captioner.images.decode import decode_image

    client, times = service.client(), {"request": [], "pass and search": []}
    for path in [*paths[:3], *paths[:100]]:
        image = path.read_bytes()
        pixels = pixel_batch([decode_image(image, model.encoder.spec)], model.encoder.spec)
        begun = time.perf_counter()
        model.caption_features(model.encode(pixels, 1), batch_size=1)
        between = time.perf_counter()
        status, body = client.captions(image)
        ended = time.perf_counter()
        if status != 200:
            raise SystemExit(f"The service answers {status}: {body}")
        times["pass and search"].append(between - begun)
        times["request"].append(ended - between)
    client.close()
    warm = {name: values[3:] for name, values in times.items()}
    table = {f"alone: {name}, ms": 1000 * median(values) for name, values in warm.items()}
    return {**table, "alone: ratio": median(warm["request"]) / median(warm["pass and search"])}


def _memory(options, service: _Service, paths: list[Path]) -> dict[str, float]:
    images = [path.read_bytes() for path in paths]
    first = max(1, options.requests // 10)
    table, refused = {}, 0
    for title, count in ((f"{first:,}", first), (f"{options.requests:,}", options.requests - first)):
        answers = _sent(service, list(itertools.islice(itertools.cycle(images), count)), options.clients)
        refused += sum(status != 200 for status, _ in answers)
        table[f"memory: after {title} requests, MB"] = service.megabytes
    before, after = table.values()
    return {**table, "memory: ratio": after / before, "memory: requests not answered": refused}


def _overload(options, service: _Service, paths: list[Path]) -> dict[str, float]:
    images = [path.read_bytes() for path in paths[:4]]
    statuses: Counter = Counter()
    before = _waits(service, images[0])
    until = time.perf_counter() + options.seconds

    def work(_) -> None:
        member = service.client()
        while time.perf_counter() < until:
            status, _ = member.captions(*images)
            statuses[status] += 1
            if status == 503:
                time.sleep(0.1)  # less than is asked for
        member.close()

    _side_by_side(options.crowd, work)
    after = _waits(service, images[0])
    table = {f"overload: status {status}": count for status, count in sorted(statuses.items())}
    other = sum(count for status, count in statuses.items() if not (status in (200, 503) or 400 <= status < 500))
    waits = {"overload: a client alone before, ms": before, "overload: and afterwards, ms": after}
    return {**table, "overload: other than 200, 4xx, 503": other, **waits}


def _waits(service: _Service, image: bytes) -> float:
    """Median milliseconds of ten requests, on a new connection: a service closes those that are idle for long."""
    client, times = service.client(), []
    for _ in range(10):
        begun = time.perf_counter()
        status, body = client.captions(image)
        times.append(1000 * (time.perf_counter() - begun))
        if status != 200:
            raise SystemExit(f"The service answers {status}: {body}")
    client.close()
    return median(times)


if __name__ == "__main__":
    main()
