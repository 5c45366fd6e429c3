#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measure libshim side by side with native and with hand-written io_uring.

All variants of one measurement run in turn (A B C D, B C D A, ...) in every
round, and what is compared are medians over the rounds, so that a machine that
is busy for a while is busy for all of them.  A goal that is missed is printed,
never a failure: the exit status is 0 unless something could not be run.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

FILE_SIZE = 64 << 20

PRELOADED = {"native": None, "ring": {}, "off": {"SHIM_MODE": "off"},
             "ring wait": {"SHIM_WAIT": "ring"},
             "ring, not patched": {"SHIM_PATCH": "off"}}

# operation: (OP of percall, calls of one run, what must ride the ring)
CALLS = {
    "write 64 B, pipe": ("pipe-write", 20000, ["write"]),
    "read 64 B, pipe": ("pipe-read", 20000, ["read"]),
    "read 4 KiB, cached": ("read-4k", 10000, ["read"]),
    "read 64 KiB, cached": ("read-64k", 2000, ["read"]),
    "pread 4 KiB, cached": ("pread-4k", 10000, ["pread64"]),
    "send 64 B, socket": ("send", 10000, ["sendto"]),
    "recv 64 B, socket": ("recv", 10000, ["recvfrom"]),
    "open + close, hot": ("open-close", 3000, ["open", "close"]),
}
PLACES = {"free": "anywhere", "same": "one core", "split": "two cores"}
# A round has so many of the short runs that percall makes.
PERCALLS = 5
# How much memory a thread may take more, and a start longer.
THREAD_LIMIT_KIB = 32
START_LIMIT_MS = 0.3
PATCH_LIMIT_MS = 0.2


class Trouble(Exception):
    """Something could not be run."""


