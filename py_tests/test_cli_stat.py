# SPDX-License-Identifier: MIT
"""shim stat: the same counts in every format, from wherever they come."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from clitest import NOBODY, Shim, known, library, one_line, shim, shim_path, user
from shimtest import Harness, Side, Stats, need, status_text, wait_until

__all__ = ["known", "library", "shim", "shim_path", "user"]
pytestmark = pytest.mark.variants("ring")

LINE = 80  # bytes, of a file of counters


def without_programs(stats: Stats) -> dict[tuple[str, str], int]:
    return {key: count for key, count in stats.counts.items() if count}


def parse_text(text: str) -> tuple[dict[tuple[str, str], int], list[int]]:
    """The table, as the library's own counts and the row of totals."""
    lines = text.splitlines()
    names = lines[0].split()
    assert names == ["call", "calls", "ring", "native", "errors", "bytes", "waits"], text
    counts: dict[tuple[str, str], int] = {}
    call, left = "", 0
    for line in lines[1:-2]:
        if line.startswith("  "):
            reason, count = line.split()
            if reason in ("cancels", "abandoned"):
                counts[call, reason] = int(count)
                continue
            counts[call, f"native:{reason}"] = int(count)
            left -= int(count)
            continue
        assert left == 0, f"{call}: native calls without a reason\n{text}"
        call, *numbers = line.split()
        calls, ring, left, *others = map(int, numbers)
        assert calls == ring + left, line
        for name, count in zip(["ring", *names[4:]], [ring, *others]):
            if count:
                counts[call, name] = count
    assert left == 0 and lines[-2].split()[0] == "total", text
    assert re.fullmatch(r"programs started: \d+ with libc patched, \d+ without", lines[-1]), text
    return counts, [int(n) for n in lines[-2].split()[1:]]


def parse_json(text: str) -> dict[tuple[str, str], int]:
    facts = json.loads(text)
    assert set(facts) == {"version", "programs", "calls", "total"}, text
    counts: dict[tuple[str, str], int] = {}
    for call, row in facts["calls"].items():
        assert row["calls"] == row["ring"] + row["native"], row
        assert row["native"] == sum(row["reasons"].values()), row
        for reason, count in row["reasons"].items():
            counts[call, f"native:{reason}"] = count
        for name in ("ring", "errors", "bytes", "waits", "cancels", "abandoned"):
            counts[call, name] = row[name]
    for name, total in facts["total"].items():
        assert total == sum(row[name] for row in facts["calls"].values()), name
    return {key: count for key, count in counts.items() if count}


LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{({LABEL}(?:,{LABEL})*)?\}})? (\d+(?:\.\d+)?)")


def parse_openmetrics(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], int]]:
    """A strict reading: families in one piece, metadata first and once, no blank
    lines, one sample per set of labels, and the end."""
    assert text.endswith("# EOF\n") and text.count("# EOF") == 1 and "\r" not in text
    families: dict[str, dict[tuple[tuple[str, str], ...], int]] = {}
    described: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines()[:-1]:
        if match := re.fullmatch(r"# (TYPE|UNIT|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)", line):
            what, family, value = match.groups()
            if family != name:
                assert family not in families, f"{family} in two pieces"
                families[family], described[family], name = {}, set(), family
            assert not families[family] and what not in described[family], line
            described[family].add(what)
            assert what != "TYPE" or value == "counter", line
            assert what != "UNIT" or family.endswith(f"_{value}"), line
            assert what != "HELP" or not re.search(r"\\[^\\n\"]", value), line
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, f"not a sample: {line!r}"
        assert sample[1] == f"{name}_total", f"{line!r} does not belong to {name}"
        labels = tuple(re.findall(r'(\w+)="(.*?)"', sample[2] or ""))
        assert len({key for key, _ in labels}) == len(labels), line
        assert tuple(sorted(labels)) not in families[name], f"twice: {line}"
        families[name][tuple(sorted(labels))] = int(sample[3])
    assert all(what >= {"TYPE", "HELP"} for what in described.values()), described
    return families


def counts_of_metrics(text: str) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    columns = {"libshim_transferred_bytes": "bytes"}
    for family, samples in parse_openmetrics(text).items():
        for labels, count in samples.items():
            of = dict(labels)
            if family == "libshim_programs":
                assert set(of) == {"libc"}
            elif family == "libshim_calls":
                assert set(of) == {"call", "route", "reason"}
                route = "ring" if of["route"] == "ring" else f"native:{of['reason']}"
                counts[of["call"], route] = count
            else:
                column = columns.get(family, family.removeprefix("libshim_"))
                counts[of["call"], column] = count
    return {key: count for key, count in counts.items() if count}


