#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which part of a program's I/O calls does the library see?

A call that goes past the library is not an error that any test could notice: the
program works. So common programs are run under the library and, at the same
time, under strace, and the two counts are compared. SHIM_MODE=off makes that
possible: every call is still an ordinary system call, and still counted.

Programs that miss something run once more under `strace -k`, and the stacks tell
who made the calls that were not seen. docs/coverage.md has the method and the
table. Called by `make coverage`; ends with 1 if the goal is not met, with 2 if it
could not be measured.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "coverage"))
import report  # noqa: E402
from programs import CASES, ENV, Case, World  # noqa: E402
from report import Row, Summary  # noqa: E402
from shimtest import PACKAGE_OF, free_port, kill_session, wait_listening  # noqa: E402
from tracelog import MARKERS, TRACED, Call, Reader  # noqa: E402

STACKS_FACTOR = 3  # strace -k is slow


class Trouble(Exception):
    """A program could not be measured."""


@dataclasses.dataclass
class Runner:
    lib: Path
    top: Path
    keep: Path | None
    marker: str
    world: World

    def file(self, case: Case, kind: str) -> Path:
        name = "".join(c if c.isalnum() else "-" for c in case.name)
        path = (self.keep or self.top) / f"{name}.{kind}"
        path.unlink(missing_ok=True)
        return path

    def fresh(self, case: Case) -> Path:
        where = self.top / "work"
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir()
        self.world["cwd"] = str(where)
        self.world["port"] = str(free_port())
        if case.prepare:
            case.prepare(self.world, where)
        return where

    def command(self, case: Case, trace: Path, stats: Path, stacks: bool) -> list[str]:
        """The library is for the program alone: strace passes the variables on."""
        preload = {"LD_PRELOAD": self.lib, "SHIM_MODE": "off", "SHIM_STATS": stats}
        return [
            *("strace", "-f", "-qq", "-o", str(trace), "-e", "trace=" + ",".join(TRACED)),
            *(["-k"] if stacks else []),
            *(word for name, value in preload.items() for word in ("-E", f"{name}={value}")),
            *case.command(self.world),
        ]

    @contextlib.contextmanager
    def started(self, case: Case, argv: list[str], where: Path) -> Iterator[subprocess.Popen[bytes]]:
        """In a session of its own, all of which is gone afterwards."""
        stdin = case.stdin.format_map(self.world) or os.devnull
        with open(stdin, "rb") as source:
            process = subprocess.Popen(
                argv,
                cwd=where / case.cwd,
                env=ENV | {"HOME": str(where)},
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            kill_session(process.pid)
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=5)

    def run(self, case: Case, trace: Path, stats: Path, stacks: bool) -> None:
        limit = case.timeout * (STACKS_FACTOR if stacks else 1)
        try:
            where = self.fresh(case)
            argv = self.command(case, trace, stats, stacks)
            with self.started(case, argv, where) as process:
                if case.use:
                    wait_listening(int(self.world["port"]), limit)
                    case.use(self.world, where)
                err = process.communicate(timeout=limit)[1]
        except subprocess.TimeoutExpired as error:
            raise Trouble(f"did not end in {error.timeout:g} s") from error
        except (AssertionError, OSError, RuntimeError) as error:
            raise Trouble(" ".join(str(error).split())[:200]) from error
        if process.returncode != case.status:
            said = " ".join(err.decode(errors="replace").split())[-200:]
            raise Trouble(f"status {process.returncode}: {said}")

    def calls(self, trace: Path, stats: Path) -> list[Call]:
        return Reader(self.marker, ("/proc/self/status", str(stats))).read(trace)

    def measure(self, case: Case) -> Row:
        row = Row(case.name, case.static)
        trace, stats = self.file(case, "strace"), self.file(case, "stats")
        try:
            require(case.program)
            self.run(case, trace, stats, stacks=False)
        except Trouble as trouble:
            row.trouble = str(trouble)
            return row
        calls = self.calls(trace, stats)
        row.made = report.made_by(calls)
        row.counted = report.counted_in(stats.read_text()) if stats.exists() else {}
        if not row.total:
            row.trouble = "no call was made"
        elif not any(call.image.marked for call in calls):
            row.reasons = report.reasons_of(calls)
        elif row.seen < row.total:
            self.explain(case, row)
        return row

    def explain(self, case: Case, row: Row) -> None:
        """A second run: its numbers can differ a little from those of the first."""
        trace, stats = self.file(case, "stacks"), self.file(case, "stacks-stats")
        try:
            self.run(case, trace, stats, stacks=True)
        except Trouble as trouble:
            row.reasons = [(f"not explained, strace -k {trouble}", row.total - row.seen)]
            return
        row.reasons = report.reasons_of(self.calls(trace, stats))
        named = sum(count for _, count in row.reasons)
        if named < row.total - row.seen:
            row.reasons = [*row.reasons, ("not explained", row.total - row.seen - named)]


