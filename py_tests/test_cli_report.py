# SPDX-License-Identifier: MIT
"""shim report: the page says what is in the trace, whoever reads it and wherever;
nothing in a trace becomes more than text; what is no trace is said in one line."""

from __future__ import annotations

import json
import random
import re
import resource
import subprocess
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import ACTIVE, FAINT, NAMELESS, OVERFLOWING, Browser, check_page
from clitest import Shim, one_line, shim, shim_path
from shimtest import Harness, Outcome, Side, Stats, need
from test_cli_compare import mutate

__all__ = ["shim", "shim_path"]
pytestmark = pytest.mark.variants("ring")

TAGS = set(
    """html head meta link title style body main h1 h2 h3 small p b code span div figure details summary
    table caption thead tbody tr th td svg desc path rect text""".split()
)
EMPTY = {"meta", "link"}


class Page(HTMLParser):
    """Strict: nothing but the tags that the command writes, all of them closed, and
    no character that cannot be seen."""

    def __init__(self, data: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.heading = ""
        self.notes: list[str] = []
        self.cell: list[str] = []
        text = data.decode("utf-8")
        assert text.startswith("<!DOCTYPE html>\n") and text.endswith("</html>\n")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", text)
        self.feed(text)
        self.close()
        assert not self.open, self.open
        self.size = len(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert not name.startswith("on") and name != "style", (tag, attrs)
            assert name not in ("href", "src") or value == "data:,", (tag, attrs)
        if tag not in EMPTY and self.get_starttag_text()[-2:] != "/>":
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th", "caption") or ("class", "note") in attrs:
            self.cell = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, (tag, self.open)
        if tag in ("td", "th"):
            self.tables[-1][-1].append("".join(self.cell))
        elif tag == "p":
            self.notes.append("".join(self.cell))

    def handle_data(self, data: str) -> None:
        if "h1" in self.open and "small" not in self.open:
            self.heading += data
        self.cell.append(data)

    def handle_decl(self, decl: str) -> None:
        assert decl == "DOCTYPE html"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")

    def rows(self, *columns: str) -> list[dict[str, str]]:
        """Of the table that has these columns."""
        found = [t for t in self.tables if set(columns) <= set(t[0])]
        assert len(found) == 1, (columns, [t[0] for t in self.tables])
        head = found[0][0]
        return [dict(zip(head, row, strict=True)) for row in found[0][1:]]


def number(text: str) -> int:
    return int(text.replace("\u202f", ""))


def seconds(text: str) -> float:
    if text in ("0", ""):
        return 0.0
    value, unit = text.split("\xa0")
    return float(value) * {"s": 1, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]


def write(path: Path, lines: list[Any]) -> Path:
    with path.open("wb") as file:
        for line in lines:
            file.write(line if isinstance(line, bytes) else json.dumps(line).encode())
            file.write(b"\n")
    return path


def page_of(shim: Shim, trace: Path, *options: str) -> Page:
    outcome = shim("report", *options, trace)
    assert outcome.ok and not outcome.err, outcome.text()
    return Page(outcome.out)


def call(name: str, at: float, *args: str, pid: int = 10, tid: int = 0, **more: Any) -> dict[str, Any]:
    facts = {"type": "call", "seq": 1, "pid": pid, "tid": tid or pid, "time": 1700000000 + at, "call": name,
             "args": list(args), "result": 0, "duration": 1e-6, "route": "ring", "ring": 1e-6, "wait": 0,
             "waits": 0, "cancels": 0, "abandoned": 0}  # fmt: skip
    return facts | more


def start(at: float, *argv: str, pid: int = 10) -> dict[str, Any]:
    return {"type": "start", "pid": pid, "tid": pid, "time": 1700000000 + at, "argv": list(argv)}


def waited(seconds: float) -> dict[str, Any]:
    return {"duration": seconds, "route": "native", "reason": "waited", "ring": 0, "wait": seconds, "waits": 1}


SOME = [
    start(0, "/usr/bin/first", "-x"),
    call("openat", 0.1, "AT_FDCWD", '"/etc/one"', "O_RDONLY", result=3),
    call("read", 0.2, "3", '"abc"', "4096", fd=3, result=3000),
    call("read", 0.3, "3", '""', "4096", fd=3),
    call("openat", 0.4, "AT_FDCWD", '"/etc/none"', "O_RDONLY", error="ENOENT", result=-1,
         route="native", reason="uncached", duration=5e-6),
    call("write", 0.45, "3", '"x"', "1", fd=3, result=1, **waited(2e-6) | {"reason": "worker"}),
    call("close", 0.5, "3", fd=3),
    {"type": "thread", "pid": 10, "tid": 11, "time": 1700000000.5},
    call("connect", 0.6, "3", '{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}', "16",
         tid=11, fd=3, path="socket:[99]", **waited(0.25)),
    call("sendto", 0.9, "3", '"x"', "1", "0", "NULL", "0", tid=11, fd=3, path="socket:[99]", result=1),
    call("recvfrom", 0.91, "3", '"x"', "1", "0", "NULL", "NULL", tid=11, fd=3, path="socket:[99]", result=1,
         **waited(0.5)),
    {"type": "fork", "pid": 20, "parent": 10, "time": 1700000001.0},
    start(1.01, "second", pid=20),
    call("write", 1.1, "1", '"x"', "10", pid=20, fd=1, path="pipe:[7]", result=10),
    call("read", 1.2, "0", "", "10", pid=20, fd=0, unfinished=True, duration=None, route="native", reason="kind"),
    {"type": "exit", "pid": 20, "time": 1700000001.3, "signal": "SIGKILL"},
    {"type": "exit", "pid": 10, "time": 1700000001.4, "status": 3},
    {"type": "lost", "records": 12},
    {"type": "something new", "x": [{}]},
]  # fmt: skip


def test_what_is_in_the_trace_is_on_the_page(shim: Shim, tmp_path: Path) -> None:
    page = page_of(shim, write(tmp_path / "trace", SOME))
    assert page.heading.strip() == "/usr/bin/first -x"
    calls = {row["call"]: row for row in page.rows("call", "on the ring", "errors", "bytes")}
    assert {name: number(row["calls"]) for name, row in calls.items()} == {
        "openat": 2, "read": 3, "close": 1, "connect": 1, "sendto": 1, "recvfrom": 1, "write": 2
    }  # fmt: skip
    assert [calls["openat"][c] for c in ("on the ring", "native", "errors")] == ["1", "1", "1"]
    assert calls["read"]["bytes"] == "2.93\xa0KiB" and calls["read"]["unfinished"] == "1"
    assert seconds(calls["recvfrom"]["of it waiting"]) == 0.5
    reasons = {row["reason"]: row["which"].replace("\xa0", " ") for row in page.rows("reason", "meaning")}
    assert reasons == {
        "uncached": "openat 1", "waited": "recvfrom 1, connect 1", "kind": "read 1", "worker": "write 1"
    }  # fmt: skip
    assert calls["write"]["native"] == "1" and calls["write"]["of it waiting"] == "0"
    waits = [(row["call"], row["on"], seconds(row["time"])) for row in page.rows("call", "on", "waits")]
    assert waits == [("recvfrom", "10.0.0.1:80", 0.5), ("connect", "10.0.0.1:80", 0.25)]
    files = {row["file"]: row for row in page.rows("file")}
    assert number(files["/etc/one"]["calls"]) == 5 and files["/etc/one"]["read"] == "2.93\xa0KiB"
    assert files["/etc/none"]["errors"] == "1" and "standard input of second" in files
    peers = {row["peer"]: row for row in page.rows("peer")}
    assert set(peers) == {"10.0.0.1:80", "pipe:[7]"} and peers["10.0.0.1:80"]["written"] == "1\xa0B"
    errors = page.rows("error", "the first one on")
    assert errors == [{"error": "ENOENT", "call": "openat", "calls": "1", "the first one on": "/etc/none"}]
    programs = {row["program"]: row for row in page.rows("program", "starts")}
    assert {name: row["calls"] for name, row in programs.items()} == {"first": "9", "second": "2"}
    processes = {row["pid"]: row for row in page.rows("pid", "parent")}
    assert processes["10"]["end"] == "exited with 3" and processes["10"]["threads"] == "2"
    assert processes["20"]["end"] == "killed by SIGKILL" and processes["20"]["parent"] == "10"
    threads = {row["thread"]: row for row in page.rows("thread", "elsewhere")}
    assert seconds(threads["11"]["waiting"]) == 0.75 and seconds(threads["11"]["last"]) == 1.41
    slow = page.rows("way", "began at")
    assert [(row["call"], row["time"]) for row in slow][:3] == [
        ("recvfrom", "500\xa0ms"), ("connect", "250\xa0ms"), ("openat", "5.00\xa0µs")
    ]  # fmt: skip
    assert any("12 records of the trace were lost" in note for note in page.notes)


def test_latencies(shim: Shim, tmp_path: Path) -> None:
    """Against what sorting says: an upper bound, and not more than an eighth above."""
    rng = random.Random(7)
    times = {way: [10 ** rng.uniform(-7, -1) for _ in range(2000)] for way in ("ring", "native")}
    lines = [
        call("read", n, "3", route=way, duration=took, ring=0, **({"reason": "x"} if way == "native" else {}))
        for way, list_ in times.items() for n, took in enumerate(list_)
    ]  # fmt: skip
    page = page_of(shim, write(tmp_path / "trace", lines))
    rows = {row["way"]: row for row in page.rows("call", "median")}
    for way, name in (("ring", "on the ring"), ("native", "native")):
        ordered = sorted(times[way])
        for column, share in (("median", 0.5), ("90\u202f%", 0.9), ("99\u202f%", 0.99), ("longest", 1.0)):
            exact = ordered[max(0, int(len(ordered) * share) - 1)]
            shown = seconds(rows[name][column])
            assert exact * 0.995 <= shown <= exact * 1.13, (name, column, exact, shown)
    buckets = next(t for t in page.tables if t[0][:2] == ["call", "way"] and "median" not in t[0])
    assert [sum(map(number, row[2:])) for row in buckets[1:]] == [2000, 2000]


def strace(harness: Harness, where: Path, script: str, *options: str) -> Path:
    need("strace")
    path = harness.temp_name("trace")
    outcome = harness.run(Side.NATIVE, ["strace", "-f", "-o", str(path), *options, "sh", "-c", script], cwd=where)
    assert outcome.ok, outcome.text()
    return path


SCRIPT = "cat file1 file1 | sed p >out; cat nothing 2>/dev/null; sh -c 'kill -9 $$'; :"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "file1").write_text("hello\n" * 500000)
    return tmp_path


@pytest.mark.parametrize("options", ["-ttt -T", "-tt -T", "-t", "-r -T", "-y -ttt -T", ""])
def test_of_strace(harness: Harness, shim: Shim, place: Path, options: str) -> None:
    trace = strace(harness, place, SCRIPT, *options.split())
    outcome = shim("report", trace)
    assert outcome.ok and not outcome.err, outcome.text()
    page = Page(outcome.out)
    names = re.findall(r"^[\d.: +()]*?\b([a-z][a-z0-9_]*)\((?!.* <unfinished \.\.\.>$)|<\.\.\. ([a-z0-9_]+) resumed>",
                       trace.read_text(), re.MULTILINE)  # fmt: skip
    expected = Counter(one or two for one, two in names)
    calls = {row["call"]: number(row["calls"]) for row in page.rows("call", "errors", "bytes")}
    assert calls == expected
    files = {row["file"].rpartition("/")[2]: row for row in page.rows("file")}
    assert files["file1"]["read"] == "5.72\xa0MiB", files
    failed = Counter(re.findall(r"= -1 ([A-Z]+) \(", trace.read_text()))
    errors: Counter[str] = Counter()
    for row in page.rows("error", "the first one on"):
        errors[row["error"]] += number(row["calls"])
    assert failed == errors and "ENOENT" in errors
    commands = {row["command"]: row["end"] for row in page.rows("pid", "parent")}
    assert commands["cat file1 file1"] == "exited with 0" and commands["cat nothing"] == "exited with 1"
    assert commands["sh -c kill -9 $$"] == "killed by SIGKILL", commands
    assert {row["program"] for row in page.rows("program", "starts")} >= {"sh", "cat", "sed"}
    assert any("route unknown" in note for note in page.notes)
    assert any("has no times" in note for note in page.notes) == (options == "")
    assert any(t[0][0] == "thread" for t in page.tables) == (options != "")


def test_strace_on_stderr(harness: Harness, shim: Shim, place: Path) -> None:
    """The first process is one, though its lines have a pid only for a while."""
    script = "cat file1 | cat >/dev/null; :"
    outcome = harness.run(Side.NATIVE, ["strace", "-f", "-ttt", "-T", "sh", "-c", script], cwd=place)
    trace = place / "stderr"
    trace.write_bytes(outcome.err)
    page = page_of(shim, trace)
    commands = sorted(row["command"] for row in page.rows("pid", "parent"))
    assert commands == ["cat", "cat file1", f"sh -c {script}"], commands


def test_threads_of_strace(harness: Harness, shim: Shim, place: Path) -> None:
    script = """/usr/bin/python3 -S -E -B -c '
import threading, os
def f():
    for _ in range(50): os.stat("file1")
ts = [threading.Thread(target=f) for _ in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]'"""
    page = page_of(shim, strace(harness, place, "exec " + script, "-ttt", "-T"))
    rows = page.rows("pid", "parent")
    assert [row["threads"] for row in rows] == ["5"], rows


EVIL = [
    "</script><script>alert(1)</script>", "\" onload=alert(1) x=\"", "' onload='x", "<img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp; &#60;", "]]> --> <!-- <![CDATA[", "\x1b]0;x\x07\x9b31m", "a\u202eb\u2066c\ufeffd\u200be",
    "\x00zero", "\ud7ff\ue000\U0010ffff", "javascript:alert(1)", "{{x}} ${x} %s %n", "é漢字🙂",
]  # fmt: skip


def evil_trace() -> list[Any]:
    lines: list[Any] = [start(0, EVIL[0], *EVIL)]
    for n, evil in enumerate(EVIL):
        lines.append(call("read", n, "3", fd=3, path=evil, **waited(0.5 + n)))
        lines.append(call("openat", n, "AT_FDCWD", json.dumps(evil, ensure_ascii=False), "O_RDONLY", error=evil))
        lines.append(call(evil, n, evil, route="native", reason=evil))
    lines.append({"type": "exit", "pid": 10, "time": 1700000100, "signal": "<b>"})
    return lines


def test_names_are_text(shim: Shim, tmp_path: Path) -> None:
    page = page_of(shim, write(tmp_path / "<script>alert(1)<!--", evil_trace()))
    shown = {row["on"] for row in page.rows("call", "on", "waits")}
    assert {EVIL[0], EVIL[1], EVIL[2], EVIL[4], EVIL[12]} <= shown, shown
    assert "\\033]0;x\\007\\302\\23331m" in shown and "\\000zero" in shown
    assert "a\\342\\200\\256b\\342\\201\\246c\\357\\273\\277d\\342\\200\\213e" in shown


def test_bytes_that_are_no_text(shim: Shim, tmp_path: Path) -> None:
    """Text traces may have any; -y and old versions of strace do not escape them."""
    evil = [bytes([byte]) for byte in range(1, 256) if byte not in b"\n\"\\"]
    evil += [b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x99", b"\\377\\0\\xff"]
    lines = [b'10 1700000000.%06d openat(AT_FDCWD, "x%s", O_RDONLY) = 3 <0.1>' % (n, e) for n, e in enumerate(evil)]
    lines += [b"10 1700000001.%06d read(3<%s>, 5) = 1 <0.1>" % (n, e) for n, e in enumerate(evil)]
    outcome = shim("report", write(tmp_path / "trace", lines))
    assert outcome.ok, outcome.text()
    Page(outcome.out)


GOOD = json.dumps(call("read", 0, "3")).encode()
BAD = {
    "empty": (b"", "empty"),
    "blank": (b"\n\n \n", "empty"),
    "text": (b"hello\nworld\n", "line 1: no trace"),
    "binary": (b"\0\1\2\n" * 100, "line 1: binary"),
    "binary in the middle": (b"read(3) = 1\n" * 5 + b"\0\n", "line 6: binary"),
    "zeros": (b"\0" * 100000, "line 1: binary"),
    "recording": (b"shimtrc\0" + bytes(5000), "line 1: a recording"),
    "no JSON": (GOOD + b"\n{]\n" + GOOD, "line 2: no JSON"),
    "cut in the middle": (GOOD[:50] + b"\n" + GOOD + b"\n", "line 1: no JSON"),
    "cut at once": (GOOD[:50], "line 1: no JSON"),
    "other JSON": (b'{"a": 1}\n', 'line 1: no line of a trace: "type"'),
    "a list": (GOOD + b"\n[]\n", "line 2: no line of a trace"),
    "not an object": (GOOD + b'\n"x"\n', "line 2"),
    "bad pid": (GOOD.replace(b'"pid": 10', b'"pid": "x"'), '"pid"'),
    "huge pid": (GOOD.replace(b'"pid": 10', b'"pid": 99999999999'), '"pid"'),
    "no pid": (GOOD.replace(b'"pid": 10, ', b""), '"pid"'),
    "bad time": (GOOD + b"\n" + GOOD.replace(b"1700000000,", b"-1,") + b"\n", 'line 2: no line of a trace: "time"'),
    "bad route": (GOOD.replace(b'"ring",', b'"road",'), '"route"'),
    "no call": (GOOD.replace(b'"call": "read", ', b""), '"call"'),
    "only a start": (json.dumps(start(0, "x")).encode() + b"\n", "no system call"),
    "deep": (b'{"a":' * 100000 + b"\n", "line 1: no JSON"),
    "escape": (b'{"\x1b[31m": \x07}\n', "line 1: no JSON"),
    "long": (b"{" + b" " * (20 << 20), "line 1: too long"),
    "long text": (b"read(3) = 1\n" + b"x" * (20 << 20), "line 2: too long"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_trace(shim: Shim, tmp_path: Path, name: str) -> None:
    content, expected = BAD[name]
    trace = tmp_path / "a trace"
    trace.write_bytes(content)
    line = one_line(shim("report", trace, "-o", tmp_path / "page"), "exit 2", str(trace), expected)
    assert "\x1b" not in line and "\x07" not in line
    assert not (tmp_path / "page").exists()


def test_other_trouble(shim: Shim, tmp_path: Path) -> None:
    one_line(shim("report", tmp_path / "nope"), "exit 2", "No such file")
    one_line(shim("report", tmp_path), "exit 2", "Is a directory")
    for args in ([], ["a", "b"], ["--nope", "a"], ["a", "-o"]):
        one_line(shim("report", *args), "exit 2", "; see shim help report")
    assert b"Usage: shim report" in shim("help", "report").out
    assert shim("report", "--help").out == shim("help", "report").out


def test_a_last_line_that_was_cut_off(shim: Shim, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_bytes(GOOD + b"\n" + GOOD[:40])
    page = page_of(shim, trace)
    assert "The last line (2) was cut off." in page.notes
    trace.write_bytes(b"read(3) = 1\nread(3, ")
    assert "The last line (2) was cut off." in page_of(shim, trace).notes
    trace.write_bytes(b"read(3) = 1\nwhat?\nread(3) = 1")
    page = page_of(shim, trace)
    assert any("not understood: 1; the first is line 2" in note for note in page.notes)


def test_output(shim: Shim, shim_path: Path, tmp_path: Path) -> None:
    trace = write(tmp_path / "trace", SOME)
    first = shim("report", trace)
    for n in range(3):
        assert shim("report", trace).out == first.out, "two pages of one trace differ"
    page = tmp_path / "page.html"
    for args in (["-o", page, trace], [trace, "-o", page], [f"--output={page}", trace]):
        page.unlink(missing_ok=True)
        outcome = shim("report", *args)
        assert outcome.ok and not outcome.out and page.read_bytes() == first.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["page.html", "trace"]
    piped = subprocess.run([shim_path, "report", "-"], stdin=trace.open(), capture_output=True, timeout=20)
    assert piped.returncode == 0 and b"/etc/one" in piped.stdout
    one_line(shim("report", trace, "-o", tmp_path / "no" / "page"), "exit 2", "No such file")
    one_line(shim("report", trace, "-o", "/dev/full"), "exit 2", "/dev/full: No space left")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([shim_path, "report", trace], stdout=full, stderr=subprocess.PIPE, timeout=20)
    assert (done.returncode, done.stderr) == (2, b"shim: standard output: No space left on device\n")


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (192 << 20, 192 << 20))


def shapes() -> Iterator[tuple[str, bytes]]:
    """Each of them would fill the memory that a report may have, if it were kept."""
    many = 100_000
    line = GOOD + b"\n"
    yield "lines", line * many
    yield "names", b"".join(line.replace(b'"args": ["3"]', b'"fd": 3, "path": "/%0100d"' % n) for n in range(many))
    yield "threads", b"".join(line.replace(b'"tid": 10', b'"tid": %d' % n) for n in range(many))
    yield "processes", b"".join(line.replace(b'"pid": 10', b'"pid": %d' % n) for n in range(many))
    yield "calls", b"".join(line.replace(b'"read"', b'"r%d"' % n) for n in range(many // 4))
    yield "errors", b"".join(line.replace(b'"args"', b'"error": "E%d", "args"' % n) for n in range(many // 2))
    yield "times", b"".join(line.replace(b"1700000000", b"1e%d" % (n % 300)) for n in range(10000))
    yield "durations", line.replace(b"1e-06", b"1e+300") * 10000
    yield "forks", b"".join(b'{"type":"fork","pid":%d,"parent":%d}\n' % (n + 1, n) for n in range(many)) + line
    yield "starts", b'{"type":"start","pid":1,"tid":1,"argv":["%s"]}\n' % (b"x" * 100000) * 500 + line
    yield "text", b'10 1700000000.1 read(3, "x", 1) = 1 <0.000001>\n' * many
    yield "text threads", b"".join(b'%d read(3, "x", 1 <unfinished ...>\n' % n for n in range(many)) + b"read(1) = 1\n"
    yield "text clones", b"".join(b"%d clone(x) = %d\n" % (n, n + 1) for n in range(1, many))
    yield "text files", b"".join(b'1 open("f%d", 0) = %d\n' % (n, n) for n in range(many))
    yield "text notes", b"read(" + b"1<>," * 2_000_000 + b") = 1\n"


def test_memory_is_bounded_and_the_page_is_small(shim_path: Path, tmp_path: Path) -> None:
    for name, content in shapes():
        trace = tmp_path / "trace"
        trace.write_bytes(content)
        begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = subprocess.run([shim_path, "report", trace], capture_output=True, timeout=120, preexec_fn=limited)
        assert done.returncode == 0 and not done.stderr, (name, done.stderr[-500:])
        assert Page(done.stdout).size < 2 << 20, (name, len(done.stdout))
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin < 15, name


def test_mutations(harness: Harness, shim_path: Path, place: Path) -> None:
    text = strace(harness, place, SCRIPT, "-yy", "-T", "-ttt").read_bytes().splitlines(keepends=True)[:300]
    lines = [json.dumps(line).encode() + b"\n" for line in [*SOME, *evil_trace()]]
    trace = place / "mutant"
    for seed in range(200):
        trace.write_bytes(mutate(random.Random(seed), text if seed % 2 else lines))
        done = subprocess.run([shim_path, "report", trace], capture_output=True, timeout=20)
        assert done.returncode in (0, 2), (seed, done.stderr[-3000:])
        if done.returncode:
            assert done.stderr.count(b"\n") == 1 and not done.stdout, (seed, done.stderr[-3000:])
        else:
            Page(done.stdout)


SOCKETS = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
def serve():
    peer, _ = server.accept()
    for _ in range(50):
        peer.sendall(peer.recv(100))
    peer.close()
thread = threading.Thread(target=serve)
thread.start()
client = socket.create_connection(server.getsockname())
for _ in range(50):
    client.sendall(b"hello")
    client.recv(100)
thread.join()
"""
REAL = {
    "pipes": ["sh", "-c", "cat file1 | gzip -1 | wc -c; cat nothing; exit 3"],
    "sockets": ["/usr/bin/python3", "-S", "-E", "-B", "-c", SOCKETS],
    "tree": ["sh", "-c", "tar cf x.tar file1 && grep -r hello . >/dev/null; cp file1 file2"],
}


@pytest.mark.parametrize("name", REAL)
def test_of_a_traced_program(harness: Harness, shim: Shim, shim_path: Path, place: Path, name: str) -> None:
    """The page agrees with what the library itself has counted in the same run."""
    stats = harness.temp_name("stats")
    traced = shim("trace", "-f", "-y", "--json", "-o", "trace", "--", *REAL[name], cwd=place,
                  env={"SHIM_STATS": str(stats)})  # fmt: skip
    assert traced.status == ("exit 3" if name == "pipes" else "exit 0"), traced.text()
    with (place / "trace").open() as trace:
        done = subprocess.run([shim_path, "report", "-"], stdin=trace, capture_output=True, timeout=20)
    assert done.returncode == 0 and not done.stderr, done.stderr
    page = Page(done.stdout)
    counted = Stats.parse(stats.read_text())
    calls = {row["call"]: row for row in page.rows("call", "on the ring", "errors", "bytes")}
    reasons = page.rows("reason", "meaning")
    for call in ("read", "write", "close", "connect", "recvfrom", "sendto"):
        row = calls.get(call)
        shown = [number(row[column]) if row else 0 for column in ("on the ring", "native")]
        native = {r.removeprefix("native:"): n for (c, r), n in counted.counts.items() if c == call and "native:" in r}
        assert shown == [counted.ring(call), sum(native.values())], (call, counted.text())
        told = {row["reason"]: m[1] for row in reasons if (m := re.search(rf"\b{call}\xa0([\d\u202f]+)", row["which"]))}
        assert {reason: number(n) for reason, n in told.items()} == {r: n for r, n in native.items() if n}, call
    assert not page.notes or not any("lost" in note for note in page.notes)
    things = {row["file"] for row in page.rows("file")}
    if name == "sockets":
        threads = [row["threads"] for row in page.rows("pid", "parent")]
        assert threads == ["2"] and any("127.0.0.1:" in row["peer"] for row in page.rows("peer"))
        assert any(row["call"] == "recvfrom" for row in page.rows("call", "on", "waits"))
    else:
        assert any(thing.endswith("file1") for thing in things), things
    if name == "pipes":
        ends = {row["command"]: row["end"] for row in page.rows("pid", "parent")}
        assert ends["cat nothing"] == "exited with 1" and "exited with 3" in ends.values(), ends
        assert sum(row["peer"].startswith("pipe:[") for row in page.rows("peer")) >= 2


def check_the_checker(browser: Browser, where: Path) -> None:
    """What check_page() asks for is seen where it is."""
    bad = where / "bad.html"
    bad.write_text(
        "<!DOCTYPE html><body><p style='color:#aaa;background:#fff'>faint</p><svg></svg><img src='x.png'>"
        "<div style='width:2000px'>wide</div><script>console.log('x')</script>"
    )
    browser.open(bad, 390, "light")
    for what in (OVERFLOWING, NAMELESS, ACTIVE, FAINT):
        assert browser.value(what), what
    assert browser.value("document.documentElement.scrollWidth") > 390
    assert len(browser.requests()) == 2 and browser.complaints()


def test_in_a_browser(harness: Harness, shim: Shim, place: Path) -> None:
    """Nothing is wider than a phone, fainter than can be read, or alive: in pages of
    report, and in one of trial. All in one, since starting it takes its time."""
    traces = {
        "some": write(place / "some", SOME),
        "evil": write(place / "evil", evil_trace()),
        "text": strace(harness, place, SCRIPT, "-ttt", "-T"),
        "no times": strace(harness, place, SCRIPT),
    }
    for name, trace in traces.items():
        assert shim("report", trace, "-o", place / f"{name}.html").ok
    outcome = shim("trial", "-n", "7", f"--html={place / 'trial.html'}", "--", "cat", "file1", cwd=place)
    assert (place / "trial.html").exists(), outcome.text()
    with Browser() as browser:
        for name in (*traces, "trial"):
            check_page(browser, place / f"{name}.html")
        browser.open(place / "no times.html", 390, "light")
        assert browser.value("document.querySelectorAll('.line svg').length") == 0
        browser.open(place / "evil.html", 390, "light")
        assert browser.value("document.title").startswith(f"shim report: {EVIL[0]} ")
        assert browser.value("document.querySelector('.line svg title').textContent") == "Thread 10 over time"
        check_the_checker(browser, place)


def test_an_error_in_the_middle_leaves_an_old_page_alone(shim: Shim, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    trace = write(tmp_path / "trace", [SOME[1], b"{", SOME[2]])
    outcome: Outcome = shim("report", trace, "-o", page)
    assert outcome.status == "exit 2" and page.read_text() == "old"
