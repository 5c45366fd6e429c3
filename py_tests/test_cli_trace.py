# SPDX-License-Identifier: MIT
"""shim trace: every argument as strace prints it, whatever ends a process; and
whatever happens to the trace, the program does not notice."""

from __future__ import annotations

import collections
import json
import os
import random
import re
import signal
import stat
import struct
import subprocess
import time
from pathlib import Path

import pytest
from clitest import Shim, one_line, shim, shim_path
from shimtest import CALLS, Harness, Outcome, Side, need, unified, wait_until
from tracing import save, strace, visible

__all__ = ["shim", "shim_path"]
pytestmark = pytest.mark.variants("ring")
MODES = pytest.mark.parametrize("mode", ["off", "ring"])


@pytest.fixture
def traced(harness: Harness) -> Path:
    return harness.build / "trace"


def lines_of(path: Path) -> list[str]:
    """Without the pids of -f -o."""
    return [re.sub(r"^\d+ +", "", line) for line in path.read_text(errors="surrogateescape").splitlines()]


def alike(text: str) -> str:
    """Addresses, ports, pids are chance; and the column depends on them."""
    text = re.sub(r"0x[0-9a-f]{9,16}\b", "ADDR", text)
    text = re.sub(r"sin_port=htons\(\d{4,5}\)", "sin_port=PORT", text)
    text = re.sub(r'{sa_family=AF_INET, sa_data="(?:[^"\\]|\\.)*"}', "{HALF}", text)
    text = re.sub(r"pid=\d+", "pid=PID", text)
    return re.sub(r" += ", " = ", text)


# What libc makes of it is not what the library sees, as shim-trace(5) says; and a
# structure of which a part cannot be read is an address.
def is_known(native: str, ours: str) -> bool:
    if "F_GETOWN" in native:
        return ours.startswith(native.split(" F_GETOWN")[0] + " F_GETOWN)")
    return native.startswith("sendmsg(") and "EFAULT" in native and bool(re.match(r"sendmsg\(\d+, ADDR, 0\)", ours))


@MODES
def test_every_argument(harness: Harness, shim: Shim, traced: Path, mode: str) -> None:
    calls = str(traced / "calls")
    native, _ = strace(harness, [calls])
    expected = alike("\n".join(re.sub(r"^\d+ +", "", s) for s in visible(native).splitlines())).splitlines()
    path = harness.temp_name("trace")
    outcome = shim("trace", f"--mode={mode}", "-f", "-o", path, calls, cwd=harness.fresh_dir())
    assert outcome.status == "exit 7" and not outcome.err, outcome.text()
    ours = alike("\n".join(lines_of(path))).splitlines()
    assert len(expected) > 330
    known = [i for i, (a, b) in enumerate(zip(expected, ours)) if a != b and is_known(a, b)]
    assert len(known) <= 3
    for i in known:
        ours[i] = expected[i]
    assert ours == expected, unified("\n".join(expected), "\n".join(ours))


def test_columns_are_those_of_strace(harness: Harness, shim: Shim, tmp_path: Path) -> None:
    """To the byte: no pids, no times, nothing that is chance."""
    save(tmp_path / "file", "some text\n" * 20)
    argv = ["cat", "file", "nothing"]
    path, native = harness.temp_name("trace"), harness.temp_name("strace")
    shim("trace", "-o", path, *argv, cwd=tmp_path)
    wanted = "trace=" + ",".join((*CALLS, "execve", "prlimit64"))
    harness.run(Side.NATIVE, ["strace", "-o", str(native), "-e", wanted, *argv], cwd=tmp_path)
    expected = visible("".join("1 " + line for line in native.read_text().splitlines(keepends=True)))
    assert path.read_text() == "".join(line[2:] for line in expected.splitlines(keepends=True))


OPTIONS = {
    "-t": r"\d\d:\d\d:\d\d ",
    "-tt": r"\d\d:\d\d:\d\d\.\d{6} ",
    "-ttt": r"\d{10}\.\d{6} ",
    "-r": r" {5}\d\.\d{6} ",
    "-tt -r": r"\d\d:\d\d:\d\d\.\d{6} \(\+ {5}\d\.\d{6}\) ",
}