class Bench:
    def __init__(self, args):
        self.args = args
        self.lib = os.path.abspath(os.path.join(args.build, "libshim.so"))
        self.dir = os.path.abspath(os.path.join(args.build, "bench"))
        self.rounds = 3 if args.quick else args.rounds
        self.scale = 0.1 if args.quick else 1.0
        self.samples = {}
        self.goals = []
        self.notes = []
        self.hot = None

    # Running

    def env(self, variant):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("SHIM_", "LD_"))}
        if PRELOADED[variant] is not None:
            env.update(PRELOADED[variant], LD_PRELOAD=self.lib)
        return env

    def run(self, variant, program, *argv, stats=False):
        env = self.env(variant)
        if stats:
            env["SHIM_STATS"] = "1"
        cmd = [os.path.join(self.dir, program), *map(str, argv)]
        try:
            p = subprocess.run(cmd, env=env, capture_output=True, text=True,
                               timeout=600, check=False)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise Trouble(e) from e
        if p.returncode:
            raise Trouble(f"{' '.join(cmd)} ({variant}): status "
                          f"{p.returncode}: {p.stderr.strip()}")
        return p.stderr if stats else p.stdout

    def on_ring(self, calls, program, *argv):
        """The share of these calls that rides the ring, and why not the rest."""
        ring = total = 0
        reasons = set()
        for line in self.run("ring", program, *argv, stats=True).splitlines():
            word = line.split()
            if word[0] not in calls:
                continue
            if word[1] == "ring":
                ring += int(word[2])
                total += int(word[2])
            elif word[1].startswith("native:"):
                reasons.add(word[1])
                total += int(word[2])
        return (ring / total if total else 0), ", ".join(sorted(reasons))

    def rotate(self, key, todo):
        """todo: {variant: function returning one number}; one round."""
        names = list(todo)
        into = self.samples.setdefault(key, {n: [] for n in names})
        first = len(into[names[0]]) % len(names)
        for name in names[first:] + names[:first]:
            into[name].append(todo[name]())

    def median(self, key, variant):
        return statistics.median(self.samples[key][variant])

    def ratio(self, key, a, b):
        return self.median(key, a) / self.median(key, b)

    def quartiles(self, key, a, b):
        """Of the ratios within each round: how far this run can be trusted."""
        each = [x / y for x, y in zip(self.samples[key][a],
                                      self.samples[key][b])]
        q = statistics.quantiles(each, n=4, method="inclusive")
        return f"{q[0]:.2f}-{q[2]:.2f}"

    def goal(self, what, value, limit, unit, spread=""):
        digits = 1 if unit == "KiB" else 2
        self.goals.append({
            "goal": what, "value": round(value, digits + 1), "limit": limit,
            "unit": unit, "quartiles": spread, "met": value <= limit})

    # What is measured

    def percall(self):
        def one(op, how, variant, calls):
            return lambda: float(self.run(variant, "percall", op, how, calls,
                                          self.hot))
        for op, calls, _ in CALLS.values():
            calls = int(calls * self.scale)
            self.rotate(op, {
                "native": one(op, "native", "native", calls),
                "uring": one(op, "uring", "native", calls),
                "ring": one(op, "native", "ring", calls),
                "off": one(op, "native", "off", calls)})

    def pingpong(self):
        trips = int(2000 * self.scale)
        for place in PLACES:
            if place == "split" and len(os.sched_getaffinity(0)) < 2:
                continue
            todo = {v: (lambda v=v, p=place: float(
                        self.run(v, "pingpong", "native", trips, p)))
                    for v in ("native", "ring", "ring wait", "off")}
            todo["uring"] = lambda p=place: float(
                self.run("native", "pingpong", "uring", trips, p))
            self.rotate(f"pingpong {place}", todo)

    def spawn(self):
        """The launcher itself takes turns; it must not be preloaded."""
        variants = {"native": "", "any library": "LD_PRELOAD=libutil.so.1"}
        for v in ("ring", "ring, not patched", "off"):
            variants[v] = " ".join(f"{k}={w}" for k, w in self.env(v).items()
                                   if k.startswith(("LD_PRELOAD", "SHIM_")))
        out = self.run("native", "spawn", max(5, int(40 * self.scale)),
                       "/bin/true", *variants.values()).split()
        into = self.samples.setdefault("start", {v: [] for v in variants})
        for v, ns in zip(variants, out):
            into[v].append(float(ns))

    def threads(self):
        count = 1000 if self.scale == 1 else 200

        def grown(variant):
            out = self.run(variant, "threads", count).split()
            # The kernel frees rings a little after their process has gone.
            time.sleep(0.3)
            each = dict(zip(out[::2], map(float, out[1::2])))
            place = self.samples.setdefault("thread memory", {})
            place.setdefault(variant, []).append(each)
            return sum(each.values())
        self.rotate("thread", {v: (lambda v=v: grown(v))
                               for v in ("native", "ring")})

    def measure(self):
        if not os.path.exists(self.lib):
            # The loader would say so and go on without it.
            raise Trouble(f"{self.lib}: not built")
        with tempfile.TemporaryDirectory(prefix="files-", dir=self.dir) as d:
            self.hot = os.path.join(d, "hot")
            with open(self.hot, "wb") as f:
                for _ in range(FILE_SIZE >> 20):
                    f.write(os.urandom(1 << 20))
                f.flush()
                os.fsync(f.fileno())
            for what, (op, calls, must) in CALLS.items():
                share, why = self.on_ring(must, "percall", op, "native",
                                          int(calls * self.scale), self.hot)
                if share < 0.99:
                    self.notes.append(
                        f"{what}: only {share:.0%} of the calls rode the ring "
                        f"here ({why or 'none counted'})")
            for i in range(self.rounds):
                progress(f"round {i + 1} of {self.rounds}")
                for _ in range(1 if self.args.quick else PERCALLS):
                    self.percall()
                self.pingpong()
                self.spawn()
                self.threads()
            progress("")

    # What is said of it

    def ratio_goals(self):
        for what, (op, _, _) in CALLS.items():
            self.goal(f"{what}: ring / hand-written uring",
                      self.ratio(op, "ring", "uring"), 1.10, "x",
                      self.quartiles(op, "ring", "uring"))
        op = "pipe-write"
        self.goal("write 64 B, pipe: off / native",
                  self.ratio(op, "off", "native"), 1.03, "x",
                  self.quartiles(op, "off", "native"))
        for place, name in PLACES.items():
            key = f"pingpong {place}"
            if key in self.samples:
                self.goal(f"ping-pong, {name}: ring / native",
                          self.ratio(key, "ring", "native"), 1.25, "x",
                          self.quartiles(key, "ring", "native"))

    def start_goal(self):
        added = (self.median("start", "ring") -
                 self.median("start", "native")) / 1e6
        self.goal("start-up of /bin/true: added", added, START_LIMIT_MS, "ms")
        added = (self.median("start", "ring") -
                 self.median("start", "ring, not patched")) / 1e6
        self.goal("  of which by patching", added, PATCH_LIMIT_MS, "ms")

    def thread_goal(self):
        added = (self.median("thread", "ring") -
                 self.median("thread", "native")) / 1024
        self.goal("memory of a thread with a ring: added", added,
                  THREAD_LIMIT_KIB, "KiB")

    def call_row(self, what, key):
        ns = [f"{self.median(key, v):.0f}"
              for v in ("native", "uring", "ring", "off")]
        return [what, *ns] + [f"{self.ratio(key, a, b):.2f}" for a, b in
                              (("ring", "uring"), ("ring", "native"),
                               ("off", "native"))]

    def call_table(self):
        rows = [["operation", "native ns", "hand-written uring ns", "ring ns",
                 "off ns", "ring / uring", "ring / native", "off / native"]]
        for what, (op, _, _) in CALLS.items():
            rows.append(self.call_row(what, op))
        for place, name in PLACES.items():
            key = f"pingpong {place}"
            if key not in self.samples:
                continue
            rows.append(self.call_row(f"ping-pong, {name}", key))
            rows.append(["  with SHIM_WAIT=ring", "", "",
                         f"{self.median(key, 'ring wait'):.0f}", "",
                         f"{self.ratio(key, 'ring wait', 'uring'):.2f}",
                         f"{self.ratio(key, 'ring wait', 'native'):.2f}", ""])
        return rows

    def other_table(self):
        start = {v: self.median("start", v) / 1e6
                 for v in self.samples["start"]}
        rows = [["", "native", "ring", "ring, not patched", "off",
                 "any other library preloaded"],
                ["start-up of /bin/true, ms"] +
                [f"{start[v]:.3f}" for v in ("native", "ring",
                                             "ring, not patched", "off",
                                             "any library")]]
        memory = self.samples["thread memory"]
        for name in memory["native"][0]:
            kib = [statistics.median(m[name] for m in memory[v]) / 1024
                   for v in ("native", "ring")]
            rows.append([f"memory per thread, {name}, KiB"] +
                        [f"{k:.1f}" for k in kib] + ["", "", ""])
        return rows

    def goal_table(self):
        rows = [["goal", "limit", "measured", "within a round", ""]]
        for g in self.goals:
            unit = "" if g["unit"] == "x" else " " + g["unit"]
            digits = 1 if g["unit"] == "KiB" else 2
            rows.append([g["goal"], f"{g['limit']:.{digits}f}{unit}",
                         f"{g['value']:.{digits}f}{unit}", g["quartiles"],
                         "met" if g["met"] else "NOT MET"])
        return rows

    def machine(self):
        model = platform.processor()
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
            for line in f:
                if line.startswith("model name"):
                    model = line.split(":", 1)[1].strip()
                    break
        return {
            "date": datetime.datetime.now().isoformat(timespec="minutes"),
            "cpu": model, "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "libc": " ".join(platform.libc_ver()),
            "rounds": self.rounds,
            "load": [round(x, 2) for x in os.getloadavg()]}

    def report(self):
        m = self.machine()
        self.ratio_goals()
        self.start_goal()
        self.thread_goal()
        print(f"{m['date']}, {m['cpu']}, {m['cores']} cores, Linux "
              f"{m['kernel']}, {m['libc']};\nmedians of {m['rounds']} rounds, "
              f"load {m['load'][0]}; ns per call, per pair for open + close,\n"
              "per round trip for ping-pong.\n")
        for rows in (self.call_table(), self.other_table(),
                     self.goal_table()):
            print_table(rows)
            print()
        for note in self.notes:
            print("Note: " + note)
        if self.args.json:
            with open(self.args.json, "w", encoding="ascii") as f:
                json.dump({"machine": m, "goals": self.goals,
                           "notes": self.notes, "samples": self.samples}, f,
                          indent=1)
                f.write("\n")


