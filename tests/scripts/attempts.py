"""Attempts to get out. Each is the body of ``attack(event)``, which returns something true only if it did.

They may use what no honest script has: ``sys``, every module that is loaded, the frames below, the C
library by ctypes (``libc()``), any system call by number (``call``). So what stops them is the kernel.
"""

from __future__ import annotations

PRELUDE = '''
import dataclasses
sys = dataclasses.sys

def frames():
    frame = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back

def outer(name):
    for frame in frames():
        if name in frame.f_globals:
            return frame.f_globals[name]
    raise LookupError(name)

def libc():
    return outer("sandbox")._libc

def ctypes():
    return outer("sandbox").ctypes

os = sys.modules["os"]

def call(number, *arguments):
    """Return what a system call gave; an error is raised."""
    answer = libc().syscall(number, *arguments)
    if answer < 0:
        raise OSError(ctypes().get_errno(), "denied")
    return answer + 1

def attack(event):
{body}

def transform(event):
    if event.get("attack"):
        return {{"reached": repr(attack(event))}} if attack(event) else None
    return {{"ok": event["n"]}}
'''


def script(body: str) -> str:
    lines = "\n".join("    " + line for line in body.strip("\n").splitlines())
    return PRELUDE.format(body=lines).replace(
        'return {"reached": repr(attack(event))} if attack(event) else None',
        'found = attack(event)\n        return {"reached": repr(found)} if found else None',
    )


