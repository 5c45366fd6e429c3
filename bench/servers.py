#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measure real servers under load: native, off, ring and auto, side by side.

One server of each variant is up at the same time, and they are put under load
in turn (A B C D, B C D A, ...), on the loopback interface alone.  They are
started anew several times, because how fast one process is, is luck to some
degree.  Next to the time there is the processor time of the server, which other
load on the machine disturbs less.  What is not installed is left out, and that
is said.  A goal that is missed is printed, never a
failure: the exit status is 0 unless something could not be run.
"""

import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import bench

VARIANTS = {"native": None, "off": {"SHIM_MODE": "off"}, "ring": {},
            "auto": {"SHIM_MODE": "auto"}}
STARTS = 3
LIMIT = 1.02
CPU = ", processor time"
# Debian keeps the server out of PATH, one directory for each version.
POSTGRES = max(glob.glob("/usr/lib/postgresql/*/bin"), default="")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(ready, process, what):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if process.poll() is not None:
            raise bench.Trouble(f"{what}: ended with {process.returncode}")
        if ready():
            return
        time.sleep(0.05)
    raise bench.Trouble(f"{what}: not ready after 30 s")


def processor_time(pid):
    """Seconds of a process, its children, and those it has waited for."""
    ticks = 0
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        family = [pid, *map(int, f.read().split())]
    for member in family:
        try:
            with open(f"/proc/{member}/stat", encoding="ascii") as f:
                words = f.read().rpartition(")")[2].split()
        except OSError:
            continue    # it has just ended, and its parent has its time
        ticks += sum(map(int, words[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def counters(file):
    """Calls, those on the ring, and hints, from a file of SHIM_STATS."""
    counts = {"calls": 0, "ring": 0, "hints": 0}
    with open(file, encoding="ascii") as f:
        for line in f:
            call, column, count = (line.split() + ["", "", ""])[:3]
            if (call, column) == ("prefetch", "hints"):
                counts["hints"] += int(count)
            elif column == "ring" or column.startswith("native:"):
                counts["calls"] += int(count)
                counts["ring"] += int(count) if column == "ring" else 0
    return counts


def number(pattern, text, what):
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise bench.Trouble(f"{what}: cannot be read: {text.strip()[-200:]}")
    return float(found.group(1))


class Server:
    """What is common to all: one process of each variant, and its end."""

    needs = ()      # programs
    loads = {}      # name: arguments of what puts it under load
    user = None     # who runs it, if we are root

    def __init__(self, where, servers):
        self.where = where
        self.servers = servers
        self.up = {}    # variant: (process, port)
        self.ports = {v: free_port() for v in VARIANTS}

    @classmethod
    def missing(cls):
        return [p for p in cls.needs if not shutil.which(p)]

    def prepare(self):
        """Once, before the first start."""

    def command(self, variant):
        raise NotImplementedError

    def load(self, variant, args, seconds):
        """Requests per second, and how many there were."""
        raise NotImplementedError

    def start(self, variant, stats=None):
        env = self.servers.env(variant)
        if stats:
            env["SHIM_STATS"] = stats
        argv = self.command(variant)
        with open(os.path.join(self.where, variant + ".log"), "ab") as log:
            process = subprocess.Popen(
                argv, env=env, cwd=self.where, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, user=self.user,
                preexec_fn=self.servers.pin("server"))
        self.up[variant] = process
        wait_for(lambda: self.ready(variant), process,
                 f"{argv[0]} ({variant})")

    def ready(self, variant):
        with socket.socket() as s:
            return not s.connect_ex(("127.0.0.1", self.ports[variant]))

    def stop(self, variant):
        process = self.up.pop(variant)
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self):
        for variant in list(self.up):
            self.stop(variant)

    def client(self, *argv):
        try:
            p = subprocess.run(
                list(map(str, argv)), env=self.servers.env("native"),
                cwd=self.where, stdin=subprocess.DEVNULL, text=True,
                capture_output=True, timeout=120, check=False, user=self.user,
                preexec_fn=self.servers.pin("client"))
        except (OSError, subprocess.TimeoutExpired) as e:
            raise bench.Trouble(e) from e
        if p.returncode:
            raise bench.Trouble(f"{' '.join(map(str, argv))}: status "
                                f"{p.returncode}: {p.stderr.strip()[-300:]}")
        return p.stdout


class Redis(Server):
    needs = ("redis-server", "redis-benchmark")
    loads = {"redis, GET": ["-t", "get"], "redis, SET": ["-t", "set"],
             "redis, GET, 16 in one piece": ["-t", "get", "-P", "16"]}

    def command(self, variant):
        return ["redis-server", "--port", str(self.ports[variant]), "--bind",
                "127.0.0.1", "--save", "", "--appendonly", "no",
                "--daemonize", "no"]

    def load(self, variant, args, seconds):
        requests = int(seconds * (600000 if "-P" in args else 60000))
        out = self.client("redis-benchmark", "-p", self.ports[variant], "-c",
                          20, "-d", 64, "-n", requests, "--csv", *args)
        return number(r'^"(?:GET|SET)[^"]*","([\d.]+)"', out,
                      "redis-benchmark"), requests


class Nginx(Server):
    needs = ("nginx", "wrk")
    loads = {"nginx, 1 KiB": ["1k"], "nginx, 100 KiB": ["100k"]}

    def prepare(self):
        for name, size in (("1k", 1 << 10), ("100k", 100 << 10)):
            with open(os.path.join(self.where, name), "wb") as f:
                f.write(os.urandom(size))

    def command(self, variant):
        config = os.path.join(self.where, variant + ".conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(f"""daemon off; worker_processes 1; pid {variant}.pid;
