"""The pool: answers, limits, search, circuit, hot reload."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from trackplane.rules.ir import Dataset, ScriptText
from trackplane.scripts.pool import Result, ScriptFailure, ScriptPool
from trackplane.scripts.rows import RowShape
from trackplane.scripts.settings import ScriptSettings


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def pool(clock: Clock) -> Iterator[ScriptPool]:
    settings = ScriptSettings(allow_weaker_isolation=True, open_after=2, max_processes=3)
    found = ScriptPool(settings, clock=clock)
    yield found
    found.close()


def use(pool: ScriptPool, text: str, **limits: Any) -> None:
    """Make ``text`` the only script, as if it had never been there before."""
    pool.configure({})
    pool.configure({"s": ScriptText(name="s", text=text, **limits)})


def run(pool: ScriptPool, events: list[Any], script: str = "s") -> list[Any]:
    """Return each event's rows as Python, or the code of its failure."""
    return [plain(one) for one in pool.run(script, [json.dumps(e).encode() for e in events])]


def plain(result: Result) -> Any:
    if isinstance(result, ScriptFailure):
        return result.code
    return [json.loads(bytes(row)) for row in result]


def test_none_drops_a_dict_is_a_row_and_a_list_is_rows(pool: ScriptPool) -> None:
    use(pool, "def transform(event):\n    return [None, event, [event, {}], []][event['n']]\n")
    assert run(pool, [{"n": n} for n in range(4)]) == [
        [],
        [{"n": 1}],
        [{"n": 2}, {}],
        [],
    ]


def test_a_script_may_take_whole_batches(pool: ScriptPool) -> None:
    use(
        pool,
        "def transform_batch(events):\n"
        "    total = sum(e['n'] for e in events)\n"
        "    return [{'share': e['n'] / total} for e in events]\n",
    )
    assert run(pool, [{"n": 1}, {"n": 3}]) == [[{"share": 0.25}], [{"share": 0.75}]]


def test_a_batch_that_raises_is_run_event_by_event_with_fresh_events(pool: ScriptPool) -> None:
    use(
        pool,
        "def transform_batch(events):\n"
        "    for e in events:\n"
        "        e['n'] += 1\n"
        "        e['d'] = 1 // e['n']\n"
        "    return events\n",
    )
    assert run(pool, [{"n": 0}, {"n": -1}, {"n": 1}]) == [
        [{"n": 1, "d": 1}],
        "rule_script",
        [{"n": 2, "d": 0}],
    ]


def test_a_batch_answer_of_another_length_fails_the_batch(pool: ScriptPool) -> None:
    use(pool, "def transform_batch(events):\n    return events[1:]\n")
    assert run(pool, [{}, {}]) == ["rule_script"] * 2


def test_an_exception_is_its_events_failure_and_tells_no_data(pool: ScriptPool) -> None:
    use(
        pool,
        "def transform(event):\n    if event['n']:\n        raise KeyError('secret')\n    return {}\n",
    )
    found = pool.run("s", [b'{"n":0}', b'{"n":1}', b'{"n":0}'])
    assert [plain(one) for one in found] == [[{}], "rule_script", [{}]]
    assert found[1] == ScriptFailure("rule_script", "KeyError, line 3")


@pytest.mark.parametrize("result", ["1", "'x'", "[1]", "[{}, None]", "(event,)", "event.items()"])
def test_what_is_no_row_is_a_failure(pool: ScriptPool, result: str) -> None:
    use(pool, f"def transform(event):\n    return {result}\n")
    assert run(pool, [{}]) == ["rule_script_output"]


def test_what_cannot_be_encoded_is_a_failure(pool: ScriptPool) -> None:
    use(pool, "def transform(event):\n    return {'x': object()}\n")
    assert run(pool, [{}]) == ["rule_script"]


