# SPDX-License-Identifier: MIT
"""shim trial: runs in turn, nothing claimed that was not measured, and no trial
called sound that is not."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from clitest import Shim, one_line, shim_path, user
from shimtest import Harness, Outcome, Side, need, status_text, wait_until

__all__ = ["shim_path", "user"]
pytestmark = pytest.mark.variants("ring")

RING = "--modes=ring"
GAINLESS = {"no difference", "inconclusive"}


@pytest.fixture
def shim(harness: Harness, shim_path: Path) -> Shim:
    """Many runs in one: on a machine that is busy they take their time."""

    def run(*args: str | Path, prefix: list[str] | None = None, **options: object) -> Outcome:
        argv = [*(prefix or []), str(shim_path), *map(str, args)]
        return harness.run(Side.NATIVE, argv, **{"timeout": 180, **options})  # type: ignore[arg-type]

    return run


def report(outcome: Outcome, sound: bool = True) -> dict[str, Any]:
    assert outcome.status == ("exit 0" if sound else "exit 1"), outcome.text()
    assert not outcome.err, outcome.text()
    facts = json.loads(outcome.out)
    assert facts["sound"] is sound, outcome.text()
    assert (facts["unsound"] is None) is sound, outcome.text()
    return facts


def modes(facts: dict[str, Any], phase: int = 0) -> dict[str, Any]:
    return facts["phases"][phase]["modes"]


# What can be said


def test_computing_gains_nothing(shim: Shim) -> None:
    need("gawk")
    script = "BEGIN { for (i = 0; i < 2000000; i++) x += i; print x }"
    outcome = shim("trial", "--json", "-n", 8, "--", "gawk", script)
    for name in ("ring", "auto"):
        one = modes(report(outcome))[name]
        assert one["verdict"] != "faster", one["sentence"]
        # That it starts later is not enough for a verdict.
        assert one["verdict"] in GAINLESS or one["ratio"]["interval"][0] < 1.1, one["sentence"]


def test_a_hot_program_gains_nothing(shim: Shim, harness: Harness) -> None:
    tree = harness.fresh_dir()
    for i in range(200):
        (tree / str(i)).write_text("x\n" * 1000)
    facts = report(shim("trial", "--json", "-n", 8, "grep", "-rc", "y", str(tree), cwd=tree))
    for name in ("ring", "auto"):
        one = modes(facts)[name]
        assert one["verdict"] != "faster", one["sentence"]


def settled(shim: Shim, script: str) -> dict[str, Any]:
    """What is found of `script` in the mode off, where it sleeps ten times as long or
    as short as natively.  A machine that is busy enough hides even that, but not for
    ever; what was measured is never less than what was slept."""
    for _ in range(5):
        facts = report(shim("trial", "--json", "-n", 8, "--modes=off", "--", "sh", "-c", script))
        assert min(min(mode["wall_seconds"]["samples"]) for mode in modes(facts).values()) >= 0.02
        low, high = modes(facts)["off"]["ratio"]["interval"]
        if low > 1.03 or high < 0.97:
            break
    return modes(facts)["off"]


def test_a_slower_mode_is_found(shim: Shim) -> None:
    one = settled(shim, 'test "$SHIM_MODE" = off && sleep 0.2; sleep 0.02')
    assert one["verdict"] == "slower" and "it takes" in one["sentence"], one
    assert one["ratio"]["estimate"] > 1.03 and one["wall_seconds"]["median"] > 0.2, one


def test_a_gain_that_the_library_cannot_have_made(shim: Shim) -> None:
    """Nothing that it did was asked of the ring: the verdict is not "faster"."""
    one = settled(shim, 'test "$SHIM_MODE" = off || sleep 0.2; sleep 0.02')
    assert one["verdict"] == "inconclusive" and one["ratio"]["interval"][1] < 0.97, one
    assert "the library did nothing" in one["sentence"], one


def test_too_few_rounds_say_nothing(shim: Shim) -> None:
    outcome = shim("trial", "-n", 2, "--modes=ring,off", "true")
    assert outcome.ok, outcome.text()
    for name in ("ring", "off"):
        line = f"{name}: inconclusive: 2 rounds are too few, at least 7 are needed."
        assert line in outcome.out.decode().splitlines(), outcome.text()


def test_the_numbers_belong_together(shim: Shim) -> None:
    facts = report(shim("trial", "--json", "-n", 8, "--modes=ring,off", "cat", "/etc/passwd"))
    assert facts["command"] == ["cat", "/etc/passwd"]
    (phase,) = facts["phases"]
    assert (phase["phase"], phase["rounds"], phase["confidence"]) == ("warm", 8, 0.975)
    assert list(phase["modes"]) == ["native", "ring", "off"]
    for name, mode in phase["modes"].items():
        for measure in ("wall_seconds", "user_seconds", "system_seconds", "minor_faults",
                        "major_faults", "bytes_read"):
            one = mode[measure]
            assert len(one["samples"]) == 8
            assert one["median"] == pytest.approx(statistics.median(one["samples"]), rel=1e-6)
            assert one["middle_half"][0] <= one["median"] <= one["middle_half"][1]
        assert min(mode["wall_seconds"]["samples"]) > 0 and min(mode["minor_faults"]["samples"]) > 0
        if name != "native":
            low, high = mode["ratio"]["interval"]
            assert low <= mode["ratio"]["estimate"] <= high
    why = phase["modes"]["ring"]["why"]
    assert why["ring"] > 0 and why["ring"] + why["native"] == why["calls"]
    assert phase["modes"]["off"]["why"]["native_reasons"]["off"] > 0


def test_hints(shim: Shim, harness: Harness) -> None:
    tree = harness.fresh_dir()
    for i in range(300):
        (tree / str(i)).write_text("x\n")
    script = (
        "import os, time\n"
        "for name in sorted(os.listdir('.')):\n"
        "    open(name).read(); time.sleep(0.001)\n"
    )
    argv = ["-n", 1, "--modes=auto", "--", "/usr/bin/python3", "-c", script]
    env = {"SHIM_PREFETCH": "eager"}
    why = modes(report(shim("trial", "--json", *argv, cwd=tree, env=env)))["auto"]["why"]
    assert why["hints_used"] + why["hints_wasted"] <= why["hints"], why
    if on_a_disk(tree):
        assert why["hints"] > 0, why
    text = shim("trial", *argv, cwd=tree, env=env).out.decode()
    line = next(line for line in text.splitlines() if line.startswith("auto: ") and "hints" in line)
    assert re.match(r"auto: (no hints were given|\d+ hints \(\d+\.\d kB\), \d+ % of them used)", line), text


# Which runs there are


def test_the_runs_and_their_environments(shim: Shim, harness: Harness, shim_path: Path) -> None:
    log = harness.fresh_dir() / "log"
    script = f'echo "$LD_PRELOAD,$SHIM_MODE,$SHIM_STATS,$SHIM_WAIT" >>{log}'
    other = shutil.copy(shim_path.parent / "libshim.so", harness.fresh_dir("other"))
    env = {"SHIM_MODE": "off", "SHIM_STATS": str(log.parent / "stats"), "LD_PRELOAD": f"libc.so.6:{other}"}
    report(shim("trial", "--json", "-n", 6, "--modes=ring,off", "--wait=ring", "--", "sh", "-c", script,
                env=env))
    lines = [line.split(",") for line in log.read_text().splitlines()]
    library = f"{shim_path.parent}/libshim.so:libc.so.6"
    names = []
    for i, (preload, mode, stats, wait) in enumerate(lines):
        if mode:
            assert (preload, wait) == (library, "ring"), lines[i]
        else:
            assert (preload, stats, wait) == ("libc.so.6", "", ""), lines[i]
        # The first run, one of each mode that is counted, then the measured ones.
        assert bool(stats) == (i in (2, 3)), lines
        names.append({"": "N", "ring": "R", "off": "O"}[mode])
    assert "".join(names) == "N" + "NRO" + "NRO" + "RON" + "ONR" + "ORN" + "NOR" + "RNO"


def test_every_run_reads_the_same_input(shim: Shim, harness: Harness) -> None:
    log = harness.fresh_dir() / "log"
    script = f"test -p /dev/stdin && cksum >>{log}"
    data = os.urandom(300_000)
    report(shim("trial", "--json", "-n", 2, RING, "--", "sh", "-c", script, stdin=data))
    lines = log.read_text().splitlines()
    assert len(lines) == 1 + 2 + 4 and len(set(lines)) == 1 and " 300000" in lines[0], lines


def test_a_file_is_read_from_where_it_stands(shim: Shim, harness: Harness, shim_path: Path) -> None:
    where = harness.fresh_dir()
    (where / "in").write_text("first\nsecond\n")
    command = f'exec <in; read line; {shim_path} trial -n 2 {RING} -- sh -c "cat >>log"; cat'
    outcome = harness.run(Side.NATIVE, ["bash", "-c", command], cwd=where)
    assert outcome.ok and outcome.out.endswith(b"second\n"), outcome.text()
    assert (where / "log").read_text() == "second\n" * 7


def test_prepare_comes_before_each_run(shim: Shim, harness: Harness) -> None:
    where = harness.fresh_dir()
    (where / "from").mkdir()
    argv = ["trial", "-n", 2, RING, "--json", "--prepare", "rm -rf to", "--", "sh", "-c",
            "cp -r from to && ls to"]
    report(shim(*argv, cwd=where))
    one_line(shim("trial", "--prepare", "exit 3", "true"), "exit 2", "--prepare", "exit status 3")


def test_cold_runs_read_from_the_disk(shim: Shim, harness: Harness) -> None:
    where = harness.fresh_dir()
    (where / "data").write_bytes(os.urandom(4 << 20))
    facts = report(shim("trial", "--json", "--both", "-n", 1, RING, "cksum", "data", cwd=where))
    assert [phase["phase"] for phase in facts["phases"]] == ["cold", "warm"]
    cold, warm = (modes(facts, i)["native"]["bytes_read"]["samples"] for i in (0, 1))
    assert warm[0] < 4 << 20
    if on_a_disk(where):
        assert cold[0] >= 4 << 20, facts


def on_a_disk(where: Path) -> bool:
    """A tmpfs and an overlay have no device."""
    return bool(os.major(os.stat(where).st_dev))


def test_cold_runs_of_an_ordinary_user(shim: Shim, harness: Harness, user: list[str]) -> None:
    """The files that a traced run has opened are dropped, whatever they are called."""
    where = harness.fresh_dir()
    where.chmod(0o755)
    for name in ("data", "a > b\n\\", " = 3<x>", "\u00e9"):
        (where / name).write_bytes(os.urandom(1 << 20))
    argv = ["trial", "--cold", "-n", 1, RING, "--", "sh", "-c", "cat ./* | cksum"]
    outcome = shim(*argv[:1], "--json", *argv[1:], prefix=user, cwd=where)
    read = modes(report(outcome))["native"]["bytes_read"]["samples"][0]
    if on_a_disk(where):
        assert read >= 4 << 20, outcome.text()
    if os.geteuid() == 0:
        outcome = shim(*argv, prefix=user, cwd=where)
        assert b"before each run the contents of the " in outcome.out, outcome.text()
        assert b"hardly cold" not in outcome.out or not on_a_disk(where), outcome.text()
        one_line(shim("trial", "--cold", "true", prefix=user, cwd=where), "exit 2", "no file")


# Which trials are sound


def unsound(outcome: Outcome, *parts: str) -> None:
    text = report(outcome, sound=False)["unsound"]
    for part in parts:
        assert part in text, text


def test_output_that_differs_in_every_run(shim: Shim) -> None:
    outcome = shim("trial", "--json", "-n", 1, RING, "date", "+%N")
    unsound(outcome, "date was not the same in every run", "standard output: line 1 is",
            "native ones as well")


def test_output_that_differs_in_one_mode(shim: Shim) -> None:
    script = 'echo same; echo "mode $SHIM_MODE" >&2'
    outcome = shim("trial", "--json", "-n", 3, RING, "--", "sh", "-c", script)
    unsound(outcome, 'standard error: 10 bytes instead of 6; line 1 is "mode ring" instead of "mode "',
            "ring, warm, not measured; 4 runs differed", "but no native one")


def test_a_late_difference_in_long_output(shim: Shim) -> None:
    script = 'head -c 1000000 /dev/zero; test "$SHIM_MODE" && echo x || echo y'
    outcome = shim("trial", "--json", "-n", 1, RING, "--", "sh", "-c", script)
    unsound(outcome, "standard output: it differs after the first 262144 bytes")


def test_statuses(shim: Shim) -> None:
    script = 'exit ${SHIM_MODE:+7}'
    outcome = shim("trial", "--json", "-n", 1, RING, "--", "sh", "-c", script)
    unsound(outcome, "exit status 7 instead of exit status 0")
    # The same failure in every run is what the program does.
    report(shim("trial", "--json", "-n", 1, RING, "false"))


def test_crashes(shim: Shim) -> None:
    outcome = shim("trial", "--json", RING, "--", "sh", "-c", "kill -SEGV $$")
    unsound(outcome, "sh was killed by SIGSEGV, natively")
    script = 'test "$SHIM_MODE" && kill -ABRT $$; exit 0'
    outcome = shim("trial", "--json", "-n", 1, RING, "--", "sh", "-c", script)
    unsound(outcome, "killed by SIGABRT instead of exit status 0")


def test_a_run_that_hangs(shim: Shim) -> None:
    script = 'test "$SHIM_MODE" && exec sleep 60; exit 0'
    outcome = shim("trial", "--json", "--timeout=3", RING, "--", "sh", "-c", script)
    unsound(outcome, "killed after 3.0 s", "instead of exit status 0")


@pytest.mark.parametrize("how", ["sleep 60 &", "setsid sleep 60 >/dev/null 2>&1 &"])
def test_nothing_is_left_running(shim: Shim, harness: Harness, how: str) -> None:
    need("setsid")
    pids = harness.fresh_dir() / "pids"
    script = f"{how} echo $! >>{pids}"
    outcome = shim("trial", "--json", "-n", 1, RING, "--timeout=60", "--", "sh", "-c", script)
    unsound(outcome, "left something running that had to be killed")
    found = pids.read_text().split()
    assert len(found) == 1 and not Path("/proc", found[0]).exists(), found


def test_a_stopped_trial_leaves_nothing(harness: Harness, shim_path: Path) -> None:
    where = harness.fresh_dir()
    argv = [str(shim_path), "trial", "-o", "report", "--html=page", "--", "sh", "-c",
            "echo $$ >up; exec sleep 60"]
    with harness.start(Side.NATIVE, argv, cwd=where, env={"TMPDIR": str(where)}) as process:
        wait_until(lambda: bool((where / "up").exists() and (where / "up").read_text()), "a run")
        process.send_signal(signal.SIGTERM)
        assert status_text(process.wait(timeout=20)) == "killed by SIGTERM"
    assert not Path("/proc", (where / "up").read_text().strip()).exists()
    assert [path.name for path in where.iterdir()] == ["up"]


def test_progress_on_a_terminal(harness: Harness, shim_path: Path) -> None:
    ours, theirs = os.openpty()
    argv = [str(shim_path), "trial", "-n", "1", RING, "--", "true"]
    with harness.start(
        Side.NATIVE, argv, cwd=harness.fresh_dir(), stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        assert process.wait(timeout=20) == 0
    os.close(theirs)
    shown = ""
    with contextlib.suppress(OSError):  # EIO: nobody has the other side any more
        while piece := os.read(ours, 65536):
            shown += piece.decode()
    os.close(ours)
    assert "\r\x1b[Kshim trial: ring, warm, round 1 of 1" in shown, shown
    assert shown.endswith("\r\x1b[K"), shown


def test_closed_descriptors(harness: Harness, shim_path: Path) -> None:
    where = harness.fresh_dir()
    script = f'{shim_path} trial -o report -n 1 {RING} -- sh -c "echo out; cat; echo err >&2" <&- >&- 2>&-'
    outcome = harness.run(Side.NATIVE, ["sh", "-c", script], cwd=where)
    assert outcome.ok and b"not sound" not in (where / "report").read_bytes(), outcome.text()
    outcome = harness.run(Side.NATIVE, ["sh", "-c", script.replace("-o report", "")], cwd=where)
    assert outcome.status == "exit 2", outcome.text()


# The page


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page(shim: Shim, harness: Harness) -> None:
    where = harness.fresh_dir()
    hostile = "</title><script src=//x>&\x1b[31m"
    outcome = shim("trial", "-n", 7, RING, "--html=page.html", "-o", "report", "echo", hostile, cwd=where)
    assert outcome.ok and not outcome.out and not outcome.err, outcome.text()
    text = (where / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    names = [tag for tag, _ in page.tags]
    assert "script" not in names and "\x1b" not in text
    # Runs as dots, and the ratio of the one mode.
    assert names.count("circle") == 2 * 7 + 1 and names.count("svg") == 2
    for tag, attributes in page.tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    lines = (where / "report").read_text().splitlines()
    verdict = next(line for line in lines if line.startswith("ring: "))
    assert verdict in page.text


# Usage


def test_usage(shim: Shim, harness: Harness) -> None:
    for argv, part in (
        (["-n", "0", "true"], "-n 0"),
        (["-n", "x", "true"], "-n x"),
        (["-n", "501", "true"], "-n 501"),
        (["--modes=fast", "true"], "fast"),
        (["--modes=native", "true"], "--modes"),
        (["--mode=ring", "true"], "--modes"),
        (["--margin=x", "true"], "--margin=x"),
        (["--timeout=0", "true"], "--timeout=0"),
        (["--wait=x", "true"], "--wait=x"),
        (["--bogus", "true"], "--bogus"),
        ([], "a program is missing"),
    ):
        one_line(shim("trial", *argv), "exit 2", part)
    one_line(shim("trial", "/nosuch"), "exit 127", "/nosuch")
    one_line(shim("trial", "/etc/passwd"), "exit 126", "/etc/passwd")
    need("busybox")
    one_line(shim("trial", "busybox"), "exit 125", "static", "nothing to try")
    for option in ("-o", "--html"):
        # Before the first run.
        flag = harness.fresh_dir() / "ran"
        argv = [f"{option}{'' if option == '-o' else '='}/nosuch/x", "touch", str(flag)]
        one_line(shim("trial", *argv), "exit 2", "/nosuch/x")
        assert not flag.exists()


def test_an_ordinary_user(shim: Shim, user: list[str]) -> None:
    report(shim("trial", "--json", "-n", 1, RING, "id", "-u", prefix=user, cwd=Path("/")))
