# SPDX-License-Identifier: MIT
"""Running one command natively and under the library, and comparing the two.

The library promises that a program cannot tell the difference, so the only
honest test is the program itself, run twice: what it prints, how it ends and
what it leaves on the disk have to be the same, byte for byte. A run that hangs is
a failure like any other, which is why every run has a limit of its own and why
everything that it started (its session, nothing else) is killed at the end.

Both sides get the same directory (emptied in between), the same environment
and the same limits; LD_PRELOAD and the SHIM_ variables are the one difference.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import enum
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
SYSCTL = Path("/proc/sys/kernel/io_uring_disabled")
# io_uring_disabled is one switch for the whole machine: whoever needs the ring holds
# this lock shared, whoever turns it off holds it alone.
SYSCTL_LOCK = Path("/tmp/libshim-io_uring_disabled.lock")
# All rings of an ordinary user count towards one RLIMIT_MEMLOCK (Linux 6.14).
MEMLOCK_LOCK = Path(f"/tmp/libshim-rings-of-{os.getuid()}.lock")

# Those that may be on the ring, then those that are only counted.
CALLS = tuple(
    """
    open openat creat read write connect close pread64 pwrite64 readv writev preadv pwritev
    preadv2 pwritev2 recvfrom sendto recvmsg sendmsg accept accept4
    recvmmsg sendmmsg dup dup2 dup3 fcntl pipe pipe2 socket close_range sendfile
    copy_file_range splice
    """.split()
)
MAX_DIFF_LINES = 80


class Side(enum.Enum):
    NATIVE = "native"
    SHIM = "shim"


@dataclasses.dataclass
class Outcome:
    """Everything that can be seen of a finished run."""

    status: str
    out: bytes
    err: bytes
    tree: str = ""
    seconds: float = 0.0
    pid: int = 0

    @property
    def ok(self) -> bool:
        return self.status == "exit 0"

    def text(self) -> str:
        """The run as lines, for a unified diff."""
        parts = [f"status: {self.status}\n"]
        for name, data in (("stdout", self.out), ("stderr", self.err)):
            parts.append(f"--- {name} ({len(data)} bytes, sha256 {digest(data)})\n")
            parts.append(printable(data))
        if self.tree:
            parts.append("--- files left behind\n" + self.tree)
        return "".join(parts)


def title_of(argv: Sequence[str]) -> str:
    """A command line, cut short: scripts are long, and stand in the test."""
    text = " ".join(" ".join(argv).split())
    return "$ " + (text if len(text) < 100 else text[:97] + "...")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def printable(data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return text if not text or text.endswith("\n") else text + "\n"


def status_text(code: int) -> str:
    """What wait() said, in words."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit {code}"


def unified(native: str, shim: str, title: str = "") -> str:
    lines = list(
        difflib.unified_diff(
            native.splitlines(), shim.splitlines(), "native", "shim", lineterm="", n=2
        )
    )
    if len(lines) > MAX_DIFF_LINES:
        lines = [*lines[:MAX_DIFF_LINES], f"... {len(lines) - MAX_DIFF_LINES} more lines"]
    return "\n".join([title, *lines] if title else lines)


def list_tree(top: Path) -> str:
    """Names, types, modes and contents below a directory, one line each."""
    lines = []
    for path in sorted(top.rglob("*")):
        info = path.lstat()
        name = path.relative_to(top)
        if stat.S_ISREG(info.st_mode):
            what = f"{info.st_size} {digest(path.read_bytes())}"
        elif stat.S_ISLNK(info.st_mode):
            what = "-> " + os.readlink(path)
        else:
            what = ""
        lines.append(f"{stat.filemode(info.st_mode)} {name} {what}".rstrip() + "\n")
    return "".join(lines)