def test_scripts_have_the_allowed_modules(pool: ScriptPool) -> None:
    use(
        pool,
        "import base64, json, re, math, hashlib, hmac, statistics, string, unicodedata, decimal\n"
        "import itertools, collections.abc, ipaddress, html, textwrap, difflib, zlib, struct\n"
        "from datetime import datetime, timezone\n"
        "from urllib.parse import urlsplit, parse_qs\n"
        "from collections import Counter, OrderedDict, namedtuple\n"
        "from dataclasses import dataclass\n"
        "from fractions import Fraction\n"
        "@dataclass\n"
        "class Point:\n"
        "    x: int\n"
        "def transform(event):\n"
        "    at = datetime.strptime('2026-11-23T04:00:00', '%Y-%m-%dT%H:%M:%S')\n"
        "    return {'a': hashlib.sha256(b'x').hexdigest()[:4], 'b': urlsplit('http://a/b').path,\n"
        "            'c': at.replace(tzinfo=timezone.utc).timestamp(), 'd': Point(1).x,\n"
        "            'e': unicodedata.normalize('NFC', 'e\\u0301'), 'f': str(decimal.Decimal('0.1')),\n"
        "            'g': base64.b64encode(zlib.compress(b'x'))[:2].decode('ascii'),\n"
        "            'h': re.sub(r'\\s+', ' ', 'a  b'), 'i': statistics.mean([1, 3]),\n"
        "            'j': 'x'.encode('utf-16-le').decode('utf-16-le'), 'k': str(Fraction(1, 3)),\n"
        "            'l': at.strftime('%A'), 'm': at.isoformat(), 'n': 'ä'.encode('idna').decode()}\n",
    )
    (rows,) = run(pool, [{}])
    assert rows == [
        {
            "a": "2d71", "b": "/b", "c": 1795406400.0, "d": 1, "e": "é", "f": "0.1", "g": "eJ",
            "h": "a b", "i": 2, "j": "x", "k": "1/3", "l": "Monday", "m": "2026-11-23T04:00:00",
            "n": "xn--4ca",
        }
    ]  # fmt: skip


def test_the_event_at_fault_is_found_and_the_others_pass(pool: ScriptPool) -> None:
    use(
        pool,
        "def transform(event):\n    while event['n'] == 123:\n        pass\n    return event\n",
        wall_ms=300,
        cpu_ms=200,
    )
    found = run(pool, [{"n": n} for n in range(200)])
    assert [n for n, one in enumerate(found) if one == "rule_script_timeout"] == [123]
    assert found[:3] == [[{"n": 0}], [{"n": 1}], [{"n": 2}]]
    statistics = pool.statistics()["s"]
    assert statistics.events == 200
    assert statistics.outputs == 199
    assert statistics.errors == {"rule_script_timeout": 1}
    assert statistics.restarts >= 8
    assert statistics.cpu_ms > 200
    assert statistics.circuit == "closed"


def test_memory_is_bounded(pool: ScriptPool) -> None:
    use(
        pool,
        "def transform(event):\n    return {'n': len(bytearray(event['mb'] << 20))}\n",
        memory_mb=64,
    )
    assert run(pool, [{"mb": 1}, {"mb": 200}, {"mb": 1}]) == [
        [{"n": 1 << 20}],
        "rule_script_memory",
        [{"n": 1 << 20}],
    ]


