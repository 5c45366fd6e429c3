# SPDX-License-Identifier: MIT
"""shim compare: two runs that do the same are the same, whatever chance has added;
one thing that is different is found; and nothing in a trace can hurt."""

from __future__ import annotations

import json
import random
import re
import subprocess
import time
from pathlib import Path

import pytest
from clitest import Shim, one_line, shim, shim_path
from shimtest import Harness, Outcome, Side, need

__all__ = ["shim", "shim_path"]
pytestmark = pytest.mark.variants("ring")


def trace(harness: Harness, argv: list[str], *options: str, cwd: Path) -> Path:
    """What strace writes of a run, in a file of its own."""
    need("strace")
    path = harness.temp_name("trace")
    outcome = harness.run(Side.NATIVE, ["strace", "-f", "-o", str(path), *options, *argv], cwd=cwd)
    assert path.exists(), outcome.text()
    return path



def write(tmp_path: Path, name: str, *lines: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(b"".join((s.encode() if isinstance(s, str) else s) + b"\n" for s in lines))
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Something to read, always the same."""
    for number in range(20):
        (tmp_path / f"file{number}").write_text(f"line {number}\nhello\n" * 200)
    return tmp_path


PROGRAMS = {
    "cat": "cat file1 file2 nothing",
    "sort": "sort -r file1 file2",
    "tar": "tar c file1 file2 file3 >x.tar",
    "grep": "grep -r hello file1 file2 file3",
    "pipes": "cat file1 | sed 1q; for i in 1 2; do echo $i; done | (read x; read y; echo $x $y)",
    "md5sum": "md5sum file1 file2 file3",
    "find": "find . -name 'file1*'",
    "sed": "sed -i s/hello/bye/ file4; sed -i s/bye/hello/ file4",
    "gzip": "gzip -kf file5",
    "cp": "cp file6 copy; rm copy",
    "mktemp": 'f=$(mktemp); echo hello >$f; cat $f; rm $f; d=$(mktemp -d ./dXXXXXX); rmdir "$d"',
    "pid": "echo x >/tmp/compare.$$; cat /tmp/compare.$$; rm /tmp/compare.$$",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_runs_that_are_the_same(harness: Harness, shim: Shim, place: Path, name: str) -> None:
    argv = ["sh", "-c", PROGRAMS[name]]
    harness.run(Side.NATIVE, argv, cwd=place)
    one, two = (trace(harness, argv, cwd=place) for _ in range(2))
    outcome = shim("compare", one, two)
    assert outcome.ok and outcome.out.startswith(b"same: ") and not outcome.err, outcome.text()
    assert not re.search(r"  no$", outcome.out.decode(), re.MULTILINE)


SEEDED = ["sh", "-c", 'cat file1; if [ -e switch ]; then cat file2; else cat file3; fi; echo end']


def test_a_difference(harness: Harness, shim: Shim, place: Path) -> None:
    one = trace(harness, SEEDED, cwd=place)
    (place / "switch").touch()
    two = trace(harness, SEEDED, cwd=place)
    outcome = shim("compare", one, two)
    text = outcome.out.decode()
    assert outcome.status == "exit 1" and text.startswith("different: "), outcome.text()
    minus = [s for s in text.splitlines() if s.startswith("-open")]
    plus = [s for s in text.splitlines() if s.startswith("+open")]
    assert "file3" in minus[0] and "file2" in plus[0], text
    assert text.count("\n@@ ") == 1 and "(cat, pid " in text
    facts = json.loads(shim("compare", "--json", one, two).out)
    assert facts["same"] is False and len(facts["differing"]) == 1
    assert "file3" in "".join(s["text"] for s in facts["differing"][0]["first"])
    assert facts["calls"]["openat"]["same"] is False
    quiet = shim("compare", "-q", one, two)
    assert (quiet.status, quiet.out, quiet.err) == ("exit 1", b"", b"")


@pytest.mark.parametrize("options", ["-t", "-tt", "-ttt", "-r", "-T", "-y", "-yy", "-tt -T -y -r", "-i"])
def test_formats(harness: Harness, shim: Shim, place: Path, options: str) -> None:
    argv = ["sh", "-c", PROGRAMS["pipes"]]
    plain = trace(harness, argv, cwd=place)
    other = trace(harness, argv, *options.split(), cwd=place)
    for pair in ((plain, other), (other, plain), (other, other)):
        outcome = shim("compare", *pair)
        assert outcome.ok and not outcome.err, outcome.text()


def test_trace_on_stderr(harness: Harness, shim: Shim, place: Path) -> None:
    """There, the first process has no pid until there is a second one."""
    argv = ["sh", "-c", "cat file1 | cat >/dev/null; :"]
    plain = trace(harness, argv, cwd=place)
    outcome = harness.run(Side.NATIVE, ["strace", "-f", *argv], cwd=place)
    other = place / "stderr"
    other.write_bytes(outcome.err)
    assert b"[pid " in outcome.err
    compared = shim("compare", plain, other)
    assert compared.ok, compared.text()


THREADS = """
import os, threading
def work(n):
    fd = os.open(f"file{n}", os.O_RDONLY)
    for _ in range(20):
        os.pread(fd, 100, n)
    os.close(fd)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
"""


def test_threads(harness: Harness, shim: Shim, place: Path) -> None:
    argv = ["/usr/bin/python3", "-S", "-E", "-B", "-c", THREADS]
    one, two = (trace(harness, argv, cwd=place) for _ in range(2))
    outcome = shim("compare", "-e", "pread64,end", one, two)
    assert outcome.ok and re.search(r"same: 5 threads; (\d+) and \1 ", outcome.out.decode()), outcome.text()


def check(shim: Shim, tmp_path: Path, one: list[str], two: list[str], *options: str) -> Outcome:
    return shim("compare", *options, write(tmp_path, "a", *one), write(tmp_path, "b", *two))


def test_unfinished_and_resumed(shim: Shim, tmp_path: Path) -> None:
    plain = ['10 clone(flags=SIGCHLD) = 11', '10 read(3, "a", 5) = 1', '11 write(1, "b", 1) = 1']
    mixed = ['70 clone(flags=SIGCHLD <unfinished ...>', '71 write(1, "b", 1 <unfinished ...>',
             '70 <... clone resumed>) = 71', '70 read(3,  <unfinished ...>',
             '71 <... write resumed>) = 1 <0.000012>', '70 <... read resumed>"a", 5) = 1']  # fmt: skip
    assert check(shim, tmp_path, plain, mixed).ok
    mixed[-1] = mixed[-1].replace('"a"', '"A"')
    outcome = check(shim, tmp_path, plain, mixed)
    assert outcome.status == "exit 1" and b'+read(3, "A", 5) = 1' in outcome.out, outcome.text()
    never = check(shim, tmp_path, plain, [*mixed[:-1], "70 +++ killed by SIGKILL +++"])
    assert never.status == "exit 1" and b"+read(3,) = ?" in never.out, never.text()


def test_descriptors_are_what_they_were_opened_as(shim: Shim, tmp_path: Path) -> None:
    def run(first: int, second: int) -> list[str]:
        return [f'openat(AT_FDCWD, "/x", O_RDONLY) = {first}', f"pipe2([{second}, 99], 0) = 0",
                f'read({first}, "a", 1) = 1', f'write({second}, "b", 1) = 1', f"close({first}) = 0"]  # fmt: skip

    assert check(shim, tmp_path, run(3, 4), run(7, 8)).ok
    assert check(shim, tmp_path, run(3, 4), run(7, 8), "--strict").status == "exit 1"
    swapped = run(3, 4)
    swapped[2] = swapped[2].replace("read(3", "read(4")
    outcome = check(shim, tmp_path, run(3, 4), swapped)
    assert outcome.status == "exit 1", outcome.text()
    assert b'-read(fd</x>, "a", 1)' in outcome.out and b'+read(fd<pipe:r>, "a", 1)' in outcome.out


def test_selection(shim: Shim, tmp_path: Path) -> None:
    one, two = (['read(0, "", 1) = 0', f"lseek(0, {n}, SEEK_SET) = {n}"] for n in (5, 6))
    assert check(shim, tmp_path, one, two).ok
    assert check(shim, tmp_path, one, two, "-e", "trace=read,write").ok
    for calls in ("lseek", "all", "read,lseek"):
        assert check(shim, tmp_path, one, two, "-e", calls).status == "exit 1"


def test_expected(shim: Shim, tmp_path: Path) -> None:
    one = ['open("/a", O_RDONLY) = 3', 'read(3, "x", 1) = 1']
    two = ['open("/extra\\33", O_RDONLY) = -1 ENOENT (No)', *one]
    rules = write(tmp_path, "rules", "# why", "", "open *extra* it looks \x1b[31m first", "* nothing* never")
    outcome = check(shim, tmp_path, one, two, "--expected", str(rules))
    assert outcome.ok and b"1 expected difference\n" in outcome.out, outcome.text()
    assert b"it looks \\033[31m first" in outcome.out and b"\x1b" not in outcome.out
    facts = json.loads(check(shim, tmp_path, one, two, "--json", f"--expected={rules}").out)
    assert [rule["count"] for rule in facts["expected"]] == [1, 0] and facts["same"] is True
    two[-1] = two[-1].replace("x", "y")
    assert check(shim, tmp_path, one, two, "--expected", str(rules)).status == "exit 1"
    bad = write(tmp_path, "bad", "open *", "")
    one_line(check(shim, tmp_path, one, two, f"--expected={bad}"), "exit 2", "line 1", "reason")
    one_line(check(shim, tmp_path, one, two, "--expected=/nonexistent"), "exit 2", "/nonexistent")


def test_output(shim: Shim, shim_path: Path, tmp_path: Path) -> None:
    one = write(tmp_path, "a", "close(3) = 0")
    shown = shim("compare", one, one)
    outcome = shim("compare", "-o", tmp_path / "report", one, one)
    assert outcome.ok and not outcome.out and (tmp_path / "report").read_bytes() == shown.out
    one_line(shim("compare", "-o", tmp_path / "no" / "report", one, one), "exit 2", "No such file")
    for options in ([], ["--json"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([shim_path, "compare", *options, one, one], stdout=full, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (2, b"shim: standard output: No space left on device\n")
    one_line(shim("compare", "-o", "/dev/full", one, one), "exit 2", "/dev/full: No space left")
    done = subprocess.run([shim_path, "compare", "-", one], stdin=one.open(), capture_output=True)
    assert done.returncode == 0, done


BAD_USAGE = [[], ["a"], ["a", "b", "c"], ["--"], ["--mode=ring", "a", "b"], ["--mode=nope", "--", "true"], ["--nope", "a", "b"], ["-e", "", "a", "b"],
             ["-e", "a b", "a", "b"], ["-e", "read,", "a", "b"], ["-o"], ["-", "-"]]  # fmt: skip


@pytest.mark.parametrize("args", BAD_USAGE, ids=" ".join)
def test_wrong_usage(shim: Shim, args: list[str]) -> None:
    one_line(shim("compare", *args), "exit 2", "; see shim help compare")


def test_no_trace(shim: Shim, tmp_path: Path) -> None:
    good = write(tmp_path, "good", "close(3) = 0")
    for name, content in (("empty", b""), ("text", b"hello\nworld\n"), ("binary", bytes(range(256)) * 100),
                          ("zeros", b"\0" * 100000), ("open", b"read(" * 1000), ("esc\x1b[1m", b"(\n")):  # fmt: skip
        path = tmp_path / name
        path.write_bytes(content)
        for pair in ((path, good), (good, path)):
            line = one_line(shim("compare", *pair), "exit 2", "no trace")
            assert "\x1b" not in line
    one_line(shim("compare", good, tmp_path), "exit 2", "Is a directory")
    one_line(shim("compare", good, tmp_path / "nope"), "exit 2", "No such file")


def test_what_is_not_understood_is_said(shim: Shim, tmp_path: Path) -> None:
    good = write(tmp_path, "good", "close(3) = 0")
    odd = write(tmp_path, "odd", "close(3) = 0", "what?", "read(3, ")
    one_line(shim("compare", good, odd), "exit 0", "2 lines not understood, the first is line 2")


def test_everything_is_escaped(shim: Shim, tmp_path: Path) -> None:
    evil = b"\x1b]0;x\x07\x9b31m\xc2\x85\r\x7f\0"
    for options in ([], ["--json"]):
        one = write(tmp_path, "a", b'open("/' + evil + b'", O_RDONLY) = 3', b"10 +++ " + evil + b" +++")
        two = write(tmp_path, "b", b'open("/b", O_RDONLY) = 3', b'execve("' + evil + b'", []) = 0')
        outcome = shim("compare", *options, one, two)
        assert outcome.status == "exit 1" and b"\\033]0;x\\007" in outcome.out.replace(b"\\\\", b"\\")
        assert re.fullmatch(rb"[\n\t -~]*", outcome.out), outcome.text()


def hostile() -> dict[str, bytes]:
    many = 200_000
    return {
        "long": b'read(3, "' + b"A" * 10_000_000 + b'", 5) = 5\n',
        "notes": b"read(" + b"1<" * 3_000_000 + b") = 1\n",
        "open notes": b"read(" + b"1<>," * 2_000_000 + b") = 1\n",
        "quotes": b"read(" + b'"a",' * 2_000_000 + b") = 1\n",
        "brackets": b"read(" + b"(" * 5_000_000 + b") = 1\n",
        "ends": b"read(" + b") " * 5_000_000 + b"\n",
        "spaces": b"read(" + b")          " * 1_000_000 + b"\n",
        "lines": b'read(3, "x", 1) = 1\n' * 1_000_000,
        "different": b"".join(b'write(%d, "x", 1) = 1\n' % n for n in range(300_000)),
        "threads": b"".join(b'%d write(1, "x", 1) = 1\n' % n for n in range(1, many)),
        "forks": b"".join(b"%d clone(x) = %d\n" % (n, n + 1) for n in range(1, many)),
        "forks and files": b"".join(
            b'%d clone(x) = %d\n%d open("f%d", 0) = %d\n' % (n, n + 1, n + 1, n, n) for n in range(1, many // 2)
        ),
        "ends of nobody": b"+++ exited with 0 +++\nread(1) = 1\n" * many,
        "ranges": b'open("x", 0) = 1048575\nclose_range(0, 4294967295, 0) = 0\n' * many,
        "names": b"".join(b"call%d() = 0\n" % n for n in range(many)),
        "entered": b'1 read(1, "x <unfinished ...>\n' * many,
        "resumed": b"1 <... read resumed>) = 1\n" * many,
        "runs": b'openat(AT_FDCWD, "' + b"/tmp/abcdef" * 500_000 + b'", O_CREAT|O_EXCL, 0600) = 3\n',
    }  # fmt: skip


def test_hostile_traces_take_no_time(shim: Shim, tmp_path: Path) -> None:
    other = write(tmp_path, "other", 'read(3, "y", 1) = 1', "close(3) = 0")
    for name, content in hostile().items():
        path = tmp_path / "hostile"
        path.write_bytes(content)
        shuffled = tmp_path / "shuffled"
        shuffled.write_bytes(b"".join(reversed(content.splitlines(keepends=True))))
        for pair in ((path, other), (path, shuffled)):
            begin = time.monotonic()
            outcome = shim("compare", "-e", "all", *pair)
            seconds = time.monotonic() - begin
            assert outcome.status in ("exit 0", "exit 1", "exit 2"), (name, outcome.text()[:2000])
            assert seconds < 20, (name, seconds)


def mutate(rng: random.Random, lines: list[bytes]) -> bytes:
    lines = list(lines)
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(lines))
        line = bytearray(lines[at])
        how = rng.randrange(8)
        if how == 0:
            line[rng.randrange(len(line))] = rng.choice(b'()[]{}<>"\\,= \0\x1b\xff0129x-')
        elif how == 1:
            del line[rng.randrange(len(line)) : rng.randrange(len(line)) + 1]
        elif how == 2:
            line[rng.randrange(len(line)) : 0] = rng.randbytes(rng.randint(1, 30))
        elif how == 3:
            line += lines[rng.randrange(len(lines))]
        elif how == 4:
            line[:] = re.sub(rb"\d+", lambda m: b"%d" % rng.choice((0, 1, 2**31, 2**64, 10**30)), bytes(line), count=2)
        elif how == 5:
            other = rng.randrange(len(lines))
            lines[other], line[:] = bytes(line), lines[other]
        elif how == 6:
            line[:] = rng.choice((b"1 +++ exited with 0 +++\n", b"5 fork() = 1\n", b"close_range(0, 9, 0) = 0\n",
                                  b"7 dup2(1, 1048576) = 1048576\n", b"pipe([]) = 0\n", b'open("", ) = 3\n'))  # fmt: skip
        else:
            line *= rng.randint(2, 5)
        lines[at] = bytes(line) or b"\n"
    data = b"".join(lines)
    return data[: rng.randrange(len(data))] if rng.random() < 0.2 else data


def test_mutations(harness: Harness, shim_path: Path, place: Path) -> None:
    real = trace(harness, ["sh", "-c", PROGRAMS["pipes"] + "; " + PROGRAMS["mktemp"]], "-yy", "-T", cwd=place)
    lines = real.read_bytes().splitlines(keepends=True)[:400]
    base, other = place / "base", place / "mutant"
    base.write_bytes(b"".join(lines))
    for seed in range(300):
        other.write_bytes(mutate(random.Random(seed), lines))
        pair = [base, other] if seed % 2 else [other, base]
        for options in ([], ["-e", "all", "--json", "--strict"]):
            done = subprocess.run([shim_path, "compare", *options, *pair], capture_output=True, timeout=20)
            assert done.returncode in (0, 1, 2), (seed, done.stderr[-3000:])
            assert re.fullmatch(rb"[\n\t -~]*", done.stdout), (seed, done.stdout)
            assert done.returncode != 2 or done.stderr.count(b"\n") == 1, (seed, done.stderr[-3000:])
