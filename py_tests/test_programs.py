# SPDX-License-Identifier: MIT
"""Every program of tests/programs, natively and under the library.

Those programs print what a case of the semantics gives (results, errno, bytes,
order of events), and know nothing of the library: the native run is the expected
result. What a program needs stands in its leading comment:

    Ring: read write     calls of which some must have been on the ring
    Libc: read write     the same, made inside libc: only where its functions are patched
    Requires: root       skipped for others
    Timeout: 60          seconds, instead of 30
    Args: ...            arguments
    Preload: a b         libraries of tests/preload that are there natively too; with
                         the library before and after them (may stand several times)
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from shimtest import CALLS, TOP, Harness, Side, Stats, unified

DIRECTIVES = ("Ring", "Rings", "Libc", "Requires", "Timeout", "Args")
SOURCES = sorted(
    path for suffix in ("c", "cpp") for path in (TOP / "tests" / "programs").glob(f"*.{suffix}")
)


# What docs/semantics.md says of SHIM_WAIT=ring, shown by the programs that are
# about just that: the file that outlives its process, the descriptor that can be
# seen, the handler that leaves by swapcontext.
NOT_WAITING_ON_THE_RING = {"kill_blocked_strict", "outside_view", "nested_io", "jump_context", "fibers"}


def prefetch(source: Path, harness: Harness) -> dict[str, str]:
    """In the variant auto hints run ahead of all that can be guessed from, and the
    thread that gives them is seen by programs that count their own."""
    counts = re.search(r"\b(tasks|Threads)\b", source.read_text())
    return {"SHIM_PREFETCH": "auto"} if harness.variant == "auto" and counts else {}


def directives(source: Path) -> dict[str, str]:
    """The `Name: value` lines of the first comment of a source file."""
    comment = re.search(r"/\*.*?\*/", source.read_text(), re.DOTALL)
    found = {}
    for line in comment[0].splitlines() if comment else ():
        match = re.fullmatch(r"\s*\*?\s*([A-Z]\w+): *(.*?)\s*(?:\*/)?", line)
        if match and match[1] in DIRECTIVES:
            found[match[1]] = match[2]
    return found


def compare_with(env: dict[str, str], source: Path, harness: Harness) -> None:
    wants = directives(source)
    if wants.get("Requires") == "root" and os.geteuid() != 0:
        pytest.skip("requires root")
    program = str(harness.build / "programs" / source.stem)
    argv = [program, *shlex.split(wants.get("Args", ""))]
    timeout = float(wants.get("Timeout", 30))
    native = harness.run(Side.NATIVE, argv, timeout=timeout)
    shim = harness.run(Side.SHIM, argv, env=env, timeout=timeout)
    assert native.text() == shim.text(), unified(native.text(), shim.text(), program)


@pytest.mark.variants("ring")
@pytest.mark.parametrize(
    "source",
    [source for source in SOURCES if source.stem not in NOT_WAITING_ON_THE_RING],
    ids=lambda path: path.stem,
)
def test_waiting_on_the_ring(source: Path, harness: Harness) -> None:
    """The same with SHIM_WAIT=ring: pending events, the cancel path, the eventfd."""
    compare_with({"SHIM_WAIT": "ring"}, source, harness)


# What a recording might disturb: calls that are interrupted and left, processes that
# share memory, sandboxes, pointers to anywhere, small stacks.
RECORDED = """
    cancel_blocked cancel_entry edges_args edges_fault exits fork_spawn fork_vfork jump_family
    jump_read libc_exit libc_loader libc_sandbox libc_small_stacks libc_spawn libc_spawn_threads
    libc_stdio libc_syscall msg_rights nested_deep nested_fork nested_io recv_address sandbox
    send_matrix storm threads_raw vector_fault