def print_table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for n, row in enumerate(rows):
        cells = [c.ljust(w) if not i else c.rjust(w)
                 for i, (c, w) in enumerate(zip(row, widths))]
        print("| " + " | ".join(cells) + " |")
        if not n:
            print("|" + "|".join("-" * (w + 1) + ("-" if not i else ":")
                                 for i, w in enumerate(widths)) + "|")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def parser(doc, rounds, quick="3 short rounds"):
    """The options that all benchmarks have."""
    p = argparse.ArgumentParser(description=doc.split("\n", maxsplit=1)[0])
    p.add_argument("--build", default="build", help="where make has built")
    p.add_argument("--rounds", type=int, default=rounds)
    p.add_argument("--quick", action="store_true",
                   help=f"{quick}: shows that it works, proves nothing")
    return p


def arguments(p, least=2):
    args = p.parse_args()
    if args.rounds < least:
        p.error(f"at least {least} rounds")
    return args


def run(thing, *steps):
    """The exit status: each of `steps`, then the report."""
    try:
        for step in steps:
            step()
    except (Trouble, OSError, subprocess.SubprocessError) as e:
        progress("")
        name = os.path.basename(sys.argv[0]).removesuffix(".py")
        print(f"{name}: {e}", file=sys.stderr)
        return 1
    thing.report()
    return 0


def main():
    p = parser(__doc__, 21)
    p.add_argument("--json", metavar="FILE", help="all samples")
    bench = Bench(arguments(p))
    return run(bench, bench.measure)


if __name__ == "__main__":
    sys.exit(main())
