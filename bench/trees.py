#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measure SHIM_MODE=auto on trees of files, cold and hot.

Every workload runs natively, with SHIM_MODE=auto, and where there is one as a
program made for io_uring (treeread.c, 64 deep), in turn (A B C, B C A, ...) in every
round; what is compared are medians over the rounds.  Cold: the caches of the whole
machine are dropped before each run, which is for root.  A goal that is missed is
printed, never a failure: the exit status is 0 unless something could not be run.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import bench

# name: (tree, command in the shell, counterpart of treeread, cold goal)
SMALL = "20,000 files of 8 KiB in 200 directories"
MANY = "100,000 empty files in 1,000 directories"
WORKLOADS = {
    "grep -r": ("small", "grep -r needle small", "read", 1 / 4),
    "find -exec md5sum +": ("small", "find small -type f -exec md5sum {} +",
                            "read", 1 / 4),
    "cat of a glob": ("small", "cat small/*/*", "read", None),
    "tar c": ("small", "tar cf - small | cat", "read", 1 / 2.5),
    "cp -r": ("small", "cp -r small COPY", "read", 1 / 2),
    "rsync -a": ("small", "rsync -a small/ COPY", "read", None),
    "git status": ("git", "git -C git status --short", None, None),
    "du": ("many", "du -s many", "stat", 1),
    "find -size": ("many", "find many -size +1k", "stat", 1),
    "ls -lR": ("many", "ls -lR many", "stat", 1),
    "cat, one file": ("large", "cat large/file", None, None),
}
# Hot these take a tenth or a fifth of a second, in which 2 % are not to be seen in a
# few runs; all but those that write.
HOT_TURNS = 5
WRITERS = ("cp -r", "rsync -a")
HOT_GOAL = 1.02
READER_GOAL = 1.25