@pytest.fixture
def report(harness: Harness, known: str) -> Path:
    path = harness.temp_name("stats")
    assert harness.run(Side.SHIM, [known], env={"SHIM_STATS": str(path)}).ok
    return path


def test_formats_of_a_file(shim: Shim, report: Path) -> None:
    expected = without_programs(Stats.parse(report.read_text()))
    text, totals = parse_text(shim("stat", report).out.decode())
    assert text == expected
    assert totals[0] == sum(n for (_, r), n in expected.items() if r == "ring" or r[:7] == "native:")
    assert parse_json(shim("stat", "--json", report).out.decode()) == expected
    assert counts_of_metrics(shim("stat", "--openmetrics", "--read", report).out.decode()) == expected


def test_file_of_a_report_on_stderr(harness: Harness, shim: Shim, known: str) -> None:
    """Several reports, one after the other, as SHIM_STATS=1 leaves them."""
    outcome = harness.run(Side.SHIM, ["sh", "-c", f"{known}; {known}"], env={"SHIM_STATS": "1"})
    report = harness.temp_name("stderr")
    report.write_bytes(outcome.err)
    expected = without_programs(Stats.parse(outcome.err.decode()))
    assert parse_text(shim("stat", report).out.decode())[0] == expected


@pytest.mark.parametrize("option", ["", "--json", "--openmetrics"])
def test_of_a_program(harness: Harness, shim: Shim, known: str, option: str) -> None:
    expected = without_programs(harness.stats([known])[0])
    outcome = shim("stat", *([option] if option else []), known)
    assert outcome.ok and outcome.out == b"done\n", outcome.text()
    text = outcome.err.decode()
    if option == "--openmetrics":
        counts = counts_of_metrics(text)
    else:
        counts = parse_json(text) if option else parse_text(text)[0]
    assert counts == expected, text
    off = shim("stat", "--mode=off", "--json", known).err.decode()
    assert json.loads(off)["total"]["ring"] == 0, off


def test_output_file(harness: Harness, shim: Shim, known: str) -> None:
    cwd = harness.fresh_dir("output")
    (cwd / "x.prom").write_text("old\n")
    outcome = shim("stat", "--openmetrics", "-o", cwd / "x.prom", "--", known)
    assert outcome.ok and not outcome.err, outcome.text()
    assert counts_of_metrics((cwd / "x.prom").read_text())
    assert stat.S_IMODE((cwd / "x.prom").stat().st_mode) == 0o644
    (cwd / "link").symlink_to("linked")
    assert shim("stat", f"--output={cwd}/link", known).ok
    assert (cwd / "linked").read_text().startswith("call ")
    assert sorted(p.name for p in cwd.iterdir()) == ["link", "linked", "x.prom"]
    outcome = shim("stat", "-o", cwd / "no" / "such", "sh", "-c", "echo ran")
    one_line(outcome, "exit 2", "No such file")
    assert not outcome.out
    one_line(shim("stat", "-o", "/dev/full", "true"), "exit 2", "No space left")
    one_line(shim("stat", "-o", "/dev/full", "sh", "-c", "exit 7"), "exit 7", "No space left")
    assert shim("stat", "-o", "/dev/stdout", "true").out.startswith(b"call ")


def test_temporary_file(harness: Harness, shim: Shim) -> None:
    script = 'echo "$SHIM_STATS"; stat -c "%a %s" "$SHIM_STATS"'
    for name, directory in (("XDG_RUNTIME_DIR", "run"), ("TMPDIR", "tmp")):
        where = harness.fresh_dir(directory)
        env = {name: str(where), "SHIM_STATS": "1"}
        outcome = shim("stat", "sh", "-c", script, env=env)
        path, line = outcome.out.decode().splitlines()
        assert Path(path).parent == where and line == "600 81920", outcome.text()
        assert not list(where.iterdir()), outcome.text()
    env = {"XDG_RUNTIME_DIR": "/nonexistent", "TMPDIR": "relative"}
    outcome = shim("stat", "sh", "-c", script, env=env)
    assert outcome.out.startswith(b"/tmp/"), outcome.text()
    assert not Path(outcome.out.decode().splitlines()[0]).exists()