# Refused one by one, and the process goes on: nothing is returned.
PYTHON = {
    "open a file": "return __builtins__['open'](event['canary']).read()",
    "open by io": "return sys.modules['io'].open(event['canary']).read()",
    "open by _io": "return sys.modules['_io'].FileIO(event['canary']).read()",
    "open by os": "return os.open(event['canary'], os.O_RDONLY) + 1",
    "write a file": "return os.open(event['canary'], os.O_WRONLY | os.O_TRUNC) + 1",
    "make a file": "return os.open(event['canary'] + '.new', os.O_CREAT | os.O_WRONLY) + 1",
    "remove a file": "os.unlink(event['canary']); return 'removed'",
    "rename a file": "os.rename(event['canary'], event['canary'] + '.x'); return 'renamed'",
    "link a file": "os.link(event['canary'], event['canary'] + '.x'); return 'linked'",
    "symlink a file": "os.symlink(event['canary'], event['canary'] + '.x'); return 'linked'",
    "change a mode": "os.chmod(event['canary'], 0); return 'changed'",
    "change an owner": "os.chown(event['canary'], 1, 1); return 'changed'",
    "make a folder": "os.mkdir(event['canary'] + '.d'); return 'made'",
    "list a folder": "return os.listdir('/')",
    "scan a folder": "return list(os.scandir('/tmp'))",
    "look at a file": "return os.stat(event['canary'])",
    "test access": "return os.access(event['canary'], os.R_OK)",
    "read passwords": "return os.open('/etc/passwd', os.O_RDONLY) + 1",
    "read the environment by proc": "return os.open('/proc/self/environ', os.O_RDONLY) + 1",
    "read the parent's environment": "return os.open(f'/proc/{event[\"parent\"]}/environ', 0) + 1",
    "read memory by proc": "return os.open('/proc/self/mem', os.O_RDWR) + 1",
    "find secrets in the environment": "return [v for v in os.environ.values() if 'canary' in v]",
    "find arguments with secrets": "return [v for v in sys.orig_argv if 'canary' in v]",
    "change the folder": "os.chdir('/tmp'); return 'changed'",
    "fork": "return os.fork() + 1",
    "forkpty": "return os.forkpty()",
    "posix_spawn": "return os.posix_spawn('/bin/sh', ['sh', '-c', 'id'], {})",
    "exec": "os.execv('/bin/sh', ['sh', '-c', 'id'])",
    "system": "return os.system('touch ' + event['canary'] + '.x') == 0",
    "kill the parent": "os.kill(event['parent'], 9); return 'sent'",
    "kill the spawner": "os.kill(1, 9); return 'sent'",
    "kill everyone": "os.kill(-1, 9); return 'sent'",
    "kill the group": "os.killpg(0, 9); return 'sent'",
    "start a thread": "return sys.modules['_thread'].start_new_thread(print, ())",
    "become root": "os.setuid(0); return 'root'",
    "become another group": "os.setgid(0); return 'root'",
    "change groups": "os.setgroups([0]); return 'root'",
    "leave the session": "return os.setsid()",
    "be nicer than all": "return os.nice(-20)",
    "more descriptors": (
        "resource = outer('sandbox').resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)); return 'raised'"
    ),
    "more memory": (
        "resource = outer('sandbox').resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); return 'raised'"
    ),
    "pipe": "return os.pipe()",
    "duplicate a descriptor": "return os.dup(0) + 1",
    "read inherited descriptors": """
found = []
for number in range(2, 300):
    try:
        found.append(os.read(number, 1))
    except OSError:
        pass
return found""",
    "write inherited descriptors": """
found = []
for number in [0, *range(2, 300)]:
    try:
        found.append(os.write(number, b'x'))
    except OSError:
        pass
return found""",
    "read the answers": "return os.read(1, 1)",
    "stat the pipes": "return os.fstat(0)",
    "a socket of Python's": """
import importlib.machinery""",
    "import ctypes": "import ctypes; return ctypes",
    "import os": "import os; return os",
    "import by __import__": "return __import__('subprocess')",
    "import by importlib": "return sys.modules['importlib'].import_module('socket')",
    "import by the loader": (
        "return sys.modules['_frozen_importlib_external'].SourceFileLoader("
        "'x', event['canary']).load_module()"
    ),
    "import an extension": (
        "loader = sys.modules['_frozen_importlib_external'].ExtensionFileLoader\n"
        "spec = sys.modules['_frozen_importlib'].ModuleSpec('x', None, origin=event['canary'])\n"
        "return loader('x', event['canary']).create_module(spec)"
    ),
    "an import hook": """
class Hook:
    def find_spec(self, name, path, target=None):
        return None
sys.meta_path.append(Hook())
import socket
return socket""",
    "restore the path": "sys.path.append('/usr/lib/python3'); import socket; return socket",
    "subclasses to a file": """
todo = [().__class__.__base__]
while todo:
    found = todo.pop()
    if found.__name__ == 'FileIO':
        return found(event['canary']).read()
    if found is not type:
        todo += found.__subclasses__()""",
    "subclasses to Popen": """
for found in ().__class__.__base__.__subclasses__():
    if found.__name__ == 'Popen':
        return found(['/bin/sh'])""",
    "the builtins of a frame": (
        "return list(frames())[-1].f_builtins['open'](event['canary']).read()"
    ),
    "the frames' descriptors": """
for frame in frames():
    for value in frame.f_locals.values():
        if type(value).__name__ == 'socket':
            return value.send(b'x')""",
    "the control socket by number": """
spawned = [f for f in frames() if 'given' in f.f_locals]
return [os.write(n, b'x') for f in spawned for n in f.f_locals['given'] if n > 1]""",
    "gc to modules": """
import types
gc = outer('gc')
for found in gc.get_objects():
    if type(found) is types.ModuleType and found.__name__ == 'posix':
        return found.open(event['canary'], 0) + 1""",
    "code by hand": """
import types
code = (lambda: 0).__code__.replace(co_consts=(None, 0))
return types.FunctionType(code, {})() or os.open(event['canary'], 0) + 1""",
    "pickle": (
        "pickle = sys.modules.get('pickle') or __import__('pickle')\n"
        "return pickle.loads(b'cposix\\nsystem\\n(S\"id\"\\ntR.') == 0"
    ),
    "eval": "return eval('open(event[\"canary\"]).read()', {'event': event})",
    "exec text": "exec('import os; os.system(\"id\")'); return 'ran'",
    "print": "print('x' * 10**6); return False",
    "standard output": "sys.stdout.write('x'); return 'written'",
    "standard error": "sys.stderr.write('x'); return 'written'",
    "the first standard output": "sys.__stdout__.buffer.raw.write(b'x'); return 'written'",
    "descriptor 2": "return os.write(2, b'x' * 4096)",
    "a signal handler": (
        "signal = outer('signal'); signal.signal(signal.SIGTERM, signal.SIG_IGN); return 'ignored'"
    ),
    "an alarm": "return outer('signal').alarm(100) == 0 and os.read(3, 1)",
    "sleep": "sys.modules['time'].sleep(0.01); return 'slept'",
    "a temporary file": "return os.open('/tmp', getattr(os, 'O_TMPFILE', 0) | os.O_RDWR, 0o600)",
    "memfd": "return os.memfd_create('x') + 1",
    "shared memory": "return os.open('/dev/shm/x', os.O_CREAT | os.O_RDWR) + 1",
    "the terminal": "return os.open('/dev/tty', os.O_RDWR) + 1",
    "randomness": "return os.urandom(8)",
    "the host's name": "return os.uname().nodename",
    "who I am": "return os.getlogin()",
    "affinity": "os.sched_setaffinity(0, {0}); return 'set'",
    "sendfile": "return os.sendfile(1, 0, None, 10)",
    "hostile names": ("raise type('x' * 10_000 + '\\n\\x1b[2J', (Exception,), {})('canary')"),
    "system exit": "raise SystemExit(0)",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "generator exit": "raise GeneratorExit",
    "endless recursion": "return attack(event)",
    "a recursive repr": "x = []; x.append(x); return {'reached': x} and None",
    "a row that holds itself": "x = {}; x['x'] = x; event.clear(); return False",
    "a huge number": "return len(str(10 ** 5000)) and False",
    "an unencodable row": "raise ValueError(object())",
    "an exception that fails to show": """
class Mute(Exception):
    def __str__(self):
        raise Mute
    __repr__ = __str__
raise Mute""",
    "bad text": "return '\\ud800'.encode() and False",
}
PYTHON["a socket of Python's"] = (
    "return sys.modules['_socket'].socket() if '_socket' in sys.modules "
    "else outer('socket').socket()"
)