@pytest.mark.parametrize("options", OPTIONS)
def test_times(harness: Harness, shim: Shim, tmp_path: Path, options: str) -> None:
    save(tmp_path / "file", "text")
    for tracer in ("shim", "strace"):
        path = harness.temp_name("trace")
        argv = ["-e", "trace=read,close", "-o", str(path), *options.split(), "-T", "cat", "file"]
        if tracer == "shim":
            assert shim("trace", *argv, cwd=tmp_path).ok
        else:
            harness.run(Side.NATIVE, ["strace", *argv], cwd=tmp_path)
        lines = path.read_text().splitlines()
        shape = rf'{OPTIONS[options]}read\(3, "text", \d+\) += 4 <\d\.\d{{6}}>'
        assert any(re.fullmatch(shape, line) for line in lines), (tracer, lines)
        shape = rf"{OPTIONS[options]}\+\+\+ exited with 0 \+\+\+"
        assert re.fullmatch(shape, lines[-1]), (tracer, lines[-1])


def test_pids(harness: Harness, shim: Shim, tmp_path: Path) -> None:
    """As strace: none for the only one on stderr, and always in a file with -f."""
    argv = ["sh", "-c", "cat </dev/null; :"]
    outcome = shim("trace", "-f", *argv)
    text = outcome.err.decode()
    assert outcome.ok and re.search(r"^strace: Process \d+ attached$", text, re.MULTILINE), text
    assert re.search(r"^\[pid +\d+\] \+\+\+ exited", text, re.MULTILINE) and text.endswith("\n+++ exited with 0 +++\n")
    assert b"Process" not in shim("trace", "-f", "-q", *argv).err
    path = harness.temp_name("trace")
    shim("trace", "-f", "-o", path, *argv)
    assert all(re.match(r"\d+ +\S", line) for line in path.read_text().splitlines())
    assert len({line.split()[0] for line in path.read_text().splitlines()}) == 2
    alone = shim("trace", "-o", path, *argv)
    assert alone.ok and not alone.err and not re.search(r"^\d", path.read_text(), re.MULTILINE)
    assert path.read_text().count("+++ exited") == 1


def test_descriptors_have_paths(harness: Harness, shim: Shim, tmp_path: Path) -> None:
    save(tmp_path / "file", "text")
    path = harness.temp_name("trace")
    assert shim("trace", "-y", "-o", path, "cat", tmp_path / "file", cwd=tmp_path).ok
    text = path.read_text()
    assert f'"{tmp_path}/file", O_RDONLY) = 3<{tmp_path}/file>' in text, text
    assert f'read(3<{tmp_path}/file>, "text"' in text


# Filters.


def calls_in(path: Path) -> collections.Counter[str]:
    names = re.findall(r"^(?:\d+ +)?(\w+)\(", path.read_text(errors="replace"), re.MULTILINE)
    return collections.Counter(names)


def test_filters(harness: Harness, shim: Shim, traced: Path) -> None:
    """Each choice is what strace chooses, of the calls that there are."""
    path = harness.temp_name("trace")
    everything = collections.Counter[str]()

    def choose(*options: str) -> collections.Counter[str]:
        outcome = shim("trace", "-o", path, *options, str(traced / "calls"), cwd=harness.fresh_dir())
        assert outcome.status == "exit 7" and not outcome.err, outcome.text()
        return calls_in(path)

    everything = choose()
    assert set(everything) == set(CALLS)
    for name in ("%file", "%desc", "%network", "%net", "open", "read,write", "!read", "all", "none", "?nope,read"):
        native = harness.temp_name("strace")
        harness.run(Side.NATIVE, ["strace", "-o", str(native), "-e", f"trace={name}", "-e", "signal=none",
                                  str(traced / "calls")])  # fmt: skip
        expected = set(calls_in(native)) & set(CALLS)
        if name == "!read":
            expected = set(CALLS) - {"read"}
        assert set(choose("-e", f"trace={name}")) == expected, name
        assert set(choose(f"--trace={name}")) == expected
    assert set(choose("-e", "open,read")) == {"open", "read"}
    good, bad = choose("-z"), choose("-Z")
    assert good + bad == everything and good and bad
    assert choose("-e", "status=successful") == good and choose("--status=!successful") == bad


