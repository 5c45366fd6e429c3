# SPDX-License-Identifier: MIT
"""libc's own functions led to the library: SHIM_PATCH.

With `auto` the calls that libc makes inside itself are seen as well; where that
is refused, or with `off`, only those that programs make by name. Neither may
show in what a program does, so everything here that is not about the counters is
a comparison with the native run again: with debuggers and tracers, which look at
the very bytes that are changed, among other libraries, loaded late, loaded twice.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from shimtest import Harness, Outcome, Side, Stats, need, unified

pytestmark = pytest.mark.variants("ring")

OPENS = ("open", "openat", "creat")
GROUPS = {"open": OPENS, **{call: (call,) for call in ("read", "write", "close", "connect")}}
PATCH = ["auto", "off"]

# Programs, and which of their calls are made inside libc.
INSIDE = {
    "sed": (["sed", "-n", "s/define/&/p", "/usr/include/linux/if.h"], ("open", "read", "close")),
    "md5sum": (["md5sum", "/usr/include/linux/if.h"], ("open", "read", "close")),
    "ls": (["ls", "-l", "/usr/include/linux"], ("open", "close")),
    "sort": (["sort", "/usr/include/linux/if.h"], ("open", "read", "write", "close")),
    "date": (["date", "-d", "@0"], ("open", "close")),
}


@pytest.fixture
def inside(harness: Harness) -> str:
    program = harness.build / "programs" / "known_inside"
    assert program.exists(), f"{program} is missing: run `make programs`"
    return str(program)


def visible(outcome: Outcome) -> tuple[str, bytes, bytes]:
    return outcome.status, outcome.out, outcome.err


def group_counts(stats: Stats) -> dict[str, int]:
    return {name: stats.calls(*calls) for name, calls in GROUPS.items()}


def on_stderr(harness: Harness, argv: list[str], **env: str) -> tuple[Stats, str]:
    outcome = harness.run(Side.SHIM, argv, env={"SHIM_STATS": "1", **env})
    assert outcome.ok, outcome.text()
    report = outcome.err.decode()
    return Stats.parse(report), report


# What is counted


def calls_of_strace(log: str) -> dict[str, int]:
    """Between the marks: the process itself, and what its children do before
    exec, in its memory and in its name."""
    calls: Counter[str] = Counter()
    gone: set[str] = set()
    inside = False
    main = ""
    for line in log.splitlines():
        match = re.match(r"(\d+) +(\w+)\(", line)
        if not match:
            continue
        pid, name = match[1], match[2]
        main = main or pid
        if name == "getsid":
            inside = not inside
        elif name == "execve" and pid != main:
            gone.add(pid)
        elif inside and pid not in gone:
            calls["open" if name in OPENS else name] += 1
    assert not inside and sum(calls.values()) > 50, log
    return {name: calls[name] for name in GROUPS}


@pytest.fixture
def traced(harness: Harness, inside: str) -> dict[str, int]:
    need("strace")
    log = harness.temp_name("strace")
    trace = "trace=open,openat,creat,read,write,connect,close,getsid,execve"
    outcome = harness.run(Side.NATIVE, ["strace", "-f", "-o", str(log), "-e", trace, inside])
    assert outcome.ok, outcome.text()
    return calls_of_strace(log.read_text())


@pytest.mark.parametrize("ending", ["exit", "_exit"])
def test_inside_counts_are_those_of_strace(
    harness: Harness, inside: str, traced: dict[str, int], ending: str
) -> None:
    stats, outcome = harness.stats([inside, ending])
    assert outcome.status == ("exit 3" if ending == "_exit" else "exit 0"), outcome.text()
    assert group_counts(stats) == traced, stats.text()
    assert stats.patched >= 1, stats.text()
    off, _ = harness.stats([inside, ending], env={"SHIM_PATCH": "off"})
    assert off.unpatched >= 1 and not off.patched, off.text()
    for name, count in group_counts(off).items():
        assert count < traced[name], f"{name}: {count} without, {traced[name]}\n{off.text()}"


def test_inside_counts_in_mode_off(harness: Harness, inside: str, traced: dict[str, int]) -> None:
    stats, _ = harness.stats([inside], env={"SHIM_MODE": "off"})
    assert group_counts(stats) == traced, stats.text()
    assert stats.ring() == 0, stats.text()


@pytest.mark.parametrize("name", INSIDE)
def test_programs_are_seen_inside(harness: Harness, name: str) -> None:
    argv, calls = INSIDE[name]
    auto, one = harness.stats(argv, env={"SHIM_PATCH": "auto"})
    plain, two = harness.stats(argv)
    off, three = harness.stats(argv, env={"SHIM_PATCH": "off"})
    native = harness.run(Side.NATIVE, argv)
    assert visible(native) == visible(one) == visible(two) == visible(three)
    assert group_counts(plain) == group_counts(auto), "auto is not what happens by default"
    for call in calls:
        more, fewer = group_counts(auto)[call], group_counts(off)[call]
        assert more > 0 and more > fewer, f"{call}: {more} and {fewer}\n{auto.text()}"
    assert auto.ring() > off.ring(), auto.text()
    assert not auto.reasons().get("early"), auto.text()


def test_stdio_rides_the_ring(harness: Harness) -> None:
    stats, _ = harness.stats(["sh", "-c", "sort /usr/include/linux/if.h | sed s/a/b/ | md5sum"])
    assert stats.ring("read") >= 3 and stats.ring("open") >= 3, stats.text()
    assert stats.ring("write") >= 2, stats.text()


# The variable


@pytest.mark.parametrize(
    ("value", "state"), [("auto", "on"), ("", "on"), ("off", "off"), (None, "on")]
)
def test_header_tells(harness: Harness, inside: str, value: str | None, state: str) -> None:
    env = {} if value is None else {"SHIM_PATCH": value}
    stats, report = on_stderr(harness, [inside], **env)
    header = report.splitlines()[0]
    assert re.fullmatch(rf"# libshim \S+ pid \d+, patch {state}: call, route, count", header), report
    assert (stats.patched, stats.unpatched) == ((1, 0) if state == "on" else (0, 1)), report


@pytest.mark.parametrize("value", ["bogus", "on", "AUTO", "auto,off", " off", "0", "1"])
def test_unknown_value(harness: Harness, inside: str, value: str) -> None:
    native = harness.run(Side.NATIVE, [inside, "_exit"])
    outcome = harness.run(Side.SHIM, [inside, "_exit"], env={"SHIM_PATCH": value})
    assert (outcome.status, outcome.out) == (native.status, native.out), outcome.text()
    lines = outcome.err.decode().splitlines()
    assert len(lines) == 1, outcome.text()
    for part in (f"SHIM_PATCH={value}", "auto, off", "natively"):
        assert part in lines[0], outcome.text()
    stats, _ = harness.stats([inside], env={"SHIM_PATCH": value})
    assert stats.ring() == 0 and set(stats.reasons()) <= {"config"}, stats.text()
    assert not stats.patched, stats.text()


# Where it is refused, and what is left behind


@pytest.fixture
def mdwe(harness: Harness) -> list[str]:
    launcher = [str(harness.build / "deny_uring"), "--mdwe"]
    if subprocess.run([*launcher, "/bin/true"], capture_output=True).returncode == 124:
        pytest.skip("this kernel has no PR_SET_MDWE")
    return launcher


def test_refused_by_mdwe(harness: Harness, inside: str, mdwe: list[str]) -> None:
    stats, report = on_stderr(harness, [*mdwe, inside])
    assert stats.unpatched == 1 and not stats.patched, report
    assert stats.ring("read", "open", "openat") > 0, report
    known = str(harness.build / "programs" / "known_counts")
    threads = str(harness.build / "programs" / "threads_each_ring")
    for argv in ([inside, "_exit"], [known], [threads], ["ls", "/usr/include/linux"]):
        harness.compare([*mdwe, *argv])
    off, _ = harness.stats([inside], env={"SHIM_PATCH": "off"})
    refused, _ = harness.stats([*mdwe, inside])
    assert group_counts(refused) == group_counts(off), refused.text()


def test_not_in_a_sandbox(harness: Harness, inside: str) -> None:
    """There not one system call is made that the program has not made."""
    argv = [str(harness.build / "deny_uring"), "--seccomp", inside]
    harness.compare(argv)
    stats, _ = harness.stats(argv)
    assert stats.unpatched >= 1 and not stats.patched, stats.text()


def mappings(text: str) -> list[str]:
    """Rights and offsets of libc's mappings; nothing is writable and executable."""
    lines = text.splitlines()
    both = [line for line in lines if re.match(r"\S+ .wx", line)]
    assert not both, both
    libc = [line.split() for line in lines if re.search(r"/libc(\.so\.6|-[\d.]+\.so)$", line)]
    assert libc, text
    return [f"{fields[1]} {fields[2]} {size(fields[0])}" for fields in libc]


