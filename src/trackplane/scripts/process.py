"""The trusted side of the isolated processes: starting them, one exchange with limits, ending them."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import pyseccomp

import trackplane
from trackplane.errors import UnavailableError
from trackplane.scripts.runner import HEADER
from trackplane.scripts.sandbox import LAYERS
from trackplane.scripts.spawner import MESSAGE_BYTES, Ended, Hello, Start, Started

LOCK_LAYERS: Final = ("privileges", "limits", "seccomp")
_PROGRAM: Final = (
    "import sys; sys.path += sys.argv[3:]; from trackplane.scripts.spawner import main; "
    "main(int(sys.argv[1]), sys.argv[2])"
)
_PYTHON: Final = (sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c")
_START_S: Final = 20.0  # an interpreter on a busy machine
_LOOK_S: Final = 0.02  # how often the CPU clock of a late runner is read
_READ: Final = 1 << 20
_PIPE_BYTES: Final = 1 << 20
_F_SETPIPE_SZ: Final = 1031
_Message = Hello | Started | Ended
_decode: Final = msgspec.json.Decoder(_Message).decode


class IsolationError(UnavailableError):
    """No isolated process can be started here."""

    code = "isolation"


class RunnerError(UnavailableError):
    """A runner did not answer as it must, and is gone. ``reason`` is the code of its events' failure."""

    code = "runner"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Spawner:
    """Makes runners. Safe to use from several threads; started anew when it is gone."""

    def __init__(self, without: Iterable[str] = ()) -> None:
        self._without = ",".join(without)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._layers: tuple[str, ...] = ()
        self._ids = itertools.count(1)
        self._ended: dict[int, int] = {}

    def layers(self) -> tuple[str, ...]:
        """Return the layers in force, starting the process if it does not run.

        Raises:
            IsolationError: it does not start.
        """
        with self._lock:
            self._ready()
            return self._layers

    def start(self, *, memory_mb: int, cpu_s: int) -> Runner:
        """Return a new runner.

        Raises:
            IsolationError: the process does not start, or ended.
        """
        with self._lock:
            control = self._ready()
            number = next(self._ids)
            requests, answers = os.pipe(), os.pipe()
            try:
                start = Start(number, memory_mb << 20, cpu_s)
                try:
                    given = [requests[0], answers[1]]
                    socket.send_fds(control, [msgspec.json.encode(start)], given)
                    pidfd = self._until_started(control, number)
                except OSError as error:
                    self._stop()
                    raise IsolationError(f"no isolated process: {error}") from error
            except BaseException:
                os.close(requests[1])
                os.close(answers[0])
                raise
            finally:
                os.close(requests[0])
                os.close(answers[1])
        return Runner(self, number, pidfd, requests[1], answers[0])

    def status(self, number: int, deadline: float) -> int | None:
        """Return how a runner that ended did: its exit status, or minus a signal; None: not known."""
        with self._lock:
            control = self._control
            while number not in self._ended and control is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([control], [], [], left)[0]:
                    break
                if not self._receive(control):
                    self._stop()
                    break
            return self._ended.pop(number, None)

    def close(self) -> None:
        """End the process and with it every runner."""
        with self._lock:
            self._stop()

    def _ready(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._control is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = self._popen(theirs.fileno())
            ours.settimeout(_START_S)
            self._control = ours
            try:
                hello = _decode(ours.recv(MESSAGE_BYTES))
            except (OSError, msgspec.DecodeError) as error:
                code = self._process.poll()
                self._stop()
                raise IsolationError(
                    f"no isolated process starts ({error}; exit status {code})",
                    hint="run `trackplane doctor`: is libseccomp2 installed?",
                ) from error
            assert isinstance(hello, Hello)
            self._layers = tuple(hello.layers)
        return self._control

    def _popen(self, descriptor: int) -> subprocess.Popen[bytes]:
        folders = dict.fromkeys(
            str(Path(str(module.__file__)).parents[depth])
            for module, depth in ((trackplane, 1), (msgspec, 1), (pyseccomp, 0))
        )
        return subprocess.Popen(  # noqa: S603 our own program
            [*_PYTHON, _PROGRAM, str(descriptor), self._without, *folders],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            pass_fds=(descriptor,),
            start_new_session=True,
        )

    def _until_started(self, control: socket.socket, number: int) -> int:
        while True:
            data, given, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 1)
            if not data:
                raise OSError("the process that makes runners ended")
            message = _decode(data)
            if isinstance(message, Started) and message.id == number:
                os.set_inheritable(given[0], False)
                return given[0]
            self._take(message)

    def _receive(self, control: socket.socket) -> bool:
        data = control.recv(MESSAGE_BYTES)
        if data:
            self._take(_decode(data))
        return bool(data)

    def _take(self, message: _Message) -> None:
        if isinstance(message, Ended):
            if len(self._ended) > 1_000:  # of runners nobody asked for
                self._ended.clear()
            self._ended[message.id] = message.status

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._ended.clear()