@pytest.mark.parametrize(
    ("args", "part"),
    [
        ([], "a program is missing"),
        (["--nope"], "bad option --nope"),
        (["-e"], "needs a value"),
        (["-e", "trace=stat", "true"], "'stat'"),
        (["-e", "read,", "true"], "''"),
        (["-e", "trace=%nope", "true"], "'%nope'"),
        (["-e", "status=bad", "true"], "'bad'"),
        (["-e", "inject=read", "true"], "'inject='"),
        (["-s", "-1", "true"], "-s -1"),
        (["-s", "x", "true"], "-s x"),
        (["-s", "999999999", "true"], "not a number"),
        (["-a", "", "true"], "-a "),
        (["-S", "size", "true"], "-S size"),
        (["-U", "calls,", "true"], "-U calls,"),
        (["--read=x", "true"], "one of"),
        (["--mode=nope", "true"], "--mode=nope"),
    ],
)
def test_wrong_usage(shim: Shim, args: list[str], part: str) -> None:
    one_line(shim("trace", *args), "exit 2", part, "; see shim help trace")


# The end of things.


def told(path: Path) -> tuple[int, ...]:
    return struct.unpack("=64Q", path.read_bytes()[:512])


def check_numbers(trace: Path, done: tuple[int, ...], threads: int) -> None:
    """Every call that had returned is there, in order, once, and no line is torn."""
    seen: dict[int, list[int]] = collections.defaultdict(list)
    whole = re.compile(r'\d+ +(write\(\d+, +"\d+:\d+", \d+( <unfinished \.\.\.>|\) += (\d+|\?))|write\(\d+,  <unfinished \.\.\.>(\) += \?)?|<\.\.\. write resumed>("\d+:\d+", \d+)?\) += (\d+|\?)|<\.\.\. write resumed> <unfinished \.\.\.>\) += \?|\+\+\+ .* \+\+\+)')  # fmt: skip
    for line in trace.read_text().splitlines():
        assert whole.fullmatch(line), line
        if match := re.search(r'"(\d+):(\d+)"', line):
            seen[int(match[1])].append(int(match[2]))
    for thread in range(threads):
        numbers = seen[thread]
        assert numbers == list(range(1, len(numbers) + 1)), thread
        assert done[thread] <= len(numbers) <= done[thread] + 1, (thread, done[thread], len(numbers))


@pytest.mark.parametrize(("way", "status"), [("exit", "exit 4"), ("_exit", "exit 3"), ("abort", "killed by SIGABRT")])
def test_nothing_is_lost_at_the_end(harness: Harness, shim: Shim, traced: Path, tmp_path: Path, way: str,
                                    status: str) -> None:  # fmt: skip
    path = harness.temp_name("trace")
    outcome = shim("trace", "-f", "-e", "write", "-o", path, traced / "progress", tmp_path / "done", way, "50", "100")
    assert outcome.status == status and not outcome.err, outcome.text()
    check_numbers(path, told(tmp_path / "done"), 50)
    ends = [line for line in lines_of(path) if line.startswith("+++")]
    assert len(ends) == 50


@MODES
def test_killed_at_any_moment(harness: Harness, shim_path: Path, traced: Path, tmp_path: Path, mode: str) -> None:
    for turn in range(8):
        done, trace = tmp_path / f"done{turn}", tmp_path / f"trace{turn}"
        threads = 1 + turn % 3
        argv = [str(shim_path), "trace", f"--mode={mode}", "-f", "-e", "write", "-o", str(trace),
                str(traced / "progress"), str(done), "loop", str(threads), "100000000"]  # fmt: skip
        with harness.start(Side.NATIVE, argv, cwd=tmp_path) as process:
            wait_until(lambda: done.exists() and done.stat().st_size and told(done)[0] > 0, "it works")
            time.sleep(random.random() * 0.1)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGKILL)
            assert process.wait(timeout=20) == -signal.SIGKILL
        check_numbers(trace, told(done), threads)
        assert lines_of(trace)[-1] == "+++ killed by SIGKILL +++"