def test_a_script_that_keeps_failing_is_left_alone_and_tried_again(
    pool: ScriptPool, clock: Clock
) -> None:
    use(
        pool,
        "def transform(event):\n    while event['bad']:\n        pass\n    return {}\n",
        wall_ms=60,
        cpu_ms=50,
    )
    bad, good = [{"bad": True}], [{"bad": False}]
    assert run(pool, bad) == ["rule_script_timeout"]
    assert run(pool, good) == [[{}]]
    assert run(pool, bad) + run(pool, bad) == ["rule_script_timeout"] * 2
    assert pool.statistics()["s"].circuit == "open"
    assert run(pool, good) == ["rule_script_circuit"]
    clock.now += 1_000
    assert run(pool, bad * 20) == ["rule_script_timeout"] * 10 + ["rule_script_circuit"] * 10
    clock.now += 1_000
    assert run(pool, good) == ["rule_script_circuit"], "it stays open for twice as long"
    clock.now += 1_000
    assert run(pool, good * 20) == [[{}]] * 20
    assert pool.statistics()["s"].circuit == "closed"
    assert pool.statistics()["s"].opened == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def transform(event:\n", "SyntaxError, line 1"),
        ("x = 1\n", "defines neither transform nor transform_batch"),
        ("import os\ndef transform(event): return event\n", "ImportError, line 1"),
        ("x = {}\ny = x['z']\n", "KeyError, line 2"),
        ("import math\nwhile True:\n    math.pi\n", "over 0.15 s"),
    ],
)
def test_a_script_that_does_not_load_says_why(clock: Clock, text: str, message: str) -> None:
    pool = ScriptPool(ScriptSettings(allow_weaker_isolation=True, load_ms=150), clock=clock)
    pool.configure({"s": ScriptText(name="s", text=text)})
    found = pool.run("s", [b"{}"] * 2)
    assert isinstance(found[0], ScriptFailure)
    assert found[0].code == "rule_script_load"
    assert message in found[0].message
    assert pool.statistics()["s"].circuit == "open"
    pool.close()


def test_a_new_version_is_swapped_between_batches_and_others_keep_their_process(
    pool: ScriptPool,
) -> None:
    def text(word: str) -> str:
        return f"seen = 0\ndef transform(event):\n    global seen\n    seen += 1\n    return {{'{word}': seen}}\n"

    scripts = {name: ScriptText(name=name, text=text(name)) for name in "ab"}
    pool.configure(scripts)
    assert run(pool, [{}], "a") + run(pool, [{}], "b") == [[{"a": 1}], [{"b": 1}]]
    pool.configure(scripts | {"a": ScriptText(name="a", text=text("new"), version=2)})
    assert run(pool, [{}], "a") + run(pool, [{}], "b") == [[{"new": 1}], [{"b": 2}]]
    assert pool.statistics()["a"].version == 2
    pool.configure({"b": scripts["b"]})
    assert run(pool, [{}], "a") == ["rule_script_absent"]


def test_only_so_many_scripts_have_a_process(pool: ScriptPool) -> None:
    text = (
        "seen = 0\ndef transform(event):\n    global seen\n    seen += 1\n    return {'n': seen}\n"
    )
    pool.configure({name: ScriptText(name=name, text=text) for name in "abcd"})
    assert [run(pool, [{}], name) for name in "abcdba"] == [
        [[{"n": n}]] for n in (1, 1, 1, 1, 2, 1)
    ]


def test_threads_may_share_a_pool(pool: ScriptPool) -> None:
    text = "def transform(event):\n    return event\n"
    pool.configure({name: ScriptText(name=name, text=text) for name in "ab"})
    wrong: list[Any] = []

    def work(number: int) -> None:
        for turn in range(20):
            events = [{"n": number, "turn": turn}] * 5
            if run(pool, events, "ab"[number % 2]) != [[event] for event in events]:
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_process_that_makes_runners_is_started_again_when_it_is_killed(
    pool: ScriptPool,
) -> None:
    use(pool, "def transform(event):\n    return event\n")
    assert run(pool, [{}]) == [[{}]]
    process = pool._spawner._process
    assert process is not None
    process.kill()
    process.wait()
    found = run(pool, [{"n": 1}, {"n": 2}])
    if found == ["rule_script_crash"] * 2:  # it died under the batch and its halves
        found = run(pool, [{"n": 1}, {"n": 2}])
    assert found == [[{"n": 1}], [{"n": 2}]]


