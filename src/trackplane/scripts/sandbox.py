"""What the kernel takes away from the processes of scripts. Runs in those processes only.

``enter`` is called once by the process that starts runners; ``lock`` by each runner before it sees a
script. Whatever runs after ``lock`` is taken to be hostile native code: nothing here counts on
Python hiding a thing. Sources: namespaces(7), capabilities(7), prctl(2), seccomp(2), pivot_root(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from collections.abc import Iterable
from typing import Final

import pyseccomp

NOBODY: Final = 65534
# Layers in the order they are tried. The last three are the minimum without which nothing runs.
LAYERS: Final = ("uid", "user", "pid", "net", "ipc", "mount", "privileges", "limits", "seccomp")

_CLONE: Final = {
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "ipc": 0x08000000 | 0x04000000,  # with the host's name (uts)
    "mount": 0x00020000,
}
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_SIGKILL: Final = 9
_MS_PRIVATE_ALL: Final = (1 << 18) | (1 << 14)
_MS_LOCKED: Final = 2 | 4 | 8  # nosuid, nodev, noexec
_MS_READ_ONLY_AGAIN: Final = 1 | 32
_MNT_DETACH: Final = 2
_CAPABILITY_VERSION_3: Final = 0x20080522
_PROT_EXEC: Final = 4
_MAP_ANONYMOUS: Final = 0x20
_EPERM: Final = 1

_libc: Final = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def enter(without: Iterable[str] = ()) -> list[str]:
    """Leave the host as far as the kernel lets this process, and return the layers in force.

    Of ``without`` nothing is tried. After it this process has no privilege, no network and, with
    the layer ``mount``, an empty and read-only root folder. Children are in the new ``pid``
    namespace; this process is not. The layers that ``lock`` adds are not among those returned.
    """
    without = frozenset(without)
    layers = []
    if os.getuid() == 0 and "uid" not in without:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    if os.getuid() != 0:
        layers.append("uid")
    uid, gid = os.getuid(), os.getgid()
    # A process that changed its user owns its /proc files only while it may be dumped.
    _call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)
    if "user" not in without and _try(_own_users, uid, gid):
        layers.append("user")
        layers += [
            name
            for name in ("pid", "net", "ipc")
            if name not in without and _try(_call, "unshare", _CLONE[name])
        ]
        if "mount" not in without and _try(_empty_root):
            layers.append("mount")
    _drop_capabilities()
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return layers


def _try(step: object, *arguments: object) -> bool:
    with contextlib.suppress(OSError):
        step(*arguments)  # type: ignore[operator]
        return True
    return False


def _own_users(uid: int, gid: int) -> None:
    _call("unshare", _CLONE["user"])
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def _empty_root() -> None:
    """Make an empty folder in memory the root, and let go of every file system of the host."""
    _call("unshare", _CLONE["mount"])
    _call("mount", b"none", b"/", None, _MS_PRIVATE_ALL, None)
    _call("mount", b"tmpfs", b"/proc", b"tmpfs", _MS_LOCKED, b"size=4k,nr_inodes=2,mode=0555")
    os.chdir("/proc")
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "pivot_root")
    _call("syscall", number, b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    _call("mount", b"none", b"/", None, _MS_LOCKED | _MS_READ_ONLY_AGAIN, None)


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())


def follow_parent() -> None:
    """Let the kernel kill this process when the thread that made it ends."""
    _call("prctl", _PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def lock(*, memory_bytes: int, cpu_s: int) -> None:
    """Give up for good all that is left: limits, then the system calls.

    Descriptors 0 (requests, read) and 1 (answers, write) stay usable; ``memory_bytes`` bounds the
    whole address space, ``cpu_s`` the process's life in CPU seconds.
    """
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory_bytes),
    ):
        resource.setrlimit(limit, (value, value))
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    _filter().load()


def _filter() -> pyseccomp.SyscallFilter:
    """Return the allow-list: computing, memory without code, reading 0, writing 1, ending."""
    argument, equal, masked = pyseccomp.Arg, pyseccomp.EQ, pyseccomp.MASKED_EQ
    no_code = argument(2, masked, _PROT_EXEC, 0)
    found = pyseccomp.SyscallFilter(pyseccomp.ERRNO(_EPERM))
    found.add_rule(pyseccomp.ALLOW, "read", argument(0, equal, 0))
    found.add_rule(pyseccomp.ALLOW, "write", argument(0, equal, 1))
    found.add_rule(
        pyseccomp.ALLOW, "mmap", no_code, argument(3, masked, _MAP_ANONYMOUS, _MAP_ANONYMOUS)
    )
    found.add_rule(pyseccomp.ALLOW, "mprotect", no_code)
    for name in (
        "brk",
        "clock_gettime",
        "exit",
        "exit_group",
        "futex",
        "gettimeofday",
        "mremap",
        "munmap",
        "rt_sigreturn",
        "time",
    ):
        with contextlib.suppress(OSError):  # not every architecture has each of them
            found.add_rule(pyseccomp.ALLOW, name)
    return found