class Trees:
    def __init__(self, args):
        self.args = args
        self.rounds = 2 if args.quick else args.rounds
        self.scale = 20 if args.quick else 1
        self.build = os.path.abspath(args.build)
        self.samples = bench.Bench(args)
        self.top = ""
        self.copies = 0

    # The trees

    def plant(self, name, dirs, files, size):
        words = [random.randbytes(4).hex().encode() for _ in range(4000)]
        # Files of a directory are not made one after the other: nor are
        # those of a real one, which has grown.
        for d in range(dirs):
            os.makedirs(f"{self.top}/{name}/d{d:04}")
        for f in range(files):
            for d in range(dirs):
                with open(f"{self.top}/{name}/d{d:04}/f{f:04}.txt", "wb") as o:
                    if size:
                        o.write(b"\n".join(random.choices(words, k=size // 9)))

    def plant_all(self):
        random.seed(1)
        bench.progress("making the trees")
        self.plant("small", 200 // self.scale, 100, 8200)
        self.plant("many", 1000 // self.scale, 100, 0)
        os.makedirs(f"{self.top}/large")
        with open(f"{self.top}/large/file", "wb") as f:
            for _ in range(1024 // self.scale):
                f.write(random.randbytes(1 << 20))
        shutil.copytree(f"{self.top}/small", f"{self.top}/git")
        for words in (["init", "-q"], ["add", "."]):
            subprocess.run(["git", "-C", f"{self.top}/git", *words], check=True,
                           stdin=subprocess.DEVNULL)

    # Running

    def command(self, workload, variant):
        tree, shell, reader, _ = WORKLOADS[workload]
        # Not one that is removed before each run: for minutes ext4 looks at each
        # inode that was freed before it takes one, which took cp ten times as
        # long as the rest when these are cached.
        self.copies += 1
        shell = shell.replace("COPY", f"copy{self.copies}")
        if variant == "reader":
            return [f"{self.build}/bench/treeread", reader, tree]
        return ["sh", "-c", shell]

    def seconds(self, workload, variant, cold):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("SHIM_", "LD_"))}
        if variant == "auto":
            env.update(LD_PRELOAD=f"{self.build}/libshim.so", SHIM_MODE="auto")
        os.sync()
        if cold:
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
                f.write("3")
            # What a command is made of is not what is measured.
            for name in ("libshim.so", "bench/treeread"):
                with open(f"{self.build}/{name}", "rb") as f:
                    f.read()
            subprocess.run(["sh", "-c", "cat /bin/sh >/dev/null"], check=True)
        begin = time.monotonic()
        p = subprocess.run(self.command(workload, variant), env=env,
                           cwd=self.top, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           timeout=600, check=False)
        took = time.monotonic() - begin
        if p.returncode not in (0, 1) or p.stderr:
            raise bench.Trouble(f"{workload} ({variant}): status "
                                f"{p.returncode}: {p.stderr.decode()[:200]}")
        return took

    def round(self, workload, cold):
        variants = ["native", "auto"]
        if cold and WORKLOADS[workload][2]:
            variants.append("reader")
        self.samples.rotate((workload, cold), {
            v: (lambda v=v: self.seconds(workload, v, cold)) for v in variants})

    def measure(self):
        chosen = [w for w in WORKLOADS
                  if not self.args.only or w in self.args.only]
        for cold in (True, False):
            if cold and os.geteuid() != 0:
                print("Note: not root, so nothing cold is measured.")
                continue
            for n in range(self.rounds):
                for w in chosen:
                    bench.progress(f"{'cold' if cold else 'hot'}, round {n + 1}"
                                   f" of {self.rounds}: {w}")
                    if not cold and not n:
                        self.seconds(w, "native", False)
                    short = not cold and w not in WRITERS
                    for _ in range(HOT_TURNS if short else 1):
                        self.round(w, cold)
        bench.progress("")

    # The tables

    def rows(self, cold):
        rows = [["cold" if cold else "hot", "native s", "auto s"]
                + (["reader s"] if cold else [])
                + ["auto / native", "within a round"]
                + (["auto / reader"] if cold else [])]
        for (workload, was_cold), samples in self.samples.samples.items():
            if was_cold != cold:
                continue
            key = (workload, cold)
            row = [workload] + [f"{self.samples.median(key, v):.3f}"
                                for v in ("native", "auto")]
            if cold:
                row.append(f"{self.samples.median(key, 'reader'):.3f}"
                           if "reader" in samples else "")
            row += [f"{self.samples.ratio(key, 'auto', 'native'):.2f}",
                    self.samples.quartiles(key, "auto", "native")]
            if cold:
                row.append(f"{self.samples.ratio(key, 'auto', 'reader'):.2f}"
                           if "reader" in samples else "")
            rows.append(row)
        return rows

    def goals(self):
        for workload, cold in self.samples.samples:
            key = (workload, cold)
            limit = WORKLOADS[workload][3] if cold else HOT_GOAL
            if not limit:
                continue
            self.samples.goal(
                f"{workload}, {'cold' if cold else 'hot'}: auto / native",
                self.samples.ratio(key, "auto", "native"), limit, "x",
                self.samples.quartiles(key, "auto", "native"))
            if cold and limit <= 1 / 4:
                self.samples.goal(
                    f"{workload}, cold: auto / reader",
                    self.samples.ratio(key, "auto", "reader"), READER_GOAL, "x",
                    self.samples.quartiles(key, "auto", "reader"))

    def report(self):
        m = self.samples.machine()
        self.goals()
        print(f"{m['date']}, {m['cpu']}, {m['cores']} cores, Linux "
              f"{m['kernel']}, {m['libc']};\nmedians of {self.rounds} rounds, "
              f"hot with {HOT_TURNS} turns in each but for {' and '.join(WRITERS)}; "
              f"load {m['load'][0]}.\n{SMALL}; {MANY};\none file of 1 GiB."
              + ("  Quick: a twentieth of that." if self.args.quick else "")
              + "\n")
        for rows in (self.rows(True), self.rows(False),
                     self.samples.goal_table()):
            if len(rows) > 1:
                bench.print_table(rows)
                print()


def main():
    p = bench.parser(__doc__, 7, "2 rounds of small trees")
    p.add_argument("--dir", default="/var/tmp",
                   help="where the trees are made: on the disk that counts")
    p.add_argument("--only", action="append", metavar="WORKLOAD")
    args = bench.arguments(p)
    # So that the trees are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    trees = Trees(args)
    trees.top = tempfile.mkdtemp(prefix="shimbench.", dir=args.dir)
    try:
        return bench.run(trees, trees.plant_all, trees.measure)
    finally:
        shutil.rmtree(trees.top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