def members_of_session(session: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            after_name = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            if int(after_name[3]) == session and after_name[0] not in "ZX":
                found.append(int(entry))
    return found


def kill_session(session: int) -> list[int]:
    """Kill whatever is left of a session that we started; say what it was."""
    killed = []
    for _ in range(100):
        members = members_of_session(session)
        if not members:
            break
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed += members
        time.sleep(0.01)
    return killed


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s in vain: {what}")
        time.sleep(0.02)


def wait_listening(port: int, timeout: float = 20.0) -> None:
    """Wait for a listener without connecting: a connection would be seen."""
    needle = f"0100007F:{port:04X} 00000000:0000 0A"

    def listening() -> bool:
        return needle in Path("/proc/net/tcp").read_text()

    wait_until(listening, f"nobody listens on port {port}", timeout)


# What has to be installed: one list, .ci/packages, serves the installer and us.


def read_packages(path: Path = TOP / ".ci" / "packages") -> dict[str, str]:
    """Program name -> Debian package."""
    result = {}
    for line in path.read_text().splitlines():
        package, _, programs = line.partition("#")
        for program in programs.split() if package.strip() else ():
            result[program] = package.strip()
    return result


PACKAGE_OF = read_packages()


def need(*programs: str) -> None:
    """Fail, naming the package, if a program that a test runs is missing."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for program in programs:
        package = PACKAGE_OF.get(program)
        assert package, f"{program} is not in .ci/packages: add it to the line of its package"
        assert shutil.which(program, path=path), (
            f"{program} is missing: install the Debian package {package} (or run .ci/setup)"
        )


# The report of SHIM_STATS.


@dataclasses.dataclass
class Stats:
    """`CALL ROUTE COUNT` lines, added up; and how many programs had libc's own
    functions patched, or not: a line of the file, part of the header on stderr."""

    counts: dict[tuple[str, str], int] = dataclasses.field(default_factory=dict)
    patched: int = 0
    unpatched: int = 0
    hints: dict[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Stats:
        stats = cls()
        for line in text.splitlines():
            if line.startswith("#"):
                stats.patched += ", patch on:" in line
                stats.unpatched += ", patch off:" in line
                continue
            if not line.strip():
                continue
            if match := re.fullmatch(r"process +(patched|unpatched) +(\d+) *", line):
                setattr(stats, match[1], getattr(stats, match[1]) + int(match[2]))
                continue
            if match := re.fullmatch(r"prefetch +(hints|used|wasted|bytes) +(\d+) *", line):
                stats.hints[match[1]] = stats.hints.get(match[1], 0) + int(match[2])
                continue
            match = re.fullmatch(r"(\w+) +(\S+) +(\d+) *", line)
            assert match, f"not a line of the report: {line!r}\n{text}"
            call, route, count = match[1], match[2], int(match[3])
            assert call in CALLS, f"unknown call in the report: {line!r}"
            known = route in ("ring", "errors", "bytes", "waits", "cancels", "abandoned")
            assert known or re.fullmatch(r"native:[a-z-]+", route), f"unknown route: {line!r}"
            key = (call, route)
            stats.counts[key] = stats.counts.get(key, 0) + count
        return stats

    def get(self, call: str, route: str) -> int:
        return self.counts.get((call, route), 0)

    def calls(self, *names: str) -> int:
        """All calls of these names, whichever way they took."""
        return sum(
            count
            for (call, route), count in self.counts.items()
            if call in names and (route == "ring" or route.startswith("native:"))
        )

    def ring(self, *names: str) -> int:
        return sum(self.get(name, "ring") for name in names or CALLS)

    def reasons(self) -> dict[str, int]:
        result: dict[str, int] = {}
        for (_, route), count in self.counts.items():
            if route.startswith("native:") and count:
                result[route[7:]] = result.get(route[7:], 0) + count
        return result

    def text(self) -> str:
        return "".join(f"{c} {r} {n}\n" for (c, r), n in sorted(self.counts.items()))


@contextlib.contextmanager
def lock(path: Path, exclusive: bool, timeout: float = 600.0) -> Iterator[None]:
    """Held by test runs that share something, or by the one that needs all of it."""
    # May belong to another user: a lock needs no write permission.
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        fd = os.open(path, flags | os.O_CREAT, 0o644)
    try:
        end = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < end, f"{path} is held by another test run"
                time.sleep(0.1)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def sysctl_disabled() -> Iterator[None]:
    """No new ring on this machine for as long as this lasts."""
    before = SYSCTL.read_text()
    try:
        SYSCTL.write_text("2\n")
        yield
    finally:
        SYSCTL.write_text(before)


def can_write_sysctl() -> bool:
    return os.geteuid() == 0 and os.access(SYSCTL, os.W_OK)


@dataclasses.dataclass
class Harness:
    """Where the library is and which variant of the suite this is."""

    lib: Path
    build: Path
    variant: str = "ring"
    deny: str = ""
    scratch: Path = Path("/nonexistent")
    counter: int = 0

    def prefix(self) -> list[str]:
        """What stands before the command, on both sides."""
        if self.variant == "denied" and self.deny in ("memlock", "seccomp"):
            return [str(self.build / "deny_uring"), f"--{self.deny}"]
        return []

    def env(self, side: Side, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.scratch / "home"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "dumb",
            "USER": "tester",
            "SHELL": "/bin/sh",
        }
        if side is Side.SHIM:
            env["LD_PRELOAD"] = str(self.lib)
            if self.variant == "off":
                env["SHIM_MODE"] = "off"
            if self.variant == "auto":
                env.update(SHIM_MODE="auto", SHIM_PREFETCH="eager")
            if self.variant == "nopatch":
                env["SHIM_PATCH"] = "off"
        env.update(extra or {})
        return env

    def fresh_dir(self, name: str = "cwd") -> Path:
        """An empty directory; the same path every time, so that it may be printed."""
        path = self.scratch / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        (self.scratch / "home").mkdir(exist_ok=True)
        return path

    def temp_name(self, stem: str) -> Path:
        self.counter += 1
        return self.scratch / f"{stem}.{self.counter}"

    @contextlib.contextmanager
    def start(
        self,
        side: Side,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        **popen: object,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A process in a session of its own, all of which is gone afterwards."""
        process = subprocess.Popen(  # type: ignore[call-overload]
            [*self.prefix(), *argv],
            cwd=cwd,
            env=self.env(side, env),
            start_new_session=True,
            **popen,
        )
        try:
            yield process
        finally:
            kill_session(process.pid)
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()

    def run(
        self,
        side: Side,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float = 30.0,
        tree: bool = False,
    ) -> Outcome:
        cwd = cwd or self.fresh_dir()
        begin = time.monotonic()
        pipe = subprocess.PIPE
        with self.start(
            side, argv, cwd=cwd, env=env, stdin=pipe, stdout=pipe, stderr=pipe
        ) as process:
            try:
                out, err = process.communicate(stdin, timeout=timeout)
                status = status_text(process.returncode)
            except subprocess.TimeoutExpired:
                kill_session(process.pid)
                try:
                    out, err = process.communicate(timeout=5)
                except subprocess.TimeoutExpired as late:  # held open outside the session
                    out, err = late.stdout or b"", late.stderr or b""
                status = f"HANGS: killed after {timeout:g} s"
        seconds = time.monotonic() - begin
        listing = list_tree(cwd) if tree else ""
        return Outcome(status, out, err, listing, seconds, process.pid)

    def compare(
        self,
        argv: Sequence[str],
        *,
        setup: Callable[[Path], object] | None = None,
        normalise: Callable[[bytes], bytes] | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float = 30.0,
        tree: bool = False,
        expect: str | None = None,
    ) -> Outcome:
        """Run both, insist on equality; returns the native outcome.

        `normalise` is for output that is not even natively the same twice, and
        that has to be shown: two native runs differ without it, and agree with.
        `expect` is a status the native run must have, so that two equal failures
        do not pass for success.
        """

        def go(side: Side) -> Outcome:
            cwd = self.fresh_dir()
            if setup:
                setup(cwd)
            return self.run(
                side, argv, cwd=cwd, env=env, stdin=stdin, timeout=timeout, tree=tree
            )

        def clean(outcome: Outcome) -> Outcome:
            if not normalise:
                return outcome
            return dataclasses.replace(
                outcome, out=normalise(outcome.out), err=normalise(outcome.err)
            )

        title = title_of(argv)
        native = go(Side.NATIVE)
        assert not native.status.startswith("HANGS"), f"{title}\nhangs natively\n{native.text()}"
        if expect:
            assert native.status == expect, f"{title}\nthe native run fails\n{native.text()}"
        if normalise:
            raw = {native.out + native.err}
            for _ in range(3):
                again = go(Side.NATIVE)
                raw.add(again.out + again.err)
                assert clean(again).text() == clean(native).text(), (
                    "two native runs differ even when normalised:\n"
                    + unified(clean(native).text(), clean(again).text(), title)
                )
                if len(raw) > 1:
                    break
            assert len(raw) > 1, f"{title}\nnatively always the same: do not normalise"
        shim = go(Side.SHIM)
        if clean(native).text() != clean(shim).text():
            raise AssertionError(unified(clean(native).text(), clean(shim).text(), title))
        return native

    def compare_scenes(self, scene: Callable[[Side], str], title: str) -> str:
        """The same for what needs a driver: `scene` plays it and writes it down."""
        native = scene(Side.NATIVE)
        shim = scene(Side.SHIM)
        if native != shim:
            raise AssertionError(unified(native, shim, title))
        return native

    def stats(
        self,
        argv: Sequence[str],
        *,
        setup: Callable[[Path], object] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> tuple[Stats, Outcome]:
        """One more shimmed run, for its counters."""
        report = self.temp_name("stats")
        cwd = self.fresh_dir()
        if setup:
            setup(cwd)
        merged = {"SHIM_STATS": str(report), **(env or {})}
        outcome = self.run(Side.SHIM, argv, cwd=cwd, env=merged, timeout=timeout)
        assert not outcome.status.startswith("HANGS"), (
            f"hangs with SHIM_STATS={report}\n{title_of(argv)}\n{outcome.text()}"
        )
        assert report.exists(), f"no report was written\n{outcome.text()}"
        return Stats.parse(report.read_text()), outcome
