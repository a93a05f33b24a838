"""A job on the workers of a Ray cluster, or of a local Ray that is started for it: a GPU each, or some cores.

    batches ──▶ workers (an actor each: threads that read, one network) ──▶ results in the order of the batches

The driver, which is the process of the command, lists the items and writes the journal, as it does without Ray; so the
file has the same bytes, a killed command goes on, and a job may even change from one machine to a cluster. What waits
for its turn is bounded by the number of workers, not by that of items.

A worker that dies is replaced, and its batches are given to others. The network of a worker sees a batch as a whole, as
that of one process does.
"""

import contextlib
import itertools
import os
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from captioner import __version__
from captioner.errors import UserError
from pipelines.inference.jobs.job import Batch, Job, Result
from pipelines.utils.console import printable

CALLS = 3  # of a worker at once: one computes, the others read
AHEAD = 16  # batches for each worker that may be done before their turn
DEATHS = 5  # of workers over one batch, after which it is given up
STARTS = 3  # of workers that fail one after another, without any that begins
GRACE = 30.0  # seconds in which a cluster without machines may get some
ANSWER = 10.0  # seconds for an address to answer
_KEPT = ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "CAPTIONER_CACHE")


@dataclass(frozen=True)
class _Failure:
    """Why a worker cannot do what is asked, in a sentence."""

    reason: str


class Worker:
    """What runs in a process of the cluster.

    Args:
        version: of the package in the driver.
        threads: that the network and the decoding may use.
        environment: variables of the driver that decide what is loaded.
        folder: that the driver works in.
        places: files and folders that the job reads.
    """

    def __init__(self, version: str, threads: int, environment: dict[str, str], folder: str, places: list[str]):
        self.version, self.places = version, places
        with contextlib.suppress(OSError):  # what is missing is found by `start`
            os.chdir(folder)
        # Read when TensorFlow is loaded: it would take all cores of the machine.
        os.environ.update(environment, OMP_NUM_THREADS=str(threads), TF_NUM_INTRAOP_THREADS=str(threads))
        self.network = threading.Lock()
        self.readers = ThreadPoolExecutor(max(2, min(8, threads)), thread_name_prefix="decode")

    def start(self, stored: list) -> _Failure | None:
        """Loads the network.

        Args:
            stored: one reference to the job, in a list: Ray would read it before this is called.
        """
        if self.version != __version__:
            return _Failure(
                f"it has version {__version__} of captioner and the command has {self.version}: install the same one"
            )
        absent = [place for place in self.places if not os.path.exists(place)]
        if absent:
            return _Failure(f"it has no {absent[0]}: the same files are needed on all machines")
        import ray

        try:
            job = ray.get(stored[0])
        except Exception as error:  # whatever the parts of a job raise that are not as they were
            return _Failure(
                "it cannot read the job, so it may have another version of captioner or of a package "
                f"({_reason(error)}): install the same ones"
            )
        try:
            job.load()
        except UserError as error:
            return _Failure(str(error))
        self.job = job
        return None

    def compute(self, batch: Batch) -> list[tuple[dict, int | None]] | _Failure:
        """The new records of a batch, each with the fingerprint of its file."""
        (items, missing), job = batch, self.job
        try:
            inputs = job.inputs(items)
            contents = dict(zip(inputs, self.readers.map(job.read, inputs), strict=True))
            with self.network:
                outcomes = list(job.work(items, missing, contents))
        except UserError as error:
            return _Failure(str(error))
        return [
            ({**job.describe(items[index]), **outcome}, job.fingerprint(items[index], contents))
            for index, outcome in zip(missing, outcomes, strict=True)
        ]


