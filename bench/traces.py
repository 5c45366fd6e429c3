#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measure what it costs to trace a program that does nothing but small calls.

dd copies bytes from /dev/zero to /dev/null, one at a time, under each tracer in
turn (A B C D, B C D A, ...) in every round.  The slow ones get fewer bytes, and all
is told per call.  What is not installed, or not permitted, is left out, and that
is said.  A goal that is missed is printed, never a failure: the exit status
is 0 unless something could not be run.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

import bench

MANY, FEW = 1000000, 40000
GOAL_NATIVE, GOAL_STRACE = 2.0, 25.0


class Traces:
    def __init__(self, args):
        self.args = args
        self.rounds = 3 if args.quick else args.rounds
        self.scale = 0.1 if args.quick else 1.0
        self.shim = os.path.abspath(os.path.join(args.build, "shim"))
        self.samples = bench.Bench(args)
        self.notes = []
        self.out = ""

    def tracers(self):
        """name: (words in front of dd, bytes)"""
        out = os.path.join(self.out, "trace")
        shim = [self.shim]
        return {
            "nothing": ([], MANY),
            "shim run --mode=off": (shim + ["run", "--mode=off"], MANY),
            "shim trace --mode=off -o FILE":
                (shim + ["trace", "--mode=off", "-o", out], MANY),
            "shim trace --mode=off -T -ttt -o FILE":
                (shim + ["trace", "--mode=off", "-T", "-ttt", "-o", out], MANY),
            "shim trace --mode=off -c": (shim + ["trace", "--mode=off", "-c",
                                                 "-o", out], MANY),
            "shim trace -o FILE": (shim + ["trace", "-o", out], MANY),
            "strace -f -o FILE": (["strace", "-f", "-o", out], FEW),
            "strace -f -c": (["strace", "-f", "-c", "-o", out], FEW),
            "perf trace -o FILE": (["perf", "trace", "-o", out], FEW),
            "bpftrace, a count per call":
                (["bpftrace", "-q", "-o", out, "-e",
                  "tracepoint:syscalls:sys_enter_* { @[probe] = count(); }",
                  "-c"], FEW),
        }

    def seconds(self, words, count):
        dd = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", f"count={count}",
              "status=none"]
        if words and words[-1] == "-c" and words[0] == "bpftrace":
            dd = [" ".join(dd)]
        # Emptying the long trace of the round before is not part of this one.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.out, "trace"))
        begin = time.perf_counter()
        try:
            p = subprocess.run(words + dd, capture_output=True, timeout=300,
                               check=False)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise bench.Trouble(e) from e
        took = time.perf_counter() - begin
        if p.returncode:
            raise bench.Trouble(f"{' '.join(words[:3])}: status {p.returncode}:"
                                f" {p.stderr.decode(errors='replace').strip()}")
        return took

    def usable(self, name, words):
        if words and not shutil.which(words[0]):
            self.notes.append(f"{name}: {words[0]} is not installed")
            return False
        try:
            self.seconds(words, 10)
        except bench.Trouble as e:
            if words and words[0] not in ("perf", "bpftrace"):
                raise
            self.notes.append(f"{name}: not usable here ({e})")
            return False
        return True

    def per_call(self, words, count):
        """ns per call: what starting takes is measured by itself."""
        count = max(10, int(count * self.scale))
        started = self.seconds(words, 1)
        return (self.seconds(words, count) - started) / (2 * count) * 1e9

    def measure(self):
        with tempfile.TemporaryDirectory(prefix="traces-") as self.out:
            todo = {name: (lambda w=words, n=count: self.per_call(w, n))
                    for name, (words, count) in self.tracers().items()
                    if self.usable(name, words)}
            for i in range(self.rounds):
                bench.progress(f"round {i + 1} of {self.rounds}")
                self.samples.rotate("dd", todo)
            bench.progress("")

    def report(self):
        s, m = self.samples, self.samples.machine()
        have = s.samples["dd"]
        rows = [["dd, 1 byte at a time, under", "ns per call", "times native",
                 "within a round"]]
        for name in have:
            rows.append([name, f"{s.median('dd', name):.0f}",
                         f"{s.ratio('dd', name, 'nothing'):.2f}",
                         s.quartiles("dd", name, "nothing")])
        ours = "shim trace --mode=off -o FILE"
        s.goal("shim trace, SHIM_MODE=off / native",
               s.ratio("dd", ours, "nothing"), GOAL_NATIVE, "x",
               s.quartiles("dd", ours, "nothing"))
        if "strace -f -o FILE" in have:
            # So many times faster: the limit is one from below.
            s.goal("shim trace / strace -f, at most 1/25",
                   s.ratio("dd", ours, "strace -f -o FILE"), 1 / GOAL_STRACE,
                   "x", s.quartiles("dd", ours, "strace -f -o FILE"))
        print(f"{m['date']}, {m['cpu']}, {m['cores']} cores, Linux "
              f"{m['kernel']}, {m['libc']};\nmedians of {self.rounds} rounds, "
              f"load {m['load'][0]}.\n")
        for table in (rows, s.goal_table()):
            bench.print_table(table)
            print()
        for note in self.notes:
            print("Note: " + note)


def main():
    args = bench.arguments(bench.parser(__doc__, 9))
    args.json = None
    traces = Traces(args)
    return bench.run(traces, traces.measure)


if __name__ == "__main__":
    sys.exit(main())