def size(extent: str) -> int:
    begin, end = (int(part, 16) for part in extent.split("-"))
    return end - begin


@pytest.mark.parametrize("patch", PATCH)
def test_text_is_as_it_was(harness: Harness, patch: str) -> None:
    argv = ["cat", "/proc/self/maps"]
    native = mappings(harness.run(Side.NATIVE, argv).out.decode())
    shim = mappings(harness.run(Side.SHIM, argv, env={"SHIM_PATCH": patch}).out.decode())
    assert native == shim, unified("\n".join(native), "\n".join(shim))
    assert any(line.startswith("r-xp ") for line in shim), shim


def test_nothing_shows_in_children(harness: Harness, inside: str) -> None:
    """A native child of a patched program, and the other way round."""
    for script in (
        f"unset LD_PRELOAD; {inside} && grep -c r-xp.*libc /proc/self/maps; md5sum <$0",
        f"LD_PRELOAD= sh -c 'exec md5sum <$1' - $0; {inside}; cat $0 | md5sum",
    ):
        harness.compare(["sh", "-c", script, "/usr/include/linux/if.h"], expect="exit 0")


# Debuggers and tracers

DEBUGGED = r"""
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
static int use(const char *path)
{
	char text[100];
	int fd = open(path, O_RDONLY), n = (int)read(fd, text, 10), p[2];
	FILE *f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f) || pipe(p)) return -1;
	fclose(f);
	n += (int)write(p[1], text, 5) + (int)read(p[0], text, 5);
	close(p[0]); close(p[1]);
	close(fd);
	return n;
}
int main(void)
{
	int sum = 0;
	for (int i = 0; i < 3; i++) sum += use("input");
	printf("sum %d\n", sum);
	return 0;
}
"""