def test_children_are_counted(shim: Shim) -> None:
    facts = json.loads(shim("stat", "--json", "sh", "-c", "cat /dev/null; cat /dev/null").err)
    assert facts["programs"] == {"patched": 3, "unpatched": 0}
    facts = json.loads(shim("stat", "--json", "--patch=off", "true").err)
    assert facts["programs"] == {"patched": 0, "unpatched": 1}


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_handed_on(harness: Harness, shim_path: Path, sig: signal.Signals) -> None:
    for script, status in (
        ("echo up; exec sleep 30", f"killed by {sig.name}"),
        (f"trap 'exit 9' {sig.name[3:]}; echo up; while :; do sleep 0.05; done", "exit 9"),
    ):
        argv = [str(shim_path), "stat", "sh", "-c", script]
        pipe = subprocess.PIPE
        with harness.start(
            Side.NATIVE, argv, cwd=harness.fresh_dir(), stdout=pipe, stderr=pipe
        ) as process:
            assert process.stdout and process.stderr
            assert process.stdout.readline() == b"up\n"
            time.sleep(0.1)
            process.send_signal(sig)
            process.wait(20)
            assert status_text(process.returncode) == status
            assert process.stderr.readline().startswith(b"call ")


def test_ignored_signals_stay_ignored(harness: Harness, shim_path: Path) -> None:
    script = 'trap "" INT CHLD; exec "$@"'
    show = "grep -E '^Sig(Ign|Cgt|Blk)' /proc/self/status; exit 4"
    native = harness.run(Side.NATIVE, ["sh", "-c", script, "sh", "sh", "-c", show])
    outcome = harness.run(
        Side.NATIVE, ["sh", "-c", script, "sh", str(shim_path), "stat", "sh", "-c", show]
    )
    assert (outcome.status, outcome.out) == (native.status, native.out), outcome.text()


# A process that is running


@pytest.mark.parametrize("who", ["root", "user"])
def test_of_a_process(harness: Harness, shim: Shim, user: list[str], library: str, who: str) -> None:
    if who == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    prefix = user if who == "user" else []
    where = harness.fresh_dir("live")
    where.chmod(0o777)
    report = where / "a name\nof %p"
    pipe = subprocess.PIPE
    argv = [*prefix, "env", f"SHIM_STATS={report}", f"LD_PRELOAD={library}", "cat"]
    with harness.start(Side.NATIVE, argv, cwd=where, stdin=pipe, stdout=pipe) as cat:
        assert cat.stdin and cat.stdout
        path = Path(str(report).replace("%p", str(cat.pid)))
        cat.stdin.write(b"through\n")
        cat.stdin.flush()
        assert cat.stdout.readline() == b"through\n"
        wait_until(lambda: Stats.parse(path.read_text()).get("write", "bytes") == 8, "not counted")
        text = shim("stat", "--json", cat.pid, prefix=prefix)
        assert text.ok, text.text()
        assert parse_json(text.out.decode()) == without_programs(Stats.parse(path.read_text()))
        assert shim("stat", "-p", cat.pid, prefix=prefix).out.startswith(b"call ")
        path.rename(where / "moved")
        outcome = shim("stat", cat.pid, prefix=prefix)
        assert outcome.ok, outcome.text()
        (where / "moved").unlink()
        outcome = shim("stat", cat.pid, prefix=prefix)
        assert outcome.ok or who == "user", outcome.text()
        if not outcome.ok:
            one_line(outcome, "exit 2", "no file of counters")


def test_of_other_processes(harness: Harness, shim: Shim, library: str) -> None:
    cwd = harness.fresh_dir()
    for env, what in (({}, "does not have"), ({"LD_PRELOAD": library}, "no file of counters")):
        with harness.start(Side.NATIVE, ["sleep", "30"], cwd=cwd, env=env) as process:
            exe = Path(f"/proc/{process.pid}/exe")
            wait_until(lambda: exe.resolve().name == "sleep", "exec")
            time.sleep(0.1)
            one_line(shim("stat", process.pid), "exit 2", str(process.pid), what)
    one_line(shim("stat", "99999999"), "exit 2", "No such process")
    one_line(shim("stat", "0"), "exit 2", "not the number of a process")
    one_line(shim("stat", "9" * 30), "exit 2", "not the number of a process")
    if os.geteuid() == 0:
        one_line(shim("stat", os.getpid(), prefix=NOBODY), "exit 2", "Permission denied")


# A file of anything

HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "text": (b"hello\n", "no header"),
    "newline": (b"\n", "no header"),
    "binary": (Path("/bin/true").read_bytes(), "no header"),
    "zeros": (b"# libshim x\n" + bytes(100) + b"\n", "line 2: binary"),
    "unterminated": (b"# libshim x\nread ring 1", "line 2: cut off"),
    "huge count": (b"# libshim x\nread ring 99999999999999999999\n", "too large"),
    "negative": (b"# libshim x\nread ring -1\n", "not a count"),
    "no count": (b"# libshim x\nread ring\n", "not a count"),
    "one more": (b"# libshim x\nread ring 1 1\n", "line 2: "),
    "quotes": (b'# libshim x\nread native:"\\ 1\n', "line 2: "),
    "long line": (b"# libshim x\n" + b"a" * 300 + b"\n", "too long"),
    "long name": (b"# libshim x\n" + b"a" * 40 + b" ring 1\n", "line 2: "),
    "other comment": (b"# libshim x\n# and more\n", "line 2: "),
    "many lines": (b"# libshim x\n" + b"read ring 1\n" * 1000000, "too large"),
    "many counters": (b"# libshim x\n" + b"".join(b"c%d ring 1\n" % i for i in range(9999)), "too many"),
    "endless": (b"# libshim x" + b" " * 3000000, "too large"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(harness: Harness, shim: Shim, name: str) -> None:
    data, what = HOSTILE[name]
    path = harness.fresh_dir("files") / "file"
    path.write_bytes(data)
    for option in ("--json", "--openmetrics", "--quiet"):
        outcome = shim("stat", option, path)
        one_line(outcome, "exit 2", str(path), what)
        assert not outcome.out


def test_cut_and_changed_files(harness: Harness, shim: Shim, report: Path) -> None:
    data = report.read_bytes()
    path = harness.fresh_dir("files") / "file"
    for size in range(0, len(data), 997):
        path.write_bytes(data[:size])
        one_line(shim("stat", path), "exit 2", str(path))
    for at in range(LINE, 2000, 61):
        path.write_bytes(data[:at] + b"\xfe" + data[at + 1 :])
        outcome = shim("stat", path)
        assert outcome.status in ("exit 0", "exit 2"), f"{at}\n{outcome.text()}"
    at = 2 * LINE  # somebody is making this line
    path.write_bytes(data[:at] + b"........" + data[at + 8 :])
    assert shim("stat", path).ok


def test_what_is_no_file(harness: Harness, shim: Shim) -> None:
    fifo = harness.fresh_dir("files") / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, "/dev/zero", "/", "/proc/self/mem"):
        one_line(shim("stat", "-r", path, timeout=5), "exit 2", str(path))
    one_line(shim("stat", "-r", "/nonexistent"), "exit 2", "No such file")


def test_large_counts_do_not_wrap(harness: Harness, shim: Shim) -> None:
    path = harness.fresh_dir("files") / "file"
    path.write_bytes(b"# libshim x\n" + b"read ring 18446744073709551609\n" * 3)
    row = json.loads(shim("stat", "--json", path).out)["calls"]["read"]
    assert row["ring"] == 2**63 - 1
    assert b" 18446744073709551615" in shim("stat", path).out


def test_argument_that_may_be_either(harness: Harness, shim: Shim, report: Path) -> None:
    cwd = harness.fresh_dir()
    shutil.copy(report, cwd / "123")
    (cwd / "program").write_text("#!/bin/sh\necho ran\n")
    (cwd / "program").chmod(0o755)
    assert shim("stat", "./123", cwd=cwd).out.startswith(b"call ")
    one_line(shim("stat", "--", "123", cwd=cwd), "exit 127", "123")
    assert shim("stat", "./program", cwd=cwd).out == b"ran\n"
    one_line(shim("stat", "-r", "program", cwd=cwd), "exit 2", "no header")


def test_as_an_ordinary_user(shim: Shim, user: list[str]) -> None:
    need("setpriv")
    outcome = shim("stat", "--json", "cat", "/dev/null", prefix=user)
    assert outcome.ok and json.loads(outcome.err)["programs"]["patched"] == 1, outcome.text()
    assert shim("run", "true", prefix=user).text() == shim("run", "true").text()


def test_nothing_was_counted(shim: Shim) -> None:
    need("busybox")
    outcome = shim("stat", "busybox", "true")
    lines = outcome.err.decode().splitlines()
    assert "statically linked" in lines[0] and "nothing was counted" in lines[1], outcome.text()
    assert lines[2].startswith("call "), outcome.text()