class RayCluster:
    """A Ray cluster, whose `compute` takes the place of `pipelines.inference.jobs.job.compute`.

    It is connected to, or started, when there is work to do, and left when that is done.

    Args:
        address: HOST:PORT of its head, or "auto" for the one that this machine belongs to; without it a local Ray is
            started, which listens on the loopback interface only.
        workers: by default one a GPU, or one a machine where there is no GPU.
        threads: of each; by default the cores of the cluster are shared out.
        on_workers: called with the number of workers that are alive whenever it changes.

    Attributes:
        workers: how many there are to be; 0: not known before there is work to do.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int = 0,
        threads: int = 0,
        on_workers: Callable[[int], object] = lambda alive: None,
    ):
        self.address, self.workers, self.threads, self.on_workers = address, workers, threads, on_workers

    def _divide(self) -> None:
        resources = self.ray.cluster_resources()
        cores, self.gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        room, kind = (self.gpus, "GPUs") if self.gpus else (cores, "cores")
        self.workers = self.workers or self.gpus or min(len(self._machines()), cores)
        if not 1 <= self.workers <= room:
            raise UserError(
                f"{self.workers or 1:,} workers need as many {kind}, and this cluster has {room:,}: give --workers "
                f"{max(room, 1)} or fewer, or add machines."
            )
        self.threads = self.threads or max(1, cores // self.workers)

    def _machines(self) -> list[dict]:
        """Those that can hold a worker."""
        kind = "GPU" if self.gpus else "CPU"
        return [node for node in self.ray.nodes() if node["Alive"] and node["Resources"].get(kind, 0) >= 1]

    def compute(
        self, job: Job, batches: Iterator[Batch], on_load: Callable[[], object] = lambda: None
    ) -> Iterator[list[Result]]:
        """The new records batch by batch, in their order.

        Raises:
            UserError: Ray is not installed, nothing answers, there is no room for so many workers, one of them cannot
                do its work, or no machine is left. What was given before is right.
        """
        first = next(batches, None)
        if first is None:
            return
        self.ray = _connected(self.address)
        try:
            self._divide()
            yield from _Run(self, job, itertools.chain([first], batches), on_load).results()
        finally:
            self.ray.shutdown()

    def new_worker(self, places: list[str]) -> Any:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        options = {"num_cpus": 1, "num_gpus": 1 if self.gpus else 0, "scheduling_strategy": "SPREAD"}
        actor = self.ray.remote(Worker).options(max_concurrency=CALLS, max_restarts=0, **options)
        return actor.remote(__version__, self.threads, environment, os.getcwd(), places)


@dataclass
class _Call:
    """A batch that a worker has, or its start (`batch` is None)."""

    worker: Any
    number: int = -1
    batch: Batch | None = None


class _Run:
    """One job on a cluster: which worker has which batch, and which results wait for their turn."""

    def __init__(self, cluster: RayCluster, job: Job, batches: Iterator[Batch], on_load: Callable[[], object]):
        self.cluster, self.ray, self.job = cluster, cluster.ray, job
        self.batches, self.on_load = enumerate(batches), on_load
        self.stored_job = self.ray.put(job)
        self.places = list(job.places())
        self.calls: dict[Any, _Call] = {}
        self.alive: set[Any] = set()  # workers whose network is loaded
        self.again: deque[tuple[int, Batch]] = deque()  # of workers that died
        self.done: dict[int, tuple[Batch, list]] = {}
        self.deaths: Counter[int] = Counter()
        self.failed_starts, self.last_sign = 0, time.monotonic()
        self.turn = 0
        self.exhausted = False

    def results(self) -> Iterator[list[Result]]:
        for _ in range(self.cluster.workers):
            self._start_worker()
        while True:
            self._give_out()
            busy = any(call.batch is not None for call in self.calls.values())
            if self.exhausted and not busy and not self.again and not self.done:
                return
            self._collect()
            while self.turn in self.done:
                (items, missing), outcomes = self.done.pop(self.turn)
                self.turn += 1
                yield [
                    Result(items[index], record, fingerprint)
                    for index, (record, fingerprint) in zip(missing, outcomes, strict=True)
                ]

    def _start_worker(self) -> None:
        worker = self.cluster.new_worker(self.places)
        self.calls[worker.start.remote([self.stored_job])] = _Call(worker)

    def _give_out(self) -> None:
        """Gives every worker as many batches as it may have; one over which a worker died goes alone.

        Else those that it computed beside would be taken for what it died of.
        """
        load = Counter(call.worker for call in self.calls.values())
        alone = {call.worker for call in self.calls.values() if self.deaths[call.number]}
        for worker in self.alive - alone:
            for _ in range(int(load[worker] == 0) if self.again else CALLS - load[worker]):
                number, batch = self._next_batch()
                if batch is None:
                    return
                self.calls[worker.compute.remote(batch)] = _Call(worker, number, batch)

    def _next_batch(self) -> tuple[int, Batch | None]:
        if self.again:
            return self.again.popleft()
        in_work = sum(call.batch is not None for call in self.calls.values())
        if self.exhausted or len(self.done) + in_work >= AHEAD * self.cluster.workers:
            return -1, None
        entry = next(self.batches, None)
        self.exhausted = entry is None
        return entry or (-1, None)

    def _collect(self) -> None:
        """Waits for what comes next, and takes all that is there."""
        ready, _ = self.ray.wait(list(self.calls), num_returns=1, timeout=1.0)
        if not ready:
            self._check_cluster()
            return
        more, _ = self.ray.wait(list(self.calls), num_returns=len(self.calls), timeout=0)
        for reference in more:
            if (call := self.calls.pop(reference, None)) is None:
                continue  # of a worker whose death was noticed already
            try:
                outcome = self.ray.get(reference)
            except self.ray.exceptions.RayActorError as error:
                self._replace(call, error)
                continue
            self.last_sign = time.monotonic()
            if isinstance(outcome, _Failure):
                raise UserError(f"A worker of the cluster cannot go on: {outcome.reason.rstrip('.')}. {_KEEPS}")
            if call.batch is None:
                self._began(call.worker)
            else:
                self.done[call.number] = call.batch, outcome

    def _began(self, worker: Any) -> None:
        if not self.alive and not self.turn:
            self.on_load()
        self.alive.add(worker)
        self.failed_starts = 0
        self.cluster.on_workers(len(self.alive))

    def _replace(self, call: _Call, error: Exception) -> None:
        """Starts a worker in place of one that died, and takes back all that it had."""
        lost = [call, *(other for other in self.calls.values() if other.worker is call.worker)]
        self.calls = {key: other for key, other in self.calls.items() if other.worker is not call.worker}
        self.alive.discard(call.worker)
        self.cluster.on_workers(len(self.alive))
        if call.batch is None:
            self.failed_starts += 1
            if self.failed_starts >= STARTS * self.cluster.workers:
                raise UserError(f"The workers of the cluster cannot start: {_reason(error)}. {_KEEPS}") from None
        for each in sorted((each for each in lost if each.batch is not None), key=lambda each: each.number):
            self.deaths[each.number] += 1
            if self.deaths[each.number] >= DEATHS:
                name = self.job.describe(each.batch[0][0]).get("image", "")
                raise UserError(
                    f"{DEATHS} workers died over the batch that begins with {printable(str(name))}: there may not be "
                    f"enough memory for it. Give a smaller --batch-size or fewer --workers. {_KEEPS}"
                ) from None
            self.again.append((each.number, each.batch))
        self._start_worker()

    def _check_cluster(self) -> None:
        """
        Raises:
            UserError: there is no machine any more on which a worker could begin.
        """
        if self.alive or self.cluster._machines():
            self.last_sign = time.monotonic()
        elif time.monotonic() - self.last_sign > GRACE:
            raise UserError(
                f"The cluster has lost all its workers, and no machine that could hold one is left. {_KEEPS}"
            )


_KEEPS = "What was written until now is kept: the same command goes on from there."


def _connected(address: str | None):
    """The module `ray`, connected to a cluster or to a new local one."""
    local = address is None
    if local:
        # Ray resolves the loopback address to another one and listens there, unless it may not form clusters; the name
        # of the variable is that of the systems where this is the default. It is read when Ray is imported.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise UserError("The runner ray needs a package more: pip install 'captioner[ray]'.") from None
    if not local:
        _check_answers(address)
    options = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"} if local else {}
    try:
        ray.init(address=address or "local", logging_level="ERROR", log_to_driver=False, **options)
    except Exception as error:  # each way of not being a cluster has its own
        if local:
            raise UserError(f"Ray cannot be started here: {_reason(error)}.") from None
        raise UserError(
            f"{address} is no Ray cluster that this machine belongs to: {_reason(error)}. Give HOST:PORT of its head, "
            "run the command on a machine of the cluster (`ray start`), and install one version of Python and of Ray "
            "on all of them."
        ) from None
    return ray


def _check_answers(address: str) -> None:
    """
    Raises:
        UserError: it is no address, or nothing answers there. Ray itself would try for a minute, and then end the
            process.
    """
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in address:
        raise UserError(f"--address takes HOST:PORT of the head of a Ray cluster, or auto; received was {address!r}.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"No Ray cluster answers at {address} ({reason}). Start one there with `ray start --head`, or correct "
            "--address."
        ) from None


def _reason(error: Exception) -> str:
    """The last line of an error of Ray, which may have many, without its stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[-1] if lines else type(error).__name__).rstrip(".")
