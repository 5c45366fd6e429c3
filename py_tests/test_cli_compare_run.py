# SPDX-License-Identifier: MIT
"""shim compare -- program: two runs of a program that does the same are the same,
and one that does not is found out."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from clitest import Shim, one_line, shim, shim_path
from shimtest import PYTHON as PYTHON3, Harness, Side, need

__all__ = ["shim", "shim_path"]
pytestmark = pytest.mark.variants("ring")

PYTHON = 'import os, subprocess; print(sorted(os.listdir("tree"))); print(subprocess.check_output(["wc", "-l", "file1"]))'
# What has to be installed: a program that can be run twice in one directory.  Into
# a pipe goes what is written at once: how it arrives would be chance otherwise.
PROGRAMS = {
    "cat": "cat file1 nothing file2",
    "cp": "cp -r tree copy; rm -r copy",
    "mv": "mv file1 moved; mv moved file1",
    "tar": "tar cf x.tar tree; tar tf x.tar; rm x.tar",
    "grep": "grep -r 'line 7' tree",
    "find": "find tree -name '*1*' | sort",
    "sort": "sort -r file1 file2 >s; uniq -c s; rm s",
    "sed": "sed -i s/hello/bye/ file1; sed -i s/bye/hello/ file1",
    "gawk": "gawk '{ n += $2 } END { print n >\"sum\" }' file1; rm sum",
    "gzip": "gzip -nc file1 >z; gunzip -c z; rm z",
    "xz": "xz -T1 -c file2 >z; xz -dc z; rm z",
    "diff": "diff -r tree tree2",
    "dd": "dd if=file1 of=/dev/null bs=100 status=none",
    "sqlite3": "sqlite3 :memory: 'create table t (a); insert into t values (1), (2); select sum(a) from t;'",
    "perl": "perl -e 'open(F, \"<\", \"file1\"); print scalar(() = <F>); print `wc -l file2`'",
    "bash": "bash -c 'for f in file?; do read -r x <$f; echo $x; done; (exit 3); echo $?'",
    "make": "make -s; rm -f a b",
    "git": "git -C repo log --oneline",
    "openssl": "openssl dgst -sha256 file1 file2",
    "head": "head -n 2 file1 file2; tail -n 1 file3; wc file4",
    "xargs": "ls file? | xargs -n 3 wc -c",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    for number in range(8):
        (place / f"file{number}").write_text(f"line {number}\nhello {number}\n" * 300)
    for name in ("tree", "tree2"):
        (place / name).mkdir()
        for number in range(12):
            (place / name / f"f{number}").write_text(f"line {number}\n" * 40 + name * (number == 5))
    (place / "Makefile").write_text("all: a b\na b: file1\n\tcp file1 $@\n")
    need("git")
    git = "git -c user.name=T -c user.email=t@example.org -C repo"
    script = f"git init -q -b main repo; cp file* repo; {git} add .; {git} commit -qm one"
    subprocess.run(["sh", "-c", script], cwd=place, check=True, env={"PATH": os.environ["PATH"], "HOME": str(place)})
    return place


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same(shim: Shim, place: Path, tmp_path: Path, name: str) -> None:
    need(name)
    rules = tmp_path / "rules"
    rules.write_text("read */proc/self/maps* addresses\nread */dev/urandom* random numbers\n")
    outcome = shim("compare", f"--expected={rules}", "--", "sh", "-c", PROGRAMS[name], cwd=place)
    assert outcome.ok and not outcome.err, outcome.text()
    text = outcome.out.decode()
    assert text.startswith("same: ") and len(re.findall(r"^(?:status|standard).*  yes$", text, re.MULTILINE)) == 3
    assert not list(Path("/tmp").glob("shim.compare.*")) or os.environ.get("PYTEST_XDIST_WORKER")


def test_python(shim: Shim, place: Path) -> None:
    outcome = shim("compare", "--", "/usr/bin/python3", "-I", "-S", "-B", "-c", PYTHON, cwd=place)
    assert outcome.ok, outcome.text()


DIFFERENT = {
    "calls": ('[ "$SHIM_MODE" = off ] || cat file1 >/dev/null; exit 0', "yes yes yes"),
    "status": ('[ "$SHIM_MODE" = off ]', "no yes yes"),
    "signal": ('[ "$SHIM_MODE" = off ] || kill -9 $$', "no yes yes"),
    "stdout": ('if [ "$SHIM_MODE" = off ]; then echo aaa; else echo bbb; fi', "yes no yes"),
    "stderr": ('if [ "$SHIM_MODE" = off ]; then echo aaa; else echo bbb; fi >&2', "yes yes no"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_different(shim: Shim, place: Path, name: str) -> None:
    script, same = DIFFERENT[name]
    argv = ["--", "sh", "-c", script]
    outcome = shim("compare", *argv, cwd=place)
    text = outcome.out.decode()
    assert outcome.status == "exit 1" and text.startswith("different: "), outcome.text()
    assert " ".join(re.findall(r"^(?:status|standard).*  (yes|no)$", text, re.MULTILINE)) == same
    facts = json.loads(shim("compare", "--json", *argv, cwd=place).out)
    runs = facts["runs"]
    assert facts["same"] is False and runs["modes"] == ["off", "ring"]
    shown = ["yes" if runs[key]["same"] else "no" for key in ("status", "stdout", "stderr")]
    assert " ".join(shown) == same
    quiet = shim("compare", "-q", *argv, cwd=place)
    assert (quiet.status, quiet.out, quiet.err) == ("exit 1", b"", b"")


def test_only_the_output_differs(shim: Shim, place: Path) -> None:
    """The calls are not compared: the verdict says so."""
    script = DIFFERENT["stdout"][0]
    outcome = shim("compare", "-e", "accept", "--", "sh", "-c", script, cwd=place)
    assert outcome.status == "exit 1" and outcome.out.startswith(b"different: not in the calls; "), outcome.text()


def test_second_run_in_another_mode(shim: Shim, place: Path) -> None:
    outcome = shim("compare", "--mode=off", "--", "sh", "-c", DIFFERENT["calls"][0], cwd=place)
    assert outcome.ok, outcome.text()
    alone = json.loads(shim("compare", "--json", "--no-follow", "--", "sh", "-c", "cat file1; cat file2", cwd=place).out)
    assert alone["same"] and alone["threads"] == 1


def test_input(shim: Shim, place: Path, shim_path: Path) -> None:
    data = b"".join(b"%d\n" % n for n in range(100_000))
    outcome = shim("compare", "--", "md5sum", stdin=data, cwd=place)
    assert outcome.ok, outcome.text()
    # One that does not read it all, and one that reads a file from the middle.
    assert shim("compare", "--", "head", "-c", "1", stdin=data, cwd=place).ok
    with (place / "file1").open("rb") as file:
        file.seek(10)
        done = subprocess.run([shim_path, "compare", "--json", "--", "cat"], stdin=file, capture_output=True, timeout=30)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["runs"]["stdout"]["runs"][1]["bytes"] == (place / "file1").stat().st_size - 10


def test_what_the_program_gets(harness: Harness, shim_path: Path, place: Path, tmp_path: Path) -> None:
    """Signals, limits, descriptors: the second run has what the first one had."""
    facts = "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status; ulimit -n; ls -l /proc/self/fd | wc -l; echo $LD_PRELOAD"
    script = f"({facts}) >{tmp_path}/$SHIM_MODE; cat {tmp_path}/$SHIM_MODE"
    # posix_spawn(3) of a program that has cancelled threads leaves signal 32 ignored.
    ignore = "import ctypes, os, sys; ctypes.CDLL(None).syscall(13, 32, (ctypes.c_ulong * 4)(1), None, 8); os.execv(sys.argv[1], sys.argv[1:])"
    argv = [PYTHON3, "-c", ignore, str(shim_path), "compare", "-e", "none", "--json", "--", "sh", "-c", script]
    outcome = harness.run(Side.NATIVE, argv, cwd=place, timeout=30)
    assert (tmp_path / "off").read_text() == (tmp_path / "ring").read_text()
    runs = json.loads(outcome.out)["runs"]
    assert runs["stdout"]["same"] and runs["status"]["same"], outcome.text()


def test_trouble(shim: Shim, place: Path) -> None:
    one_line(shim("compare", "--", "/nonexistent", cwd=place), "exit 2", "/nonexistent: No such file")
    one_line(shim("compare", "--expected=/nonexistent", "--", "true", cwd=place), "exit 2", "/nonexistent")
    static = shim("compare", "--", "busybox", "true", cwd=place)
    assert static.status == "exit 2" and b"nothing was recorded" in static.err, static.text()