def require(program: str) -> None:
    if not shutil.which(program, path=ENV["PATH"]):
        package = PACKAGE_OF.get(program, "")
        raise Trouble(f"{program} is not installed" + (f" (package {package})" if package else ""))


def check_strace() -> None:
    if not shutil.which("strace"):
        raise Trouble("strace is not installed (package strace)")
    argv = ["strace", "-k", "-o", os.devnull, "true"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise Trouble(f"{shlex.join(argv)}: {done.stderr.strip()}")


def chosen(only: str) -> list[Case]:
    if not only:
        return list(CASES)
    names = [name.strip() for name in only.split(",")]
    known = {case.name for case in CASES}
    if unknown := [name for name in names if name not in known]:
        raise Trouble(f"no such program: {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    return [case for case in CASES if case.name in names]


def measure_all(args: argparse.Namespace, cases: list[Case], show_rows: bool) -> Summary:
    rows = []
    with tempfile.TemporaryDirectory(prefix="libshim-coverage-") as temp, contextlib.ExitStack() as stack:
        top = Path(temp)
        top.chmod(0o755)  # nginx's workers may be somebody else
        (top / "data").mkdir()
        world = World(top / "data")
        stack.enter_context(world.stack)
        lib = (args.build / "libshim.so").resolve()
        runner = Runner(lib, top, args.keep, args.marker, world)
        if show_rows:
            print(report.TEXT_HEAD, flush=True)
        for case in cases:
            row = runner.measure(case)
            rows.append(row)
            print(report.text_line(row), flush=True, file=sys.stdout if show_rows else sys.stderr)
    return Summary(rows, complete=not args.only)


def command_line(args: argparse.Namespace) -> str:
    words = ["tests/coverage.py", "--build", "build"]
    if args.only:
        words += ["--only", args.only]
    if args.marker != "mprotect":
        words += ["--marker", args.marker]
    return shlex.join(words)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="which part of a program's calls does the library see?")
    parser.add_argument("--build", type=Path, default=Path("build"), help="where libshim.so is")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/coverage.md")
    parser.add_argument("--update", type=Path, metavar="FILE", help="replace the table in FILE")
    parser.add_argument("--only", default="", metavar="NAME,...", help="these programs alone")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave traces and counters there")
    parser.add_argument(
        "--marker", choices=sorted(MARKERS), default="mprotect", help="where the calls begin to count"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # servers end too
    try:
        if not (args.build / "libshim.so").is_file():
            # The loader would say so and go on without it.
            raise Trouble(f"{args.build / 'libshim.so'}: not built")
        if args.keep:
            args.keep = args.keep.resolve()
            args.keep.mkdir(parents=True, exist_ok=True)
        check_strace()
        summary = measure_all(args, chosen(args.only), show_rows=not args.markdown)
    except Trouble as trouble:
        print(f"coverage: {trouble}", file=sys.stderr)
        return 2
    if args.markdown:
        print(report.markdown(summary, command_line(args)))
    else:
        print("\n" + "\n".join(summary.lines()))
        for text in summary.warnings():
            print(f"warning: more seen than made: {text}")
    if args.update:
        report.replace_table(args.update, report.markdown(summary, command_line(args)))
    return 0 if summary.met else 1


if __name__ == "__main__":
    sys.exit(main())