""".split()


@pytest.mark.variants("ring")
@pytest.mark.parametrize("source", [s for s in SOURCES if s.stem in RECORDED], ids=lambda p: p.stem)
def test_recorded(source: Path, harness: Harness) -> None:
    """The same while every call is recorded."""
    compare_with({"SHIM_TRACE": str(harness.temp_name("recording"))}, source, harness)


# What a form of ring with a mapping, which a forked child does not have, could break.
SECOND_FORM = (
    "fork_io", "fork_vfork", "libc_spawn", "libc_syscall", "nested_fork", "nested_io", "threads",
    "threads_raw", "jump_read", "cancel_blocked", "exits",
)


@pytest.mark.variants("ring")
@pytest.mark.parametrize("name", SECOND_FORM)
def test_second_form_of_ring(name: str, harness: Harness) -> None:
    """That of Linux 6.1 to 6.4, which newer kernels can make as well."""
    old = dataclasses.replace(harness, lib=harness.build / "old" / "libshim.so")
    assert old.lib.exists(), f"{old.lib} is missing: run `make programs`"
    source = TOP / "tests" / "programs" / f"{name}.c"
    timeout = float(directives(source).get("Timeout", 30))
    old.compare([str(harness.build / "programs" / name)], timeout=timeout, expect="exit 0")


def preloads(source: Path) -> list[str]:
    return re.findall(r"^ \* Preload: (.*)$", source.read_text(), re.MULTILINE)


def stackings() -> list[tuple[Path, str, bool]]:
    return [
        (source, libs, first) for source in SOURCES for libs in preloads(source) for first in (True, False)
    ]


def too_old(stats: Stats, call: str) -> bool:
    """Pipes and sockets could not be asked not to wait before Linux 6.4, nor accept
    before 6.10: that is why the call was native, and nothing else will do."""
    release = tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])
    since = (6, 10) if call.startswith("accept") else (6, 4)
    return release < since and stats.get(call, "native:unsupported") > 0


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_program(source: Path, harness: Harness) -> None:
    program = harness.build / "programs" / source.stem
    assert program.exists(), f"{program} is missing: run `make programs`"
    wants = directives(source)
    if wants.get("Requires") == "root" and os.geteuid() != 0:
        pytest.skip("requires root")
    timeout = float(wants.get("Timeout", 30))
    argv = [str(program), *shlex.split(wants.get("Args", ""))]
    harness.compare(argv, env=prefetch(source, harness), timeout=timeout, expect="exit 0")

    ring_calls = wants.get("Ring", "").split()
    if harness.variant != "nopatch":
        ring_calls += wants.get("Libc", "").split()
    if ring_calls:
        assert set(ring_calls) <= set(CALLS), f"{source.name}: no such call in {ring_calls}"
        # Reads that wait are on the ring only where the wait is.
        env = {} if source.stem in NOT_WAITING_ON_THE_RING else {"SHIM_WAIT": "ring"}
        stats, outcome = harness.stats(argv, env=env, timeout=timeout)
        if harness.variant in ("ring", "nopatch"):
            if stats.reasons().get("no-ring"):  # test_sysctl's moment, for the whole machine
                stats, outcome = harness.stats(argv, env=env, timeout=timeout)
            idle = [c for c in ring_calls if stats.ring(c) == 0 and not too_old(stats, c)]
            assert not idle, f"never on the ring: {idle}\n{stats.text()}{outcome.text()}"
        else:
            assert stats.ring() == 0, f"on the ring all the same\n{stats.text()}"


@pytest.mark.parametrize(
    ("source", "libs", "first"),
    stackings(),
    ids=lambda value: value.stem if isinstance(value, Path) else str(value).replace(" ", "+"),
)
def test_stacked(source: Path, libs: str, first: bool, harness: Harness) -> None:
    """Among other preloaded libraries, in front of them and behind them."""
    program = str(harness.build / "programs" / source.stem)
    names = [str(harness.build / "preload" / f"{name}.so") for name in libs.split()]
    assert all(Path(name).exists() for name in names), "run `make programs`"
    stacked = [str(harness.lib), *names] if first else [*names, str(harness.lib)]
    native = harness.run(Side.NATIVE, [program], env={"LD_PRELOAD": ":".join(names)})
    shim = harness.run(Side.SHIM, [program], env={"LD_PRELOAD": ":".join(stacked)})
    assert native.text() == shim.text(), unified(native.text(), shim.text(), program)


def sanitized(name: str, harness: Harness, *options: str) -> list[str]:
    """A program of tests/programs, built with the sanitizer of @options."""
    program = harness.temp_name(name)
    source = TOP / "tests" / "programs" / f"{name}.c"
    subprocess.run(
        [*options, "-g", "-O1", "-std=gnu11", "-D_GNU_SOURCE", "-pthread", "-o", str(program), str(source)],
        check=True,
        timeout=60,
    )
    return [str(program)]


@pytest.mark.parametrize("name", ["jump_read", "jump_write", "cancel_blocked", "nested_io"])
def test_under_asan(name: str, harness: Harness) -> None:
    """With the stack of abandoned calls watched: clang's run-time is part of the
    program, so its interceptors come first and ours behind them."""
    argv = sanitized(name, harness, "clang", "-fsanitize=address")
    env = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:detect_leaks=0"}
    env.update(prefetch(TOP / "tests" / "programs" / f"{name}.c", harness))
    harness.compare(argv, env=env, timeout=60, expect="exit 0")


@pytest.mark.parametrize("compiler", ["clang", "gcc"])
def test_under_tsan(compiler: str, harness: Harness) -> None:
    """Its functions crash when they are called before its run-time has been set up."""
    static = ["-static-libtsan"] if compiler == "gcc" else []
    argv = sanitized("nonblock", harness, compiler, "-fsanitize=thread", *static)
    for extra in ({}, {"SHIM_FOLLOW": "0"}, {"SHIM_PATCH": "off"}, {"SHIM_TRACE": harness.temp_name("trace")}):
        harness.compare(argv, env=extra, timeout=60, expect="exit 0")
    stats, outcome = harness.stats(argv, timeout=60)
    assert outcome.ok and stats.calls("read"), stats.text()
    assert stats.ring("read") or harness.variant in ("off", "auto", "denied"), stats.text()


def test_loader_searches_for_the_caller(harness: Harness) -> None:
    """dlmopen(3) finds what the RUNPATH of its caller names, which is the program."""
    top = harness.fresh_dir("runpath")
    (top / "below").mkdir()
    sources = {
        "plugin": "int answer(void) { return 42; }\n",
        "main": """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <stdio.h>
            int main(void)
            {
                void *lib = dlmopen(LM_ID_NEWLM, "libplugin.so", RTLD_NOW);
                int (*answer)(void) = lib ? (int (*)(void))dlsym(lib, "answer") : NULL;
                printf("%d\\n", answer ? answer() : -1);
                return answer ? dlclose(lib) : 1;
            }
        """,
    }
    outputs = {
        "plugin": ["-fPIC", "-shared", "-o", "below/libplugin.so"],
        "main": ["-Wl,-rpath,$ORIGIN/below", "-o", "main", "-ldl"],
    }
    for name, text in sources.items():
        command = ["gcc", "-x", "c", "-", *outputs[name]]
        subprocess.run(command, input=text.encode(), cwd=top, check=True, timeout=60)
    harness.compare([str(top / "main")], expect="exit 0")