@pytest.fixture(scope="module")
def debugged(harness: Harness) -> str:
    need("gcc")
    program = harness.scratch / "debugged"
    command = ["gcc", "-g", "-O0", "-x", "c", "-", "-o", str(program)]
    subprocess.run(command, input=DEBUGGED.encode(), check=True)
    return str(program)


def put_input(cwd: Path) -> None:
    (cwd / "input").write_text("the first line\nand the second\n")


def gdb(harness: Harness, program: str, steps: list[str], **env: str) -> str:
    need("gdb")
    cwd = harness.fresh_dir()
    put_input(cwd)
    argv = ["gdb", "-nx", "-q", "-batch", "-ex", "set debuginfod enabled off"]
    argv += ["-ex", "set startup-with-shell off"]
    # Only the program gets the library: gdb is not what is tested.
    for name, value in {"LD_PRELOAD": str(harness.lib), **env}.items():
        argv += ["-ex", f"set environment {name}={value}"]
    argv += [word for step in steps for word in ("-ex", step)] + [program]
    outcome = harness.run(Side.NATIVE, argv, cwd=cwd, timeout=60)
    text = (outcome.out + outcome.err).decode()
    assert "sum 60" in text and "exited normally" in text, text
    assert "SIGSEGV" not in text and "SIGILL" not in text and "SIGTRAP" not in text, text
    return text


@pytest.mark.parametrize("patch", PATCH)
@pytest.mark.parametrize("call", ["read", "write", "open", "close"])
def test_gdb_breakpoint(harness: Harness, debugged: str, call: str, patch: str) -> None:
    """Set after the start, as in a debugging session: hit, with main above it."""
    steps = ["start", f"break {call}", "continue", "bt", "continue", "delete", "continue"]
    text = gdb(harness, debugged, steps, SHIM_PATCH=patch)
    assert re.search(rf"^Breakpoint 2(\.\d+)?, .*{call}", text, re.MULTILINE), text
    assert re.search(r"^#\d+ .* in main ", text, re.MULTILINE), text
    assert re.search(r"^#\d+ .* in use ", text, re.MULTILINE), text


# The first two are reached by name, the others only from inside libc.
EARLY = ["read", "close", "*read", "openat", "*__libc_pread", "syscall", "_exit"]
EARLY += ["*__close_nocancel", "*__open_nocancel", "*__read_nocancel", "*__write_nocancel"]