error_log stderr; {'user root;' if os.geteuid() == 0 else ''}
events {{ worker_connections 256; }}
http {{ access_log off; sendfile off; keepalive_requests 1000000;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
  uwsgi_temp_path t4; scgi_temp_path t5;
  server {{ listen 127.0.0.1:{self.ports[variant]}; root {self.where}; }} }}
""")
        return ["nginx", "-p", self.where, "-c", config]

    def load(self, variant, args, seconds):
        out = self.client("wrk", "-t", 1, "-c", 16, "-d", max(1, round(seconds)),
                          f"http://127.0.0.1:{self.ports[variant]}/{args[0]}")
        if "Non-2xx" in out or "Socket errors" in out:
            raise bench.Trouble(f"nginx ({variant}): {out.strip()}")
        return (number(r"^Requests/sec:\s+([\d.]+)", out, "wrk"),
                number(r"^\s*(\d+) requests in", out, "wrk"))


class Postgres(Server):
    needs = tuple(os.path.join(POSTGRES, p)
                  for p in ("postgres", "initdb", "pgbench",
                           "pg_isready"))
    loads = {"PostgreSQL, reads": ["-S"], "PostgreSQL, reads and writes": []}
    user = "nobody" if os.geteuid() == 0 else None

    def tool(self, name):
        return os.path.join(POSTGRES, name)

    def data(self, variant):
        return os.path.join(self.where, "data-" + variant)

    def prepare(self):
        if self.user:
            shutil.chown(self.where, self.user)
        self.client(self.tool("initdb"), "-D", self.data("native"), "-U",
                    "bench", "-A", "trust", "--no-sync", "--no-instructions")
        self.start("native")
        self.client(*self.pgbench("native"), "-i", "-q", "-s", 5)
        self.stop("native")
        for variant in VARIANTS:
            if variant != "native":
                self.client("cp", "-a", self.data("native"),
                            self.data(variant))

    def command(self, variant):
        return [self.tool("postgres"), "-D", self.data(variant), "-p",
                str(self.ports[variant]), "-c", "listen_addresses=127.0.0.1",
                "-c", "unix_socket_directories=", "-c", "autovacuum=off"]

    def ready(self, variant):
        # It listens before it can do anything.
        return not subprocess.run(
            [self.tool("pg_isready"), "-q", "-h", "127.0.0.1", "-p",
             str(self.ports[variant])], timeout=30, check=False).returncode

    def pgbench(self, variant):
        return [self.tool("pgbench"), "-h", "127.0.0.1", "-p",
                self.ports[variant], "-U", "bench", "-d", "postgres"]

    def load(self, variant, args, seconds):
        out = self.client(*self.pgbench(variant), "-n", "-c", 4, "-T",
                          max(1, round(seconds)), *args)
        if number(r"failed transactions: (\d+)", out, "pgbench"):
            raise bench.Trouble(f"PostgreSQL ({variant}): {out.strip()}")
        return (number(r"^tps = ([\d.]+)", out, "pgbench"),
                number(r"actually processed: (\d+)", out, "pgbench"))


class Servers(bench.Bench):
    def __init__(self, args):
        super().__init__(args)
        self.starts = 1 if args.quick else STARTS
        self.seconds = 0.2 if args.quick else 1.0
        self.loads = []     # names of those that were measured
        self.looks = [["calls on the ring", "off", "ring", "auto",
                       "hints in auto"]]
        cores = sorted(os.sched_getaffinity(0))
        self.cores = {"server": cores[:1] if args.pin else cores,
                      "client": cores[-1:] if args.pin else cores}

    def env(self, variant):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("SHIM_", "LD_", "PG"))}
        if VARIANTS[variant] is not None:
            env.update(VARIANTS[variant], LD_PRELOAD=self.lib)
        return env

    def pin(self, role):
        return lambda: os.sched_setaffinity(0, self.cores[role])

    def look(self, server, name, args):
        """What becomes of the calls, in runs that are not measured."""
        row = [name]
        for variant in ("off", "ring", "auto"):
            stats = os.path.join(server.where, f"stats-{variant}")
            server.start(variant, stats)
            server.load(variant, args, 0.2)
            server.stop(variant)
            counts = counters(stats)
            os.unlink(stats)
            if not counts["calls"]:
                raise bench.Trouble(f"{name} ({variant}): nothing was counted")
            row += [f"{counts['ring'] / counts['calls']:.0%}"]
        self.looks.append([*row, str(counts["hints"])])

    def one_load(self, server, name, variant):
        """Microseconds per request: below 1 is faster, as everywhere else."""
        pid = server.up[variant].pid
        before = processor_time(pid)
        rate, requests = server.load(variant, server.loads[name],
                                     self.seconds)
        spent = processor_time(pid) - before
        into = self.samples.setdefault(name + CPU, {v: [] for v in VARIANTS})
        into[variant].append(1e6 * spent / requests)
        return 1e6 / rate

    def one_start(self, server, which):
        for variant in VARIANTS:
            server.start(variant)
        each = max(1, self.rounds // self.starts)
        for i in range(each):
            for name in server.loads:
                bench.progress(f"{name}, start {which + 1} of {self.starts}, "
                               f"round {i + 1} of {each}")
                self.rotate(name, {v: (lambda v=v, n=name: self.one_load(
                    server, n, v)) for v in VARIANTS})
        server.stop_all()

    def one_server(self, kind, top):
        missing = kind.missing()
        if missing:
            self.notes.append(f"left out for want of {', '.join(missing)}: "
                              f"{', '.join(kind.loads)}")
            return
        where = os.path.join(top, kind.__name__.lower())
        os.mkdir(where, 0o755)
        server = kind(where, self)
        try:
            server.prepare()
            for name, args in server.loads.items():
                self.look(server, name, args)
            for which in range(self.starts):
                self.one_start(server, which)
        finally:
            server.stop_all()
        self.loads += server.loads

    def measure(self):
        if not os.path.exists(self.lib):
            raise bench.Trouble(f"{self.lib}: not built")
        # Where the users that servers run as can read it.
        with tempfile.TemporaryDirectory(prefix="servers-") as top:
            os.chmod(top, 0o755)
            self.lib = shutil.copy(self.lib, top)
            for kind in (Redis, Nginx, Postgres):
                self.one_server(kind, top)
        bench.progress("")

    def table(self):
        rows = [["server, load", *(f"{v} us" for v in VARIANTS),
                 *(f"{v} / native" for v in VARIANTS if v != "native")]]
        for name in (n + what for n in self.loads for what in ("", CPU)):
            rows.append([name, *(f"{self.median(name, v):.1f}"
                                 for v in VARIANTS),
                         *(f"{self.ratio(name, v, 'native'):.2f}"
                           for v in VARIANTS if v != "native")])
        return rows

    def report(self):
        m = self.machine()
        for name in (n + what for n in self.loads for what in ("", CPU)):
            self.goal(f"{name}: auto / native",
                      self.ratio(name, "auto", "native"), LIMIT, "x",
                      self.quartiles(name, "auto", "native"))
        rounds = max(1, self.rounds // self.starts) * self.starts
        print(f"{m['date']}, {m['cpu']}, {m['cores']} cores, Linux "
              f"{m['kernel']}, {m['libc']};\nmedians of {rounds} rounds with "
              f"{self.starts} starts, load {m['load'][0]}; us per request, of "
              "all clients together.\n")
        if self.loads:
            for rows in (self.table(), self.goal_table(), self.looks):
                bench.print_table(rows)
                print()
        for note in self.notes:
            print("Note: " + note)
        self.save(m)

    def save(self, m):
        if self.args.json:
            with open(self.args.json, "w", encoding="ascii") as f:
                bench.json.dump({"machine": m, "goals": self.goals,
                                 "notes": self.notes,
                                 "samples": self.samples}, f, indent=1)
                f.write("\n")


def main():
    p = bench.parser(__doc__, 12)
    p.add_argument("--pin", action="store_true",
                   help="servers and what loads them on a core of their own; "
                   "only where nothing else runs")
    p.add_argument("--json", metavar="FILE", help="all samples")
    servers = Servers(bench.arguments(p, STARTS))
    return bench.run(servers, servers.measure)


if __name__ == "__main__":
    sys.exit(main())