# x86-64 numbers, with arguments that would do something.
SYSTEM_CALLS = {
    "open": "2, path, 0",
    "openat": "257, -100, path, 0",
    "openat2": "437, -100, path, path, 24",
    "creat": "85, path, 0o666",
    "truncate": "76, path, 0",
    "name_to_handle_at": "303, -100, path, path, path, 0",
    "open_by_handle_at": "304, -100, path, 0",
    "statx": "332, -100, path, 0, 0, path",
    "readlink": "89, b'/proc/self/exe', path, 8",
    "chroot": "161, b'/'",
    "pivot_root": "155, b'/', b'/'",
    "mount": "165, b'none', b'/', b'tmpfs', 0, 0",
    "umount2": "166, b'/', 2",
    "open_tree": "428, -100, b'/', 1",
    "fsopen": "430, b'tmpfs', 0",
    "socket inet": "41, 2, 1, 0",
    "socket unix": "41, 1, 1, 0",
    "socket netlink": "41, 16, 3, 0",
    "socket packet": "41, 17, 3, 0",
    "socket vsock": "41, 40, 1, 0",
    "socketpair": "53, 1, 1, 0, path",
    "connect": "42, 0, path, 16",
    "bind": "49, 0, path, 16",
    "accept": "43, 0, 0, 0",
    "sendmsg": "46, 0, path, 0",
    "recvmsg": "47, 0, path, 0",
    "fork": "57",
    "vfork": "58",
    "clone": "56, 17, 0, 0, 0, 0",
    "clone3": "435, path, 88",
    "execve": "59, b'/bin/sh', 0, 0",
    "execveat": "322, -100, b'/bin/sh', 0, 0, 0",
    "kill": "62, 1, 9",
    "kill all": "62, -1, 9",
    "tkill": "200, 1, 9",
    "tgkill": "234, 1, 1, 9",
    "rt_sigqueueinfo": "129, 1, 9, path",
    "pidfd_open": "434, 1, 0",
    "pidfd_getfd": "438, 0, 0, 0",
    "pidfd_send_signal": "424, 0, 9, 0, 0",
    "ptrace": "101, 16, 1, 0, 0",
    "process_vm_readv": "310, 1, path, 1, path, 1, 0",
    "process_vm_writev": "311, 1, path, 1, path, 1, 0",
    "process_madvise": "440, 0, path, 1, 4, 0",
    "kcmp": "312, 1, 1, 0, 0, 0",
    "unshare user": "272, 0x10000000",
    "unshare net": "272, 0x40000000",
    "setns": "308, 0, 0",
    "setuid": "105, 0",
    "setresuid": "117, 0, 0, 0",
    "setgid": "106, 0",
    "capset": "126, path, path",
    "prctl dumpable": "157, 4, 1, 0, 0, 0",
    "prctl death signal": "157, 1, 0, 0, 0, 0",
    "prctl seccomp": "157, 22, 1, 0, 0, 0",
    "seccomp": "317, 0, 0, 0",
    "landlock": "444, 0, 0, 1",
    "arch_prctl": "158, 0x1002, 0",
    "modify_ldt": "154, 0, path, 16",
    "personality": "135, 0x0040000",
    "iopl": "172, 3",
    "ioperm": "173, 0, 1, 1",
    "bpf": "321, 0, path, 48",
    "perf_event_open": "298, path, 0, -1, -1, 0",
    "userfaultfd": "323, 0",
    "io_uring_setup": "425, 8, path",
    "io_uring_enter": "426, 0, 1, 0, 0, 0",
    "io_setup": "206, 8, path",
    "keyctl": "250, 0, -3, 1",
    "add_key": "248, b'user', b'canary', b'x', 1, -3",
    "request_key": "249, b'user', b'canary', 0, -3",
    "shmget": "29, 0, 4096, 0o1666",
    "shmat": "30, 0, 0, 0",
    "semget": "64, 0, 1, 0o1666",
    "msgget": "68, 0, 0o1666",
    "mq_open": "240, b'canary', 0o102, 0o666, 0",
    "memfd_create": "319, b'x', 0",
    "memfd_secret": "447, 0",
    "eventfd": "284, 0",
    "signalfd": "282, -1, path, 8",
    "timerfd": "283, 0, 0",
    "epoll_create": "213, 1",
    "inotify_init": "253",
    "fanotify_init": "300, 0, 0",
    "pipe2": "293, path, 0",
    "dup2": "33, 0, 9",
    "dup3": "292, 0, 9, 0",
    "fcntl": "72, 0, 0, 5",
    "ioctl": "16, 0, 0x5412, path",
    "splice": "275, 0, 0, 1, 0, 1, 0",
    "tee": "276, 0, 1, 1, 0",
    "vmsplice": "278, 1, path, 1, 0",
    "sendfile": "40, 1, 0, 0, 1",
    "copy_file_range": "326, 0, 0, 1, 0, 1, 0",
    "pread": "17, 0, path, 1, 0",
    "readv": "19, 0, path, 1",
    "writev": "20, 1, path, 1",
    "close": "3, 1",
    "close_range": "436, 0, 9, 0",
    "poll": "7, 0, 0, 0",
    "select": "23, 0, 0, 0, 0, 0",
    "sigaction": "13, 15, 0, path, 8",
    "sigprocmask": "14, 0, path, 0, 8",
    "sigaltstack": "131, 0, path",
    "setitimer": "38, 0, path, 0",
    "timer_create": "222, 0, 0, path",
    "prlimit": "302, 0, 7, path, 0",
    "setrlimit": "160, 7, path",
    "setpriority": "141, 0, 0, -20",
    "sched_setscheduler": "144, 0, 1, path",
    "mlockall": "151, 3",
    "mmap of code": "9, 0, 4096, 7, 0x22, -1, 0",
    "mmap of a descriptor": "9, 0, 4096, 1, 2, 0, 0",
    "mprotect to code": "10, 0, 4096, 5",
    "pkey_mprotect": "329, 0, 4096, 5, 0",
    "remap_file_pages": "216, 0, 4096, 0, 0, 0",
    "madvise": "28, 0, 4096, 100",
    "membarrier": "324, 1, 0, 0",
    "set_robust_list": "273, path, 24",
    "rseq": "334, path, 32, 0, 0",
    "settimeofday": "164, path, 0",
    "clock_settime": "227, 0, path",
    "adjtimex": "159, path",
    "sethostname": "170, b'x', 1",
    "syslog": "103, 3, path, 10",
    "reboot": "169, 0, 0, 0, 0",
    "kexec_load": "246, 0, 0, 0, 0",
    "init_module": "175, path, 1, b''",
    "finit_module": "313, 0, b'', 0",
    "delete_module": "176, b'x', 0",
    "swapon": "167, path, 0",
    "acct": "163, path",
    "quotactl": "179, 0, path, 0, 0",
    "lookup_dcookie": "212, 0, path, 8",
    "vhangup": "153",
    "getpid": "39",
    "getppid": "110",
    "uname": "63, path",
    "sysinfo": "99, path",
    "getcwd": "79, path, 64",
    "getdents": "217, 0, path, 64",
}

