"""The process that makes runners: a fresh interpreter without the engine's memory, made poor early.

Started as ``python -I -S -B -c … <descriptor> <layers to leave out>`` with a sequential-packet socket to
the engine. It says which layers are in force, then makes a runner for each request and tells how
each ended. No script ever runs in it, and no event passes through it; when the socket closes, it and all
runners end. Forking from it costs a tenth of a new interpreter.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from typing import Final

import msgspec

from trackplane.scripts import runner, sandbox

MESSAGE_BYTES: Final = 4096


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first message to the engine: the layers in force, without those that each runner adds."""

    layers: list[str]


class Start(msgspec.Struct, frozen=True):
    """A request, with two descriptors: where the runner reads requests and writes answers."""

    id: int
    memory_bytes: int
    cpu_s: int


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The answer, with the runner's pidfd."""

    id: int


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """A runner's end: its exit status, negative for the signal that killed it."""

    id: int
    status: int


def main(descriptor: int, without: str) -> None:
    """Prepare, leave the host, and serve until the engine closes its end."""
    runner.prepare()
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 pathlib stays out of runners
        base = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    layers = sandbox.enter(filter(None, without.split(",")))
    if "pid" in layers:
        inner = os.fork()  # the first process of the new namespace: when it ends, all in it do
        if inner:
            os.close(descriptor)
            os.waitpid(inner, 0)
            return
        sandbox.follow_parent()
    control = socket.socket(fileno=descriptor)
    control.send(msgspec.json.encode(Hello(layers)))
    _serve(control, base)


def _serve(control: socket.socket, base: int) -> None:
    running: dict[int, int] = {}  # id by pidfd
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor != control.fileno():
                ended = os.waitid(os.P_PIDFD, descriptor, os.WEXITED)
                status = 0
                if ended is not None:
                    exited = ended.si_code == os.CLD_EXITED
                    status = ended.si_status if exited else -ended.si_status
                poll.unregister(descriptor)
                os.close(descriptor)
                control.send(msgspec.json.encode(Ended(running.pop(descriptor), status)))
                continue
            data, given, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
            if not data:
                return
            start = msgspec.json.decode(data, type=Start)
            pid = os.fork()
            if pid == 0:
                _run(given, base + start.memory_bytes, start.cpu_s)
            for used in given:
                os.close(used)
            pidfd = os.pidfd_open(pid)
            running[pidfd] = start.id
            poll.register(pidfd, select.POLLIN)
            socket.send_fds(control, [msgspec.json.encode(Started(start.id))], [pidfd])


def _run(given: list[int], memory_bytes: int, cpu_s: int) -> None:
    """Become a runner; never returns."""
    status = 1
    try:
        sandbox.follow_parent()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.dup2(given[0], 0)
        os.dup2(given[1], 1)
        os.closerange(2, os.sysconf("SC_OPEN_MAX"))
        sys.stdin = sys.stdout = sys.stderr = None
        sandbox.lock(memory_bytes=memory_bytes, cpu_s=cpu_s)
        runner.hide()
        runner.serve()
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