def test_scripts_are_refused_where_isolation_is_weaker_unless_that_is_accepted(
    clock: Clock,
) -> None:
    scripts = {"s": ScriptText(name="s", text="def transform(event):\n    return event\n")}
    strict = ScriptPool(clock=clock, without=["user"])
    strict.configure(scripts)
    refusal = strict.refusal()
    assert refusal is not None
    assert "user, pid, net, ipc, mount" in refusal
    assert run(strict, [{}]) == ["rule_script_refused"]
    strict.close()
    lax = ScriptPool(ScriptSettings(allow_weaker_isolation=True), clock=clock, without=["user"])
    lax.configure(scripts)
    assert lax.refusal() is None
    assert run(lax, [{}]) == [[{}]]
    lax.close()


COLUMNS = Dataset(
    name="d",
    kind="table",
    columns={
        "s": "string",
        "i": "int64",
        "f": "float64",
        "b": "bool",
        "t": "timestamp",
        "j": "json",
    },
)


@pytest.mark.parametrize(
    ("row", "written"),
    [
        ("{}", '{"s":null,"i":null,"f":null,"b":null,"t":null,"j":null}'),
        (
            '{"j":{"x":[1,null]},"f":1,"i":9223372036854775807}',
            '{"s":null,"i":9223372036854775807,"f":1.0,"b":null,"t":null,"j":{"x":[1,null]}}',
        ),
        ('{"s":"a\\nb"}', '{"s":"a\\nb","i":null,"f":null,"b":null,"t":null,"j":null}'),
    ],
)
def test_rows_are_written_anew_with_every_column(row: str, written: str) -> None:
    from msgspec import Raw

    shape = RowShape(COLUMNS)
    assert shape.rows([Raw(row.encode())]) == [written.encode()]
    assert shape.all_rows([Raw(row.encode())] * 2) == [written.encode()] * 2
    assert shape.all_rows([]) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"x":1}', "unknown field `x`"),
        ('{"i":"canary"}', "Expected `int | null`, got `str` - at `$.i`"),
        ('{"i":9223372036854775808}', "$.i"),
        ('{"s":1}', "$.s"),
        ('{"b":1}', "$.b"),
        ('{"t":1.5}', "$.t"),
        ('{"f":1e999}', "no row"),
        ('{"s":"\\ud800"}', "no row"),
        ('{"j":' + "[" * 5_000 + "]" * 5_000 + "}", "no row"),
        ("[]", "Expected `object`"),
    ],
)
def test_rows_that_do_not_fit_are_refused_without_their_values(row: str, reason: str) -> None:
    from msgspec import Raw

    shape = RowShape(COLUMNS)
    with pytest.raises(ValueError, match="row of the dataset") as raised:
        shape.rows([Raw(row.encode())])
    assert reason == "no row" or reason in str(raised.value)
    assert "canary" not in str(raised.value)
    assert shape.all_rows([Raw(b"{}"), Raw(row.encode())]) is None


ENGINE = """
import sys, threading, time
from trackplane.rules.ir import ScriptText
from trackplane.scripts.pool import ScriptPool
from trackplane.scripts.settings import ScriptSettings
pool = ScriptPool(
    ScriptSettings(allow_weaker_isolation=True), clock=lambda: 0, without=sys.argv[1].split(",")
)
text = "def transform(event):\\n    while event['n']:\\n        pass\\n    return event\\n"
pool.configure({"s": ScriptText(name="s", text=text, wall_ms=60_000, cpu_ms=60_000)})
pool.run("s", [b'{"n":0}'])
threading.Thread(target=pool.run, args=("s", [b'{"n":1}']), daemon=True).start()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.integration
@pytest.mark.parametrize("without", ["", "user"])
def test_no_process_outlives_an_engine_that_is_killed(without: str) -> None:
    """Not even one that is in an endless loop."""
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE, without], stdout=subprocess.PIPE, text=True
    ) as engine:
        assert engine.stdout is not None
        assert "ready\n" in engine.stdout
        children = psutil.Process(engine.pid).children(recursive=True)
        assert len(children) >= 2
        engine.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert [child for child in alive if child.status() != psutil.STATUS_ZOMBIE] == []