@pytest.mark.parametrize("patch", PATCH)
@pytest.mark.parametrize("where", EARLY)
def test_gdb_breakpoint_before_the_patch(
    harness: Harness, debugged: str, where: str, patch: str
) -> None:
    """gdb has its own byte in libc's function by the time the library comes, and
    puts back what was there: neither may destroy the other's work."""
    steps = ["catch load libc", "run", f"break {where}", "tbreak main", *["continue"] * 4]
    gdb(harness, debugged, [*steps, "bt", "delete", "continue"], SHIM_PATCH=patch)


@pytest.mark.parametrize("patch", PATCH)
@pytest.mark.parametrize("offset", [1, 2, 3, 4])
def test_gdb_breakpoint_within_the_jump(
    harness: Harness, debugged: str, offset: int, patch: str
) -> None:
    """The same for a byte that is not the first of the function."""
    steps = ["catch load libc", "run", f"break *__close_nocancel+{offset}", "tbreak main"]
    gdb(harness, debugged, [*steps, "continue", "delete", "continue"], SHIM_PATCH=patch)


@pytest.mark.parametrize("patch", PATCH)
def test_gdb_steps_through(harness: Harness, debugged: str, patch: str) -> None:
    """By instructions, into and out of what was changed."""
    steps = ["start", "break use", "continue", "next", "next", "next", "finish"]
    steps += ["delete", "tbreak read", "continue", *["stepi"] * 40, "info registers rip", "finish"]
    steps += ["tbreak *read", "continue", *["nexti"] * 5, "continue"]
    gdb(harness, debugged, steps, SHIM_PATCH=patch)


@pytest.mark.parametrize("patch", PATCH)
def test_strace(harness: Harness, inside: str, debugged: str, patch: str) -> None:
    need("strace", "sort", "bash")
    env = {"SHIM_PATCH": patch}
    for argv in (
        [inside],
        [debugged],
        ["sh", "-c", "sort /usr/include/linux/if.h | head -n 5; echo $(ls /usr/include/linux | wc -l)"],
        ["bash", "-c", "while read -r x; do echo $x; done </usr/include/linux/if.h | md5sum"],
    ):
        traced = ["strace", "-f", "-o", "/dev/null", *argv]
        harness.compare(traced, setup=put_input, env=env, timeout=60, expect="exit 0")


@pytest.mark.parametrize("patch", PATCH)
@pytest.mark.parametrize("name", ["known_inside", "known_counts", "threads_each_ring", "debugged"])
def test_valgrind(harness: Harness, debugged: str, name: str, patch: str) -> None:
    need("valgrind")
    program = debugged if name == "debugged" else str(harness.build / "programs" / name)
    argv = ["valgrind", "-q", "--error-exitcode=9", program]
    harness.compare(argv, setup=put_input, env={"SHIM_PATCH": patch}, timeout=60, expect="exit 0")


# Among other libraries


@pytest.mark.parametrize("patch", PATCH)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", ["known_inside", "known_counts"])
def test_stacked_counts(harness: Harness, name: str, first: bool, patch: str) -> None:
    """A library that counts sees what it sees natively, and so do we."""
    program = str(harness.build / "programs" / name)
    tally = str(harness.build / "preload" / "tally.so")
    native = harness.run(Side.NATIVE, [program], env={"LD_PRELOAD": tally})
    assert native.ok and b"tally: " in native.err, native.text()
    both = [str(harness.lib), tally] if first else [tally, str(harness.lib)]
    env = {"LD_PRELOAD": ":".join(both), "SHIM_PATCH": patch}
    shim = harness.run(Side.SHIM, [program], env=env)
    assert visible(native) == visible(shim), unified(native.text(), shim.text())
    alone, _ = harness.stats([program], env={"SHIM_PATCH": patch})
    stacked, _ = harness.stats([program], env=env)
    assert group_counts(stacked) == group_counts(alone), stacked.text() + alone.text()


