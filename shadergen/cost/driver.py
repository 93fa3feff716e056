"""A driver's compiler as a function: pipelines go in, statistics and code come out.

The driver runs in processes of its own, `worker` in each: one that crashes or finds no end costs its pipeline an answer
and nothing else.
"""

from __future__ import annotations

import base64
import json
import queue
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shadergen.cost.drivers import HOW, Start
from shadergen.errors import NoDeviceError, one_line

TIME_LIMIT = 600.0
"""How many seconds a pipeline may take: Intel's compiler needs minutes for the longest literal passes."""
_START_LIMIT = 60.0
_REMEDY = f"another version of Mesa may know the chip; {HOW}"


@dataclass(frozen=True)
class Pipeline:
    """What is compiled: a compute shader, or a fragment shader behind a vertex shader."""

    spirv: bytes
    bindings: tuple[tuple[int, int], ...]
    """The number and the kind of every descriptor."""
    vertex: bytes | None = None


@dataclass(frozen=True)
class Executable:
    """What a driver says of one shader of a pipeline."""

    name: str
    subgroup: int
    statistics: Mapping[str, float]
    texts: Mapping[str, str]
    """The shader in the driver's own words, by their name."""


@dataclass(frozen=True)
class Answer:
    """What came of a pipeline: its executables in the order of its stages, or why there are none."""

    executables: tuple[Executable, ...] = ()
    problem: str = ""


class _Lost(Exception):  # noqa: N818 - becomes an Answer
    """The process has gone."""


@dataclass
class _Worker:
    """A process with the driver in it."""

    start: Start
    device: str = ""
    _process: subprocess.Popen[str] | None = None
    _lines: queue.Queue[str] = field(default_factory=queue.Queue)
    _noise: list[str] = field(default_factory=list)

    def open(self) -> None:
        """Start the process. Raises NoDeviceError where the driver does not come up."""
        source = Path(__file__).with_name("worker.py").read_text("utf-8")
        command = [*self.start.prefix, self.start.python, "-c", source]
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", errors="replace"
            )
        except OSError as error:
            raise NoDeviceError(command[0], f"cannot be run: {error.strerror}") from None
        self._lines, self._noise = queue.Queue(), []
        threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()
        threading.Thread(target=self._drain, args=(self._process, self._noise), daemon=True).start()
        try:
            first = json.loads(self._next(_START_LIMIT))
        except (_Lost, ValueError) as error:
            raise NoDeviceError("the Vulkan driver", f"it did not start: {error}", _REMEDY) from None
        if "device" not in first:
            raise NoDeviceError("the Vulkan driver", one_line(first.get("error", "it said nothing")), _REMEDY)
        self.device = first["device"]

    def compile(self, pipeline: Pipeline, texts: Sequence[str]) -> Answer:
        """What the driver says of a pipeline."""
        if self._process is None:
            self.open()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(_job(pipeline, texts) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._next(TIME_LIMIT))
        except BrokenPipeError:
            self.close()
            return Answer(problem="the driver has gone")
        except (_Lost, ValueError) as error:
            self.close()
            return Answer(problem=str(error))
        if "executables" not in answer:
            return Answer(problem=f"the driver refused it: {one_line(answer.get('error', ''))}")
        return Answer(tuple(Executable(**item) for item in answer["executables"]))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _next(self, seconds: float) -> str:
        """The next line. Raises _Lost."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise _Lost(f"the driver found no end within {seconds:g} s") from None
        if not line:
            assert self._process is not None
            code = self._process.wait()
            how = f"crashed with signal {-code}" if code < 0 else f"ended with {code}"
            said = one_line(self._noise[-1]) if self._noise else ""
            raise _Lost(f"the driver {how}" + (f" ({said})" if said else ""))
        return line

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    @staticmethod
    def _drain(process: subprocess.Popen[str], noise: list[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            noise.append(line)
            del noise[:-20]


def _job(pipeline: Pipeline, texts: Sequence[str]) -> str:
    job = {
        "spirv": base64.b64encode(pipeline.spirv).decode(),
        "bindings": pipeline.bindings,
        "texts": list(texts),
    }
    if pipeline.vertex is not None:
        job["vertex"] = base64.b64encode(pipeline.vertex).decode()
    return json.dumps(job)


@dataclass
class Driver:
    """A driver that is up, in as many processes as compile at once."""

    device: str
    """What the driver calls the GPU."""
    _workers: queue.LifoQueue[_Worker]
    _count: int

    def compile(
        self, pipelines: Iterable[Pipeline], texts: Sequence[str], progress: Callable[[], None] = lambda: None
    ) -> list[Answer]:
        """What the driver says of each pipeline; of its texts, those whose names begin as `texts` says."""

        def one(pipeline: Pipeline) -> Answer:
            worker = self._workers.get()
            try:
                return worker.compile(pipeline, texts)
            except NoDeviceError as error:
                return Answer(problem=str(error))
            finally:
                self._workers.put(worker)
                progress()

        with ThreadPoolExecutor(self._count) as pool:
            futures = [pool.submit(one, pipeline) for pipeline in pipelines]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self.close()  # those at work end with their processes
                raise

    def close(self) -> None:
        """End the processes."""
        for worker in self.all_workers:
            worker.close()

    all_workers: tuple[_Worker, ...] = ()


@contextmanager
def opened(starts: Sequence[Start], processes: int) -> Iterator[Driver]:
    """The driver, by the first of several ways to start it that works. Raises NoDeviceError where none does."""
    for number, start in enumerate(starts):
        workers = tuple(_Worker(start) for _ in range(max(1, processes)))
        try:
            workers[0].open()
        except NoDeviceError:
            workers[0].close()
            if number + 1 == len(starts):
                raise
            continue
        break
    idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
    for worker in reversed(workers):
        idle.put(worker)
    driver = Driver(workers[0].device, idle, len(workers), workers)
    try:
        yield driver
    finally:
        driver.close()