# The process is ended for these, by its limits, by the kernel or by itself.
DEADLY = {
    "a system call of the other width": "return libc().syscall(39 | 0x40000000) + 1",
    "end the process": "os._exit(0)",
    "end it with a status": "os._exit(3)",
    "abort": "os.abort()",
    "a wild write": "ctypes().memset(8, 1, 1)",
    "a wild call": "ctypes().CFUNCTYPE(None)(16)()",
    "native code": """
c = ctypes()
code = c.create_string_buffer(b'\\xb8\\x27\\0\\0\\0\\x0f\\x05\\xc3')
return c.CFUNCTYPE(c.c_int)(c.addressof(code))() + 1""",
    "an endless loop": "while True: pass",
    "a loop that catches all": """
while True:
    try:
        while True: pass
    except BaseException:
        pass""",
    "a regular expression": "import re; re.match(r'(a+)+$', 'a' * 64 + 'b')",
    "a power": "return (9 ** 9 ** 8) and False",
    "a sum": "return sum(range(10 ** 12)) and False",
    "a lock taken twice": "lock = sys.modules['_thread'].allocate_lock(); lock.acquire(); lock.acquire()",
    "a hanging destructor": """
class Hanging:
    def __del__(self):
        while True: pass
Hanging()""",
    "a hanging comparison": """
class Slow(int):
    def __eq__(self, other):
        while True: pass
    __hash__ = int.__hash__
return [Slow(1)].index(2)""",
    "reading the next batch": "return os.read(0, 1) and False",
    "an answer that is none": "os.write(1, b'\\xff' * 64)",
    "an answer of an endless size": "os.write(1, b'\\xff\\xff\\xff\\xff\\0\\0\\0\\2[]'); os.read(0, 1)",
    "an answer to another batch": "os.write(1, b'\\0\\0\\0\\2\\0\\0\\0\\x63[]'); os.read(0, 1)",
    "an answer for fewer events": "os.write(1, b'\\0\\0\\0\\2\\0\\0\\0\\2[]'); os.read(0, 1)",
    "an answer that is no JSON": "os.write(1, b'\\0\\0\\0\\2\\0\\0\\0\\2{]'); os.read(0, 1)",
    "an answer of deep JSON": (
        "body = b'[' * 60_000\n"
        "os.write(1, len(body).to_bytes(4, 'big') + b'\\0\\0\\0\\2' + body); os.read(0, 1)"
    ),
    "an answer of another shape": (
        'body = b\'[{"error": 5, "line": "x", "y": 1}]\'\n'
        "os.write(1, len(body).to_bytes(4, 'big') + b'\\0\\0\\0\\2' + body); os.read(0, 1)"
    ),
    "half an answer": "os.write(1, b'\\0\\0\\1\\0\\0\\0\\0\\2['); os._exit(0)",
    "a flood of answers": "while True: os.write(1, b'\\0\\0\\0\\2\\0\\0\\0\\2[]' * 1000)",
    "a flood of rows": "return list(range(10 ** 6)) and outer('HEADER') and flood()",
    "all the memory": "x = []\nwhile True: x.append(bytearray(1 << 22))",
    "all the stack": """
sys.setrecursionlimit(10 ** 9)
def deeper(x):
    return deeper([x]) + deeper([x])
class Deep:
    def __getattr__(self, name):
        return getattr(self, name + 'x')
import json
x = []
for _ in range(10 ** 6):
    x = [x]
return len(repr(x)) and deeper(1) and False""",
    "the exchange replaced": """
outer('HEADER')
channel = [f.f_locals['channel'] for f in frames() if 'channel' in f.f_locals][0]
channel.read = lambda *a: b''
channel.write = lambda fd, data: len(data)""",
    "the loop's frame": """
os._exit = lambda status: None
[f for f in frames() if f.f_code.co_name == 'serve'][0].f_globals['_send'] = lambda *a: None
""",
}
DEADLY["a flood of rows"] = """
runner = [f for f in frames() if f.f_code.co_name == 'serve'][0].f_globals
runner['_rows'] = lambda found, encode: b'[' + b'{},' * 5_000_000 + b'{}]'"""