BLOCKED = {
    "jump": ["read(3, ADDR, 16) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)"],
    "eintr": ["read(3, ADDR, 16) = -1 EINTR (Interrupted system call)"],
    "restart": ["read(3, ADDR, 16) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
                'write(4, "fed", 3) = 3', 'read(3, "fed", 16) = 3'],
}  # fmt: skip


@MODES
@pytest.mark.parametrize("way", BLOCKED)
def test_a_blocked_call_is_left(harness: Harness, shim: Shim, traced: Path, mode: str, way: str) -> None:
    path = harness.temp_name("trace")
    outcome = shim("trace", f"--mode={mode}", "-e", "read,write", "-o", path, traced / "signals", way)
    assert outcome.ok and outcome.out == b"end\n", outcome.text()
    expected = [*BLOCKED[way], r'write(1, "end\n", 4) = 4', "+++ exited with 0 +++"]
    assert [alike(line) for line in lines_of(path)] == expected


@pytest.mark.parametrize(
    ("way", "status", "end"),
    [
        ("blocked", "exit 5", "exited with 5"),
        ("killed", "killed by SIGKILL", "killed by SIGKILL"),
        ("segv", "killed by SIGSEGV", "killed by SIGSEGV"),
        ("strict", "exit 6", "exited with 6"),
        ("closed", "exit 0", "exited with 0"),
    ],
)
def test_ends_beside_strace(harness: Harness, shim: Shim, traced: Path, way: str, status: str, end: str) -> None:
    """The program that closes everything, and the sandboxed one, are traced on."""
    argv = [str(traced / "signals"), way]
    native, _ = strace(harness, argv, "-e", "trace=read,write,execve,prlimit64")
    path = harness.temp_name("trace")
    outcome = shim("trace", "--mode=off", "-f", "-e", "read,write", "-o", path, *argv)
    assert outcome.status == status and not outcome.err, outcome.text()
    ours = alike(path.read_text())
    core = " (core dumped)" if "core dumped" in ours else ""
    assert lines_of(path)[-1] == f"+++ {end}{core} +++"
    # In a sandbox nothing can be asked, not even whether a buffer can be read.
    theirs = alike(visible(native)).replace(' (core dumped)', core).replace(r'write(1, "inside\n"', "write(1, ADDR")
    names = {pid: f"P{n}" for text in (ours, theirs) for n, pid in enumerate(sorted(set(re.findall(r"^\d+", text, re.M))))}  # fmt: skip
    same = [re.sub(r"^\d+ +", lambda m: names[m[0].strip()] + " ", s, flags=re.M) for s in (theirs, ours)]
    if way != "strict":
        assert sorted(same[0].splitlines()) == sorted(same[1].splitlines()), unified(*same)
    else:
        assert r'write(1, "before\n", 7) = 7' in ours


def test_many_processes(harness: Harness, shim: Shim, traced: Path) -> None:
    path = harness.temp_name("trace")
    script = "i=0; while [ $i -lt 150 ]; do (exit 3) & i=$((i+1)); done; wait"
    outcome = shim("trace", "-f", "-o", path, "sh", "-c", script)
    assert outcome.ok and not outcome.err, outcome.text()
    assert collections.Counter(s for s in lines_of(path) if s.startswith("+++")) == {
        "+++ exited with 3 +++": 150, "+++ exited with 0 +++": 1}  # fmt: skip
    outcome = shim("trace", "-e", "write", "-o", path, traced / "signals", "chain", "25")
    assert outcome.status == "exit 9" and outcome.out == b"link\n" * 25
    assert lines_of(path) == [r'write(1, "link\n", 5)                   = 5'] * 25 + ["+++ exited with 9 +++"]


