# SPDX-License-Identifier: MIT
"""The shim command: shim run, what all commands have in common, and what is
written about them. It must not be noticed in what it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from clitest import Shim, environment, known, library, one_line, shim, shim_path, user
from shimtest import TOP, Harness, Side, Stats, need

__all__ = ["known", "library", "shim", "shim_path", "user"]
pytestmark = pytest.mark.variants("ring")

COMMANDS = ("run", "trace", "stat", "compare", "doctor")


# shim run

ENDS = ["exit 0", "exit 1", "exit 125", "exit 255", *(f"kill -{s} $$" for s in "TERM SEGV KILL".split())]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("command", ["run", "stat"])
def test_ends_as_the_program(harness: Harness, shim: Shim, command: str, end: str) -> None:
    native = harness.run(Side.NATIVE, ["sh", "-c", f"echo out; {end}"])
    outcome = shim(command, "--", "sh", "-c", f"echo out; {end}")
    assert (outcome.status, outcome.out) == (native.status, native.out), outcome.text()
    assert bool(outcome.err) == (command == "stat"), outcome.text()


def test_run_takes_the_place(harness: Harness, shim: Shim, library: str) -> None:
    pid = shim("run", "sh", "-c", "echo $$; grep -c libshim.so /proc/$$/maps")
    lines = pid.out.split()
    assert int(lines[0]) == pid.pid and int(lines[1]) > 0, pid.text()


def test_arguments_are_the_programs(shim: Shim) -> None:
    args = ["-n", "--mode=bogus", "--", "", "a b"]
    for dashes in ([], ["--"]):
        assert shim("run", *dashes, "printf", "[%s]", *args).out == b"[-n][--mode=bogus][--][][a b]"


def test_preload_is_kept(harness: Harness, shim: Shim, library: str) -> None:
    other = str(sorted((harness.build / "preload").glob("*.so"))[0])
    elsewhere = harness.fresh_dir("elsewhere") / "libshim.so"
    shutil.copy(library, elsewhere)
    for before, after in (
        (None, library),
        ("", library),
        (other, f"{library}:{other}"),
        (f" {other} : ", f"{library}:{other}"),
        (library, library),
        (f"{other}:{library}", f"{other}:{library}"),
        (f"{elsewhere}:{other}", f"{library}:{other}"),
    ):
        env = {} if before is None else {"LD_PRELOAD": before}
        # shim itself is loaded with it as well, which makes no difference.
        assert environment(shim("run", "env", env=env))["LD_PRELOAD"] == after, before


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("--mode=ring", "SHIM_MODE", "ring"),
        ("--mode=off", "SHIM_MODE", "off"),
        ("--wait=native", "SHIM_WAIT", "native"),
        ("--wait=ring", "SHIM_WAIT", "ring"),
        ("--patch=auto", "SHIM_PATCH", "auto"),
        ("--patch=off", "SHIM_PATCH", "off"),
        ("--stats=0", "SHIM_STATS", "0"),
        ("--stats=/dev/shm/../x%p", "SHIM_STATS", "/dev/shm/../x%p"),
    ],
)
def test_options_are_variables(shim: Shim, option: str, name: str, value: str) -> None:
    for before in ({}, {name: "off"}):
        outcome = shim("run", option, "env", env={"SHIM_STATS": "0", **before})
        seen = [s for s in outcome.out.decode().splitlines() if s.startswith(f"{name}=")]
        assert seen == [f"{name}={value}"], outcome.text()
    Path("/dev/shm", f"../x{outcome.pid}").unlink(missing_ok=True)


def test_without_options_nothing_is_set(shim: Shim, library: str) -> None:
    assert environment(shim("run", "env")) == {"LD_PRELOAD": library}


def test_stats_on_stderr_and_in_a_file(harness: Harness, shim: Shim) -> None:
    assert Stats.parse(shim("run", "--stats", "cat", "/dev/null").err.decode()).calls("read") > 0
    cwd = harness.fresh_dir()
    outcome = shim("run", "--stats=here", "sh", "-c", "cd /; cat /dev/null", cwd=cwd)
    assert outcome.ok and not outcome.err, outcome.text()
    assert Stats.parse((cwd / "here").read_text()).patched == 2


def test_no_follow(shim: Shim, library: str) -> None:
    script = f"grep -c {library} /proc/$$/maps >&2; cat /proc/self/maps; echo $LD_PRELOAD"
    outcome = shim("run", "--no-follow", "sh", "-c", script)
    assert int(outcome.err) > 0 and library.encode() not in outcome.out, outcome.text()


BAD_USAGE = [
    *(["run", option, "true"] for option in ("--mode=fast", "--mode=", "--wait=RING", "--patch=1")),
    *(["run", option, "true"] for option in ("--stats=", "--bogus", "-z", "--quiet=1")),
    *([command] for command in ("run", "stat")),
    ["run", "--mode"],
    ["stat", "--mode=off,ring", "true"],
    ["stat", "-o"],
    ["stat", "-p", "12x"],
    ["stat", "-p", "1", "true"],
    ["stat", "-r", "a", "-p", "1"],
    ["doctor", "--nope"],
    ["doctor", "true", "true"],
    ["help", "nope"],
    ["help", "run", "stat"],
    ["help", "__probe"],
    ["nope"],
    ["--nope"],
    [],
]


@pytest.mark.parametrize("args", BAD_USAGE, ids=" ".join)
def test_wrong_usage(shim: Shim, args: list[str]) -> None:
    outcome = shim(*args)
    one_line(outcome, "exit 2", "; see shim help")
    assert not outcome.out


def test_errors_of_exec(harness: Harness, shim: Shim) -> None:
    cwd = harness.fresh_dir()
    (cwd / "plain").write_text("echo\n")
    (cwd / "lost").write_text("#!/nonexistent/interpreter\n")
    (cwd / "lost").chmod(0o755)
    for name, status in (
        ("no-such-program", "exit 127"),
        ("./nope", "exit 127"),
        ("", "exit 127"),
        ("./lost", "exit 127"),
        ("./plain", "exit 126"),
        ("/", "exit 126"),
        ("./plain/below", "exit 126"),
    ):
        for command in ("run", "stat"):
            outcome = shim(command, "--", name, cwd=cwd)
            one_line(outcome, status, f"shim: {name}: ")
            if name:
                native = harness.run(Side.NATIVE, ["env", name], cwd=cwd)
                assert native.status == status, native.text()


def test_path_and_scripts(harness: Harness, shim: Shim) -> None:
    cwd = harness.fresh_dir()
    for number, head in enumerate(("#!/bin/sh\n", "#! /bin/sh -e\n", "", "#!/usr/bin/env sh\n")):
        script = cwd / f"script{number}"
        script.write_text(f"{head}grep -c libshim.so /proc/self/maps\n")
        script.chmod(0o755)
        outcome = shim("run", script.name, cwd=cwd, env={"PATH": f"/nonexistent::{os.environ['PATH']}"})
        assert outcome.ok and int(outcome.out) > 0 and not outcome.err, outcome.text()
    (cwd / "static").write_text("#!/usr/bin/busybox sh\necho hi\n")
    (cwd / "static").chmod(0o755)
    outcome = shim("run", "./static", cwd=cwd)
    assert outcome.out == b"hi\n"
    one_line(outcome, "exit 0", "/usr/bin/busybox", "statically linked")


def test_library_is_not_found(harness: Harness, shim_path: Path) -> None:
    alone = harness.fresh_dir("alone")
    shutil.copy(shim_path, alone)
    shutil.copy(harness.lib, alone / "elsewhere.so")
    if not Path("/usr/local/lib/libshim/libshim.so").exists():
        outcome = harness.run(Side.NATIVE, [str(alone / "shim"), "run", "true"])
        one_line(outcome, "exit 125", "libshim.so", "/usr/local/lib/libshim")
    spaced = harness.fresh_dir("with space")
    for path in (shim_path, harness.lib):
        shutil.copy(path, spaced)
    one_line(harness.run(Side.NATIVE, [str(spaced / "shim"), "run", "true"]), "exit 125", "LD_PRELOAD")


def test_library_below_the_prefix(harness: Harness, shim_path: Path) -> None:
    prefix = harness.fresh_dir("prefix")
    for name, path in (("bin/shim", shim_path), ("lib/libshim/libshim.so", harness.lib)):
        (prefix / name).parent.mkdir(parents=True)
        shutil.copy(path, prefix / name)
    (prefix / "link").symlink_to("bin/shim")
    outcome = harness.run(Side.NATIVE, [str(prefix / "link"), "run", "env"])
    assert environment(outcome)["LD_PRELOAD"] == str(prefix / "lib/libshim/libshim.so")


# Help, documentation


def test_help_and_version(shim: Shim) -> None:
    listing = shim("--help")
    assert listing.ok and listing.text() == shim("help").text() == shim("-h").text()
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", listing.out.decode(), re.MULTILINE)
        text = shim("help", command)
        assert text.ok and text.out.startswith(f"Usage: shim {command}".encode()), text.text()
        assert text.text() == shim(command, "--help").text() == shim(command, "-h").text()
        assert max(map(len, text.out.splitlines())) <= 80
    assert b"__probe" not in listing.out
    version = re.search(r"^VERSION := (\S+)", (TOP / "Makefile").read_text(), re.MULTILINE)
    assert version and shim("--version").out.decode() == f"shim {version[1]}\n"


def test_output_that_cannot_be_written(harness: Harness, shim_path: Path, known: str) -> None:
    report = harness.temp_name("stats")
    harness.run(Side.SHIM, [known], env={"SHIM_STATS": str(report)})
    for args in (["--help"], ["--version"], ["help", "run"], ["doctor", "true"], ["doctor", "--json"],
                 ["stat", "-r", str(report)], ["stat", "--json", "-r", str(report)]):  # fmt: skip
        with open("/dev/full", "wb") as full:
            done = subprocess.run([shim_path, *args], stdout=full, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (2, b"shim: standard output: No space left on device\n")
        done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", shim_path, *args], capture_output=True)
        assert done.returncode == 2 and done.stderr.count(b"\n") == 1, done


def test_documentation_is_complete(shim: Shim) -> None:
    man = (TOP / "docs" / "man" / "shim.1").read_text().replace("\\-", "-").replace(" ", "")
    bash = (TOP / "cli" / "completion.bash").read_text()
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", bash)
        for option in set(re.findall(r"--([a-z-]+)", shim("help", command).out.decode())):
            assert f"--{option}" in bash, option
            assert option == "help" or f"Fl-{option}" in man, option
    code = (TOP / "src" / "route.c").read_text().split("call_names")[0]
    reasons = set(re.findall(r'\[SHIM_[A-Z_]+\] = "([a-z-]+)"', code)) - {"ring"}
    text = (TOP / "cli" / "reasons.c").read_text()
    assert set(re.findall(r'\{ "([a-z-]+)", "', text)) == reasons
    libshim = (TOP / "docs" / "man" / "libshim.7").read_text()
    assert reasons <= set(re.findall(r"^\.It Cm ([a-z-]+)$", libshim, re.MULTILINE))
    for name in set(re.findall(r'"(SHIM_[A-Z]+)"', (TOP / "src" / "config.c").read_text())):
        assert f".It Ev {name}" in libshim, name


@pytest.mark.parametrize("page", ["shim.1", "shim-trace.5", "libshim.7"])
def test_man_pages(page: str) -> None:
    need("man")
    argv = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(TOP / "docs" / "man" / page)]
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


COMPLETE = r"""
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_shim 2>/dev/null; printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["shim", "d"], ["doctor"]),
        (["shim", "help", "s"], ["stat"]),
        (["shim", "run", "--no"], ["--no-follow"]),
        (["shim", "run", "--mode", "=", "o"], ["off"]),
        (["shim", "run", "--wait", "="], ["native", "ring"]),
        (["shim", "stat", "--js"], ["--json"]),
        (["shim", "compare", "--ex"], ["--expected="]),
        (["shim", "run", "--mode", "=", "off", "busybo"], ["busybox"]),
    ],
)
def test_completion(words: list[str], expected: list[str]) -> None:
    need("bash")
    script = TOP / "cli" / "completion.bash"
    argv = ["bash", "--norc", "-c", COMPLETE, "bash", str(script), *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert sorted(set(done.stdout.split())) == expected, done