class Runner:
    """One isolated process and its two pipes. Call from one thread at a time."""

    def __init__(
        self, spawner: Spawner, number: int, pidfd: int, requests: int, answers: int
    ) -> None:
        self._spawner = spawner
        self._number = number
        self._pidfd = pidfd
        self._requests = requests
        self._answers = answers
        self._sequence = 0
        self._closed = False
        self._clock = _cpu_clock(pidfd)
        self.cpu_s = 0.0
        for descriptor in (requests, answers):
            os.set_blocking(descriptor, False)
            with contextlib.suppress(OSError):
                _set_pipe_size(descriptor)

    def exchange(
        self, parts: Sequence[bytes], *, wall_s: float, cpu_s: float, output_bytes: int
    ) -> bytes:
        """Send one request and return its answer's body; any failure ends the process.

        Raises:
            RunnerError: a limit was passed, the process ended, or what it wrote is no answer.
        """
        try:
            return self._exchange(b"".join(parts), wall_s, cpu_s, output_bytes)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Kill the process. It may be closed already."""
        if self._closed:
            return
        self._closed = True
        self._read_clock()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        for descriptor in (self._pidfd, self._requests, self._answers):
            os.close(descriptor)

    def _exchange(self, body: bytes, wall_s: float, cpu_s: float, output_bytes: int) -> bytes:
        self._sequence += 1
        looked = time.monotonic()
        deadline = looked + wall_s
        before = self._read_clock()
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        if poll.poll(0):
            self._unasked()
        poll.register(self._pidfd, select.POLLIN)
        poll.register(self._requests, select.POLLOUT)
        request = memoryview(HEADER.pack(len(body), self._sequence) + body)
        answer, size = bytearray(), -1
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise RunnerError("rule_script_timeout", f"took over {wall_s:.3g} s")
            ready = dict(poll.poll(min(left, _LOOK_S) * 1000))
            if deadline - left > looked + _LOOK_S:
                looked = deadline - left
                if self._read_clock() - before > cpu_s:
                    raise RunnerError("rule_script_timeout", f"used over {cpu_s:.3g} s of CPU")
            if self._requests in ready:
                request = self._write(request)
                if not request:
                    poll.unregister(self._requests)
            if self._answers in ready:
                want = (HEADER.size if size < 0 else size) - len(answer)
                try:
                    found = os.read(self._answers, min(want, _READ))
                except BlockingIOError:
                    continue
                if not found:
                    self._ended()
                answer += found
                if len(found) == want and size < 0:
                    size, sequence = HEADER.unpack(answer)
                    if size > output_bytes:
                        text = f"an answer of over {output_bytes} bytes"
                        raise RunnerError("rule_script_output", text)
                    if sequence != self._sequence:
                        self._unasked()
                    answer.clear()
                if size >= 0 and len(answer) == size:
                    if request:
                        self._unasked()
                    self._read_clock()
                    return bytes(answer)
            elif self._pidfd in ready:
                self._ended()

    def _write(self, request: memoryview) -> memoryview:
        try:
            return request[os.write(self._requests, request) :]
        except BlockingIOError:
            return request
        except BrokenPipeError:
            self._ended()
            raise

    def _unasked(self) -> None:
        raise RunnerError("rule_script_crash", "wrote what is no answer")

    def _ended(self) -> None:
        status = self._spawner.status(self._number, time.monotonic() + 1)
        if status is None or status >= 0:
            raise RunnerError("rule_script_crash", "ended its process")
        name = signal.Signals(-status).name if -status in _SIGNALS else str(-status)
        raise RunnerError("rule_script_crash", f"its process was ended by {name}")

    def _read_clock(self) -> float:
        with contextlib.suppress(OSError):  # it ended
            self.cpu_s = max(self.cpu_s, time.clock_gettime(self._clock))
        return self.cpu_s


_SIGNALS: Final = {number.value for number in signal.Signals}


def _cpu_clock(pidfd: int) -> int:
    """Return the CPU-time clock of a pidfd's process (clock_getcpuclockid(3))."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "Pid" and int(value) > 0:
            return (~int(value) << 3) | 2
    raise IsolationError("a runner is in no process namespace of this process")


def _set_pipe_size(descriptor: int) -> None:
    fcntl.fcntl(descriptor, _F_SETPIPE_SZ, _PIPE_BYTES)


def missing_layers(layers: Iterable[str]) -> tuple[str, ...]:
    """Return the layers that are not in force."""
    there = {*layers, *LOCK_LAYERS}
    return tuple(name for name in LAYERS if name not in there)