def test_what_outlives_the_program(harness: Harness, shim: Shim) -> None:
    path = harness.temp_name("trace")
    outcome = shim("trace", "-f", "-e", "write", "-o", path, "sh", "-c", "(sleep 0.2; echo late >/dev/null) & exit 4")
    assert outcome.status == "exit 4" and 'write(1, "late\\n", 5)' in path.read_text()


# The trace cannot be written.


def test_output_file(harness: Harness, shim: Shim, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    for _ in range(2):
        assert shim("trace", "-o", path, "true", prefix=["sh", "-c", 'umask 0; exec "$@"', "sh"]).ok
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_text().endswith("exited with 0 +++\n")
        path.chmod(0o666)
        path.write_text("x" * 100_000)
    one_line(shim("trace", "-o", tmp_path / "no" / "where", "true"), "exit 2", "No such file")
    outcome = shim("trace", "-o", f"|cat >{tmp_path}/piped", "true")
    assert outcome.ok and (tmp_path / "piped").read_text().endswith("exited with 0 +++\n")


def test_output_fails(harness: Harness, shim: Shim, shim_path: Path, traced: Path, tmp_path: Path) -> None:
    """ENOSPC, EPIPE, a closed stderr: the program does all that it does, and its
    status is its own."""
    argv = [str(traced / "progress"), str(tmp_path / "done"), "exit", "1", "3000"]
    line = one_line(shim("trace", "-o", "/dev/full", *argv), "exit 4", "No space left")
    assert "/dev/full" in line and told(tmp_path / "done")[0] == 3000
    outcome = shim("trace", "-o", "|exec true", *argv)
    one_line(outcome, "exit 4", "Broken pipe")
    assert shim("trace", *argv, prefix=["sh", "-c", 'exec "$@" 2>&-', "sh"]).status == "exit 4"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([shim_path, "trace", *argv], stderr=write, timeout=30)
    os.close(write)
    assert done.returncode == 4


def test_reader_that_waits(harness: Harness, shim_path: Path, traced: Path, tmp_path: Path) -> None:
    """Nobody reads the trace for some time: the program waits, and nothing is lost."""
    command = [str(shim_path), "trace", "-f", "-e", "write", "-o", "|sleep 2.5; cat", str(traced / "progress"),
               str(tmp_path / "done"), "exit", "1", "60000"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 4 and not done.stderr, done.stderr[-500:]
    assert done.stdout.count(b"write(") == 60000


def test_reader_is_killed(harness: Harness, shim_path: Path, traced: Path, tmp_path: Path) -> None:
    done, trace = tmp_path / "done", tmp_path / "trace"
    argv = [str(shim_path), "trace", "-f", "-e", "write", "-o", str(trace),
            str(traced / "progress"), str(done), "exit", "1", "150000"]  # fmt: skip
    with harness.start(Side.NATIVE, argv, cwd=tmp_path) as process:
        wait_until(lambda: done.exists() and done.stat().st_size and told(done)[0] > 0, "it works")
        child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        process.kill()
        process.wait(timeout=20)
        wait_until(lambda: told(done)[0] == 150000, "it goes on without a reader", 60)
        wait_until(lambda: not Path(f"/proc/{child}").exists(), "it ends", 60)


def test_secrets(harness: Harness, shim: Shim, tmp_path: Path) -> None:
    save(tmp_path / "file", "hush" * 1000)
    for options in ([], ["--json"], ["-y"]):
        path = harness.temp_name("trace")
        assert shim("trace", "-s", "0", *options, "-o", path, "cp", tmp_path / "file", tmp_path / "copy").ok
        assert b"hush" not in path.read_bytes() and b'""...' in path.read_bytes().replace(b"\\", b"")
    path = harness.temp_name("trace")
    assert shim("trace", "-s", "7", "-o", path, "cat", tmp_path / "file").ok
    assert '"hushhus"...' in path.read_text() and "hushhush" not in path.read_text()


# Other formats.


def test_table(harness: Harness, shim: Shim, traced: Path) -> None:
    """strace's, for the same program: the calls and the errors are the same."""

    def rows(text: str) -> dict[str, tuple[str, str]]:
        found = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(\d*) +(\w+)$", text, re.MULTILINE)
        return {name: (calls, errors) for calls, errors, name in found}

    outcome = shim("trace", "-c", traced / "calls", cwd=harness.fresh_dir())
    native = harness.run(Side.NATIVE, ["strace", "-c", "-w", "-e", "trace=" + ",".join(CALLS), str(traced / "calls")])
    lines = [[s for s in out.err.decode().splitlines() if s[0] in "%-"] for out in (outcome, native)]
    assert outcome.status == "exit 7" and lines[0] == lines[1] and len(lines[0]) == 3
    assert "wall-clock" in outcome.err.decode().splitlines()[0]
    ours, theirs = rows(outcome.err.decode()), rows(native.err.decode())
    assert ours.keys() == theirs.keys() and "total" in ours
    for name in set(ours) - {"openat", "read", "close", "pread64", "total", "write"}:
        assert ours[name] == theirs[name], name


def test_table_options(harness: Harness, shim: Shim, traced: Path) -> None:
    names = "name,calls,errors,time-percent,total-time,min-time,max-time,avg-time"
    outcome = shim("trace", "-c", "-S", "name", "-U", names, traced / "calls", cwd=harness.fresh_dir())
    head, rule, *body = outcome.err.decode().splitlines()[1:]
    assert head == "syscall              calls    errors % time     seconds shortest  longest  usecs/call"
    assert rule == "---------------- --------- --------- ------ ----------- -------- -------- -----------"
    shown = [line.split()[0] for line in body[:-2]]
    assert shown == sorted(CALLS) and body[-1].startswith("total ")
    counts = [int(s.split()[1]) for s in shim("trace", "-c", "-S", "calls", "-U", "name,calls", traced / "calls",
                                             cwd=harness.fresh_dir()).err.decode().splitlines()[3:-2]]  # fmt: skip
    assert counts == sorted(counts, reverse=True)
    both = shim("trace", "-C", "-e", "dup", traced / "calls", cwd=harness.fresh_dir()).err.decode()
    assert "dup(3) " in both and "% time" in both


def objects(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@MODES
def test_json(harness: Harness, shim: Shim, traced: Path, tmp_path: Path, mode: str) -> None:
    """The keys, and what they say, against the text of the same program."""
    text, path = harness.temp_name("trace"), harness.temp_name("trace")
    calls = str(traced / "calls")
    shim("trace", f"--mode={mode}", "-o", text, calls, cwd=harness.fresh_dir())
    begin = time.time()
    outcome = shim("trace", f"--mode={mode}", "--json", "-o", path, calls, cwd=harness.fresh_dir())
    end = time.time()
    assert outcome.status == "exit 7", outcome.text()
    first, *made, last = objects(path)
    assert (first["type"], first["argv"]) == ("start", [calls])
    assert (last["type"], last["status"], last["pid"]) == ("exit", 7, first["pid"])
    assert {o["type"] for o in made} == {"call"}
    rebuilt = []
    for o in made:
        keys = ["type", "seq", "pid", "tid", "time", "call", "args", "fd", "path", "result", "error",
                "duration", "route", "reason", "ring", "wait", "waits", "cancels", "abandoned"]  # fmt: skip
        assert [k for k in o if k not in ("fd", "path", "error", "reason")] == [
            k for k in keys if k not in ("fd", "path", "error", "reason")]  # fmt: skip
        assert begin - 0.01 <= o["time"] <= end + 0.01 and 0 <= o["ring"] <= o["duration"] < 10
        assert (o["route"] == "native") == ("reason" in o) and ("error" in o) == (o["result"] == -1 or o["call"] == "x")
        result = f"-1 {o['error']}" if "error" in o else str(o["result"])
        rebuilt.append(f"{o['call']}({', '.join(o['args'])}) = {result}")
    expected = [re.sub(r" \([^()]*(\([^()]*\))?[^()]*\)$", "", alike(s)) for s in lines_of(text)[:-1]]
    ours = [alike(s) for s in rebuilt]
    different = [(a, b) for a, b in zip(expected, ours) if a != b and "fcntl" not in a]
    assert len(expected) == len(ours) and not different, different[:3]
    assert [o["seq"] for o in made] == sorted(o["seq"] for o in made)
    if mode == "off":
        assert {o.get("reason") for o in made} == {"off", "bookkeeping"}
    else:
        assert any(o["route"] == "ring" for o in made)


def test_json_processes_and_paths(harness: Harness, shim: Shim, tmp_path: Path) -> None:
    save(tmp_path / "file", "x\n")
    script = 'exec 5<file; read x <&5; (exec 5<&-; exit 2); sh -c "sleep 0.1; kill -9 \\$\\$"; exec 6<&5; read x <&6; exit 0'
    path = harness.temp_name("trace")
    outcome = shim("trace", "-f", "--json", "-o", path, "bash", "-c", script, cwd=tmp_path)
    assert outcome.ok, outcome.text()
    all = objects(path)
    kinds = collections.Counter(o["type"] for o in all)
    assert kinds["start"] == 3 and kinds["fork"] >= 2 and kinds["exit"] == 4 and "lost" not in kinds
    root = all[0]["pid"]
    assert [o["parent"] for o in all if o["type"] == "fork"] [0:2] == [root, root]
    assert {o.get("status", o.get("signal")) for o in all if o["type"] == "exit"} == {0, 2, "SIGKILL"}
    reads = [o for o in all if o["type"] == "call" and o["call"] == "read" and o.get("path") == "file"]
    assert len(reads) >= 2 and {o["args"][1] for o in reads} >= {'"x\\n"', '""'}


def test_json_names(harness: Harness, shim: Shim, tmp_path: Path) -> None:
    """Whatever bytes a name has, the line is JSON."""
    names = [b"plain", b'q"uo\\te', b"new\nline", "\u00fcml\u00e4ut".encode(), b"\xff\xfe", b"\xed\xa0\x80", b"\x01\x7f"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_text("x")
    path = harness.temp_name("trace")
    assert shim("trace", "--json", "-o", path, "cat", *map(os.fsdecode, names), cwd=tmp_path).ok
    opened = [o["path"] for o in objects(path) if o["type"] == "call" and o["call"] == "openat"]
    assert opened[-7:] == ["plain", 'q"uo\\te', "new\nline", "\u00fcml\u00e4ut", "\\377\\376", "\\355\\240\\200", "\x01\x7f"]


def test_read(harness: Harness, shim: Shim, traced: Path, tmp_path: Path) -> None:
    """A recording without a reader, shown afterwards, in every format."""
    recording = tmp_path / "recording"
    env = {"SHIM_TRACE": str(recording), "SHIM_MODE": "off"}
    outcome = harness.run(Side.SHIM, [str(traced / "calls")], env=env)
    assert outcome.status == "exit 7" and stat.S_IMODE(recording.stat().st_mode) == 0o600
    live = harness.temp_name("trace")
    shim("trace", "--mode=off", "-o", live, traced / "calls", cwd=harness.fresh_dir())
    shown = shim("trace", f"--read={recording}")
    assert shown.ok, shown.text()
    expected, ours = (alike(s).splitlines() for s in (live.read_text(), shown.err.decode()))
    assert ours == expected
    assert shim("trace", "--json", "--read", recording).err.count(b'"type":"call"') == len(expected) - 1
    assert b"% time" in shim("trace", "-c", "--read", recording).err
    for name, content in {"empty": b"", "text": b"hello" * 10000, "short": recording.read_bytes()[:9000]}.items():
        one_line(shim("trace", "--read", save(tmp_path / name, content.decode("latin1"))), "exit 2", "no recording")
    one_line(shim("trace", "--read", tmp_path / "nope"), "exit 2", "No such file")
    one_line(shim("trace", "--read", tmp_path), "exit 2", "no recording")


def test_read_what_is_broken(harness: Harness, shim: Shim, traced: Path, tmp_path: Path) -> None:
    """Random bytes in a recording: no crash, no hang, nothing that is no text."""
    recording = tmp_path / "recording"
    harness.run(Side.SHIM, [str(traced / "calls")], env={"SHIM_TRACE": str(recording)})
    good = recording.read_bytes()
    dice = random.Random(7)
    for turn in range(25):
        bad = bytearray(good[: 8192 + 4096 * 40])
        for _ in range(1 + turn * 20):
            bad[dice.randrange(8192, len(bad))] = dice.choice((0, 1, 8, 0x20, 0x80, 0xFF, dice.randrange(256)))
        path = tmp_path / "broken"
        path.write_bytes(bytes(bad) + good[len(bad):])
        for options in ([], ["--json"], ["-c"]):
            outcome = shim("trace", *options, "--read", path, timeout=20)
            assert outcome.ok, (turn, outcome.status)
            assert re.fullmatch(rb"[\n\t -~\x80-\xff]*", outcome.err)


# What a real program can only leave by chance: tests/trace/writer.c.


def scene(shim: Shim, traced: Path, name: str) -> Outcome:
    return shim("trace", "-q", "-f", "-s", "100", traced / "writer", name, timeout=20)


SCENES = {
    "skip": ["before", "after"],
    "gap": ["before", "after"],
    "order": ["first", "second"],
    "lost": ["shown"],
    "torn": ["complete", "begun"],
    "hostile": ["before", "far away", "between", "after"],
}


@pytest.mark.parametrize("name", SCENES)
def test_scenes(shim: Shim, traced: Path, name: str) -> None:
    outcome = scene(shim, traced, name)
    text = outcome.err.decode()
    assert outcome.status == ("killed by SIGKILL" if name == "torn" else "exit 0"), outcome.text()
    assert re.findall(r'"([^"]*)"', text) == SCENES[name], text
    if name == "lost":
        assert text.splitlines()[-1] == "shim: 7 records were lost: not every call is in the trace"
    if name == "order":
        assert re.search(r'"first", 5 <unfinished \.\.\.>\n.*"second", 6\) += 6\n.*<\.\.\. write resumed>\) += 5\n', text)
    if name == "torn":
        assert 'write(1, "begun", 5)                    = ?\n+++ killed by SIGKILL +++' in text


def test_a_handler_in_the_middle_of_a_record(shim: Shim, traced: Path) -> None:
    text = scene(shim, traced, "held").err.decode()
    assert sorted(re.findall(r'"(\w+)", 5\) += 5', text)) == ["inner", "outer"]


def test_around_the_ring(shim: Shim, traced: Path) -> None:
    text = scene(shim, traced, "wrap").err.decode()
    numbers = [int(n) for n in re.findall(r'^write\(1, "(\d+)[a-z]*", \d+\) +=', text, re.MULTILINE)]
    assert numbers == list(range(60000))


def test_lanes_are_used_again(shim: Shim, traced: Path) -> None:
    outcome = scene(shim, traced, "lanes")
    assert outcome.ok, outcome.text()[-300:]
    found = {int(n) for n in re.findall(r'"thread (\d+)"', outcome.err.decode())}
    assert found == set(range(3000))


# Who is not what a number says, and who is left alone.


def test_another_pid_namespace(harness: Harness, shim: Shim, tmp_path: Path) -> None:
    """There a process is number 1, which nobody waits for in vain."""
    need("unshare")
    save(tmp_path / "file", "text")
    path = harness.temp_name("trace")
    how = "-fp" if os.geteuid() == 0 else "-Urfp"
    outcome = shim("trace", "-f", "-o", path, "unshare", how, "cat", "file", cwd=tmp_path)
    assert outcome.ok and outcome.out == b"text", outcome.text()
    assert lines_of(path)[-1] == "+++ exited with 0 +++"


def test_signals_when_the_program_has_gone(harness: Harness, shim_path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    argv = [str(shim_path), "trace", "-f", "-o", str(trace), "sh", "-c", "sleep 60 & exit 0"]
    with harness.start(Side.NATIVE, argv, cwd=tmp_path) as process:
        wait_until(lambda: trace.exists() and "+++ exited with 0 +++" in trace.read_text(), "the program ends")
        time.sleep(0.1)
        process.terminate()
        assert process.wait(timeout=20) == -signal.SIGTERM