@pytest.mark.parametrize("patch", PATCH)
@pytest.mark.parametrize(
    "how", ["same-twice", "same-twice-by-link", "two-copies", "three-copies", "copy-alone"]
)
def test_loaded_twice(harness: Harness, inside: str, how: str, patch: str) -> None:
    where = harness.fresh_dir("copies")
    for name in ("one.so", "two.so"):
        shutil.copy(harness.lib, where / name)
    (where / "link.so").symlink_to(harness.lib)
    libs = {
        "same-twice": [harness.lib, harness.lib],
        "same-twice-by-link": [harness.lib, where / "link.so"],
        "two-copies": [harness.lib, where / "one.so"],
        "three-copies": [where / "two.so", harness.lib, where / "one.so"],
        "copy-alone": [where / "one.so"],
    }[how]
    env = {"LD_PRELOAD": ":".join(map(str, libs)), "SHIM_PATCH": patch}
    programs = ["known_counts", "libc_stdio", "libc_spawn", "threads_each_ring", "jump_read"]
    programs += ["cancel_blocked", "fork_io", "libc_exit"]
    for argv in ([inside], *([str(harness.build / "programs" / name)] for name in programs)):
        native = harness.run(Side.NATIVE, argv)
        shim = harness.run(Side.SHIM, argv, env=env)
        assert native.text() == shim.text(), unified(native.text(), shim.text(), argv[0])
    script = "sort /usr/include/linux/if.h | tail -n 3; ls /usr/include/linux | md5sum"
    native = harness.run(Side.NATIVE, ["bash", "-c", script])
    shim = harness.run(Side.SHIM, ["bash", "-c", script], env=env)
    assert native.text() == shim.text(), unified(native.text(), shim.text())


LATE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int p[2], held[2];
static void *waits(void *arg)
{
	char text[8] = "";
	read(held[0], text, 8);
	printf("held %s\n", text);
	return arg;
}
static void use(const char *when)
{
	char text[100] = "";
	FILE *f = fopen("input", "r");
	if (!f || !fgets(text, sizeof(text), f)) abort();
	fclose(f);
	write(p[1], when, strlen(when));
	text[read(p[0], text, 100)] = 0;
	int fd = open("input", O_RDONLY);
	char more[11] = "";
	read(fd, more, 10); close(fd);
	printf("%s %s %d\n", text, more, system("exit 3") >> 8);
	f = popen("echo through", "r");
	if (!fgets(text, sizeof(text), f)) abort();
	printf("%d %s", pclose(f), text);
	fflush(stdout);
	if (!fork()) { printf("child\n"); exit(0); }
	usleep(20000);
}
int main(int argc, char **argv)
{
	pthread_t t;
	if (pipe(p) || pipe(held)) return 1;
	use("before");
	if (argc > 2) pthread_create(&t, NULL, waits, NULL);
	void *lib = argc > 1 && *argv[1] ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
	if (argc > 1 && *argv[1] && !lib) printf("%s\n", dlerror());
	use("after");
	if (argc > 2) { write(held[1], "on", 2); pthread_join(t, NULL); }
	if (lib) dlclose(lib);
	use("unloaded");
	return 0;
}
"""


@pytest.mark.parametrize("patch", PATCH)
@pytest.mark.parametrize("threads", [False, True], ids=["alone", "threads"])
def test_loaded_late(harness: Harness, threads: bool, patch: str) -> None:
    """By dlopen, without LD_PRELOAD; beside a thread that is inside libc."""
    need("gcc")
    program = harness.scratch / "late"
    command = ["gcc", "-O1", "-w", "-pthread", "-x", "c", "-", "-o", str(program)]
    subprocess.run(command, input=LATE.encode(), check=True)

    def run(lib: str, **env: str) -> Outcome:
        cwd = harness.fresh_dir()
        put_input(cwd)
        argv = [str(program), lib, *(["threads"] if threads else [])]
        return harness.run(Side.NATIVE, argv, cwd=cwd, env=env)

    native = run("")
    assert native.ok and native.out.count(b"child\n") == 3, native.text()
    shim = run(str(harness.lib), SHIM_PATCH=patch)
    assert native.text() == shim.text(), unified(native.text(), shim.text())
    report = run(str(harness.lib), SHIM_PATCH=patch, SHIM_STATS="1").err.decode()
    if threads:
        assert ", patch on:" not in report, report
    text = [line for line in report.splitlines() if line.startswith("libshim: ")]
    assert not text, report


# What is not ours


def test_static_busybox(harness: Harness) -> None:
    need("busybox")
    for argv in (["busybox", "md5sum", "/usr/include/linux/if.h"], ["busybox", "ls", "/usr"]):
        native = harness.run(Side.NATIVE, argv)
        shim = harness.run(Side.SHIM, argv, env={"SHIM_PATCH": "auto", "SHIM_STATS": "1"})
        assert visible(native) == visible(shim), shim.text()
        assert not shim.err, shim.text()
