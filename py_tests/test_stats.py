# SPDX-License-Identifier: MIT
"""What the library says about itself, and what it must never show.

The counters are what makes "on the ring" a fact instead of a hope, so they are
held against strace's count of the native run, and against every way that a
process can end. The rest looks at the process from outside: rings per thread,
no worker, no descriptor, no output, no symbol that a program could meet.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from shimtest import (
    PYTHON,
    Harness,
    Outcome,
    Side,
    Stats,
    can_write_sysctl,
    need,
    sysctl_disabled,
    unified,
    wait_until,
)

# The same in every variant, or only meaningful with a ring: once is enough.
pytestmark = pytest.mark.variants("ring")

OPENS = ("open", "openat", "creat")
ENDINGS = {
    "exit": "exit 0",
    "_exit": "exit 3",
    "kill": "killed by SIGKILL",
    "abort": "killed by SIGABRT",
}


@pytest.fixture
def known(harness: Harness) -> str:
    program = harness.build / "programs" / "known_counts"
    assert program.exists(), f"{program} is missing: run `make programs`"
    return str(program)


class Expected:
    """What strace saw of the native run between the two marks."""

    def __init__(self, log: str) -> None:
        self.calls: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        inside = False
        for line in log.splitlines():
            match = re.match(r"(?:\d+ +)?(\w+)\(.*\) += (-?\d+)", line)
            if not match:
                continue
            name, result = match[1], int(match[2])
            if name == "getsid":
                inside = not inside
            elif inside:
                name = "open" if name in OPENS else name
                self.calls[name] += 1
                self.errors[name] += result < 0
                if name in ("read", "write") and result > 0:
                    self.bytes[name] += result

    def check(self, stats: Stats) -> None:
        for name in ("open", "read", "write", "connect", "close"):
            group = OPENS if name == "open" else (name,)
            seen = {
                "calls": stats.calls(*group),
                "errors": sum(stats.get(call, "errors") for call in group),
                "bytes": sum(stats.get(call, "bytes") for call in group),
            }
            want = {
                "calls": self.calls[name],
                "errors": self.errors[name],
                "bytes": self.bytes[name],
            }
            assert seen == want, f"{name}: counted {seen}, strace {want}\n{stats.text()}"


@pytest.fixture
def expected(harness: Harness, known: str) -> Expected:
    need("strace")
    log = harness.temp_name("strace")
    trace = "trace=open,openat,creat,read,write,connect,close,getsid"
    outcome = harness.run(Side.NATIVE, ["strace", "-f", "-o", str(log), "-e", trace, known])
    assert outcome.ok, outcome.text()
    result = Expected(log.read_text())
    assert sum(result.calls.values()) > 50, log.read_text()
    return result


# The report


def test_counts_are_those_of_strace(harness: Harness, known: str, expected: Expected) -> None:
    stats, outcome = harness.stats([known])
    assert outcome.ok and outcome.out == b"done\n" and not outcome.err, outcome.text()
    expected.check(stats)


def test_counts_in_mode_off(harness: Harness, known: str, expected: Expected) -> None:
    stats, outcome = harness.stats([known], env={"SHIM_MODE": "off"})
    assert outcome.ok and not outcome.err, outcome.text()
    expected.check(stats)
    assert stats.ring() == 0, stats.text()


@pytest.mark.parametrize("ending", ENDINGS)
def test_counts_survive_every_end(
    harness: Harness, known: str, expected: Expected, ending: str
) -> None:
    stats, outcome = harness.stats([known, ending])
    assert outcome.status == ENDINGS[ending], outcome.text()
    assert outcome.out == b"done\n" and not outcome.err, outcome.text()
    expected.check(stats)


def test_killed_while_blocked(harness: Harness) -> None:
    """A report is there although the process never came back from its read."""
    report = harness.temp_name("stats")
    pipe = subprocess.PIPE
    env = {"SHIM_STATS": str(report), "LC_ALL": "C"}  # no locale is read
    cwd = harness.fresh_dir()
    with harness.start(Side.SHIM, ["cat"], cwd=cwd, env=env, stdin=pipe, stdout=pipe) as cat:
        assert cat.stdin and cat.stdout
        cat.stdin.write(b"through\n")
        cat.stdin.flush()
        assert cat.stdout.readline() == b"through\n"
        time.sleep(0.1)
        cat.kill()
        cat.wait(10)
    stats = Stats.parse(report.read_text())
    assert stats.calls("read") >= 1 and stats.calls("write") == 1, stats.text()
    assert stats.get("read", "bytes") == stats.get("write", "bytes") == 8, stats.text()


@pytest.mark.variants("ring", "off")
def test_split_and_cancelled_calls_are_counted(harness: Harness) -> None:
    """Two of each, each cancelled while its rest waits for space."""
    stats, outcome = harness.stats([str(harness.build / "programs" / "cancel_split")])
    assert outcome.status == "exit 0", outcome.text()
    for call in ("write", "writev", "sendto", "sendmsg"):
        assert stats.calls(call) == 2, stats.text()


@pytest.mark.variants("ring")
def test_the_ring_is_used_after_an_exception(harness: Harness) -> None:
    """A call that an exception has left is not in progress any more, so that no
    later call is taken for one that is nested in it."""
    stats, outcome = harness.stats([str(harness.build / "programs" / "throw_storm")], timeout=60)
    assert outcome.status == "exit 0", outcome.text()
    assert stats.get("write", "abandoned") > 0, stats.text()
    assert stats.reasons().get("nested", 0) * 1000 < stats.ring("read", "write"), stats.text()


def test_report_on_stderr(harness: Harness, known: str, expected: Expected) -> None:
    outcome = harness.run(Side.SHIM, [known], env={"SHIM_STATS": "1"})
    assert outcome.ok and outcome.out == b"done\n", outcome.text()
    expected.check(Stats.parse(outcome.err.decode()))


def test_report_per_process(harness: Harness, known: str) -> None:
    where = harness.fresh_dir("reports")
    script = f"{known}; {known}; exec {known}"
    env = {"SHIM_STATS": str(where / "stats.%p")}
    outcome = harness.run(Side.SHIM, ["sh", "-c", script], env=env)
    assert outcome.out == b"done\n" * 3 and not outcome.err, outcome.text()
    reports = sorted(path.name for path in where.iterdir())
    assert f"stats.{outcome.pid}" in reports and len(reports) == 3, reports
    for name in reports:
        assert re.fullmatch(r"stats\.\d+", name), name
        assert Stats.parse((where / name).read_text()).calls("connect") >= 5, name


def test_processes_add_up_in_one_file(harness: Harness, known: str, expected: Expected) -> None:
    report = harness.temp_name("shared")
    env = harness.env(Side.SHIM, {"SHIM_STATS": str(report)})
    runs = []
    try:
        for number in range(8):
            cwd = harness.fresh_dir(f"cwd{number}")
            end = "kill" if number % 2 else "exit"
            out = subprocess.DEVNULL
            runs.append(subprocess.Popen([known, end], cwd=cwd, env=env, stdout=out))
        for run in runs:
            run.wait(30)
    finally:
        for run in runs:
            run.kill()
            run.wait()
    stats = Stats.parse(report.read_text())
    for name in ("read", "write", "connect", "close"):
        assert stats.calls(name) == 8 * expected.calls[name], stats.text()
    assert stats.get("write", "bytes") == 8 * expected.bytes["write"], stats.text()


def test_fork_without_exec_is_counted(harness: Harness) -> None:
    """Children that are copies of a counting process count on their own."""
    script = """
import os
r, w = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        for _ in range(10):
            os.write(w, b'12345')
        os._exit(0)
for _ in range(3):
    os.wait()
os.write(2, b'%d' % len(os.read(r, 1000)))
"""
    quiet, _ = harness.stats([PYTHON, "-S", "-E", "-c", "import os; os.write(2, b'x')"])
    stats, outcome = harness.stats([PYTHON, "-S", "-E", "-c", script])
    assert outcome.err == b"150", outcome.text()
    assert stats.calls("write") == quiet.calls("write") + 30, stats.text()


@pytest.mark.parametrize("file", ["/nonexistent/directory/stats", "/proc/version", "/"])
def test_unwritable_file(harness: Harness, known: str, file: str) -> None:
    plain = harness.run(Side.NATIVE, [known])
    outcome = harness.run(Side.SHIM, [known], env={"SHIM_STATS": file})
    assert (outcome.status, outcome.out) == (plain.status, plain.out), outcome.text()
    lines = outcome.err.decode().splitlines()
    assert len(lines) == 1 and file in lines[0] and "SHIM_STATS" in lines[0], outcome.text()


def test_file_that_is_not_ours(harness: Harness, known: str) -> None:
    """A typing error must not cost anybody a file."""
    precious = harness.temp_name("precious")
    precious.write_text("years of work\n")
    outcome = harness.run(Side.SHIM, [known], env={"SHIM_STATS": str(precious)})
    assert outcome.ok and outcome.out == b"done\n", outcome.text()
    assert precious.read_text().startswith("years of work\n"), precious.read_text()[:200]


# The settings


@pytest.mark.parametrize("value", ["fast", "RING", "ring ", "1"])
def test_unknown_mode(harness: Harness, known: str, value: str) -> None:
    env = {"SHIM_MODE": value}
    stats, outcome = harness.stats([known, "_exit"], env=env)
    assert outcome.status == "exit 3" and outcome.out == b"done\n", outcome.text()
    lines = outcome.err.decode().splitlines()
    assert len(lines) == 1, outcome.text()
    assert all(word in lines[0] for word in ("SHIM_MODE", "ring", "off")), lines[0]
    assert stats.ring() == 0, stats.text()


def test_silent_when_all_is_well(harness: Harness, known: str) -> None:
    for env in ({}, {"SHIM_MODE": "ring"}, {"SHIM_MODE": "off"}):
        harness.compare([known], env=env, expect="exit 0")


# The rings

RING_CALLS = "trace=io_uring_setup,io_uring_enter,io_uring_register"


def ring_calls_by_thread(log: str) -> dict[int, Counter[str]]:
    result: dict[int, Counter[str]] = {}
    for line in log.splitlines():
        match = re.match(r"(\d+) +(io_uring_\w+)\(", line)
        if match:
            result.setdefault(int(match[1]), Counter())[match[2]] += 1
    return result


def test_each_thread_uses_its_own_ring(harness: Harness) -> None:
    need("strace")
    program = str(harness.build / "programs" / "threads_each_ring")
    log = harness.temp_name("strace")
    argv = ["strace", "-f", "-o", str(log), "-e", RING_CALLS]
    argv += ["-E", f"LD_PRELOAD={harness.lib}", program]
    native = harness.run(Side.NATIVE, [program])
    traced = harness.run(Side.NATIVE, argv)
    assert traced.text() == native.text(), unified(native.text(), traced.text())

    by_thread = ring_calls_by_thread(log.read_text())
    rings = {tid: calls for tid, calls in by_thread.items() if calls["io_uring_setup"]}
    busy = {tid for tid, calls in rings.items() if calls["io_uring_enter"] >= 100}
    shown = "\n".join(f"{tid}: {dict(calls)}" for tid, calls in sorted(by_thread.items()))
    assert len(busy) == 8, f"8 threads with 200 calls each, rings used by {len(busy)}:\n{shown}"
    strangers = [t for t, calls in by_thread.items() if calls["io_uring_enter"] and t not in rings]
    assert not strangers, f"entered without a ring of its own: {strangers}\n{shown}"
    twice = [tid for tid, calls in rings.items() if calls["io_uring_setup"] > 2]
    assert not twice, f"more than one ring (and a smaller form tried): {twice}\n{shown}"


def test_off_makes_no_ring(harness: Harness) -> None:
    need("strace")
    program = str(harness.build / "programs" / "threads_each_ring")
    log = harness.temp_name("strace")
    argv = ["strace", "-f", "-o", str(log), "-e", RING_CALLS]
    argv += ["-E", f"LD_PRELOAD={harness.lib}", "-E", "SHIM_MODE=off", program]
    assert harness.run(Side.NATIVE, argv).ok
    assert not ring_calls_by_thread(log.read_text())


def check_denied(harness: Harness, known: str, reason: str, prefix: list[str]) -> None:
    """Same result as native, nothing printed, the reason counted, no ring."""

    def visible(outcome: Outcome) -> tuple[str, bytes, bytes]:
        return outcome.status, outcome.out, outcome.err

    threads = str(harness.build / "programs" / "threads_each_ring")
    for argv in ([*prefix, known, "_exit"], [*prefix, threads]):
        native = harness.run(Side.NATIVE, argv)
        plain = harness.run(Side.SHIM, argv)
        assert visible(plain) == visible(native), plain.text()
        stats, counted = harness.stats(argv)
        assert visible(counted) == visible(native), counted.text()
        assert stats.ring() == 0, stats.text()
        assert stats.reasons().get(reason, 0) > 0, f"no native:{reason}\n{stats.text()}"


def test_no_locked_memory(harness: Harness, known: str) -> None:
    launcher = str(harness.build / "deny_uring")
    probe = subprocess.run([launcher, "--memlock", launcher, "--probe"], capture_output=True)
    if probe.returncode == 0:
        pytest.skip("this kernel does not count rings as locked memory")
    check_denied(harness, known, "no-ring", [launcher, "--memlock"])


@pytest.mark.parametrize("how", ["--seccomp", "--seccomp=EPERM"])
def test_inherited_filter(harness: Harness, known: str, how: str) -> None:
    check_denied(harness, known, "sandbox", [str(harness.build / "deny_uring"), how])


def test_sysctl(harness: Harness, known: str) -> None:
    if not can_write_sysctl():
        pytest.skip("kernel.io_uring_disabled can only be set by root")
    # Our own session holds the lock shared (other sessions may, too): this is
    # short, and what they would see is a reason that they allow for.
    with sysctl_disabled():
        check_denied(harness, known, "no-ring", [])


# What nobody may see


def test_no_worker_thread(harness: Harness) -> None:
    script = """
import os
before = os.listdir('/proc/self/task')
names = ['/usr/include/linux/' + n for n in sorted(os.listdir('/usr/include/linux'))]
r, w = os.pipe()
out = os.open('written', os.O_RDWR | os.O_CREAT)
for name in names:
    fd = os.open(name, os.O_RDONLY)
    try:
        data = os.read(fd, 20000)
        os.write(out, data); os.write(w, data[:100]); os.read(r, 100)
    except OSError as e:
        print(name, e)
    os.close(fd)
os.fsync(out)
after = os.listdir('/proc/self/task')
print(before == after, len(after), open('/proc/self/status').read().count('Threads:\\t1\\n'))
"""
    harness.compare([PYTHON, "-c", script], expect="exit 0", tree=True)


@contextlib.contextmanager
def worker_trace() -> Iterator[Path]:
    """An instance of the tracer that sees who is handed to a worker, for our
    processes only."""
    with tempfile.TemporaryDirectory(prefix="shimtest.") as name:
        top = Path("/sys/kernel/tracing")
        mounted = not (top / "instances").is_dir()
        if mounted:
            top = Path(name)
            done = subprocess.run(
                ["mount", "-t", "tracefs", "nodev", name], capture_output=True, check=False
            )
            if done.returncode != 0:
                pytest.skip("tracefs cannot be mounted here")
        instance = top / "instances" / f"shimtest.{os.getpid()}"
        try:
            try:
                instance.mkdir()
            except OSError as error:
                pytest.skip(f"no tracer instance: {error}")
            event = instance / "events/io_uring/io_uring_queue_async_work/enable"
            if not event.exists():
                pytest.skip("this kernel has no such tracepoint")
            (instance / "options/event-fork").write_text("1")
            (instance / "set_event_pid").write_text("1")  # nobody of ours, yet
            event.write_text("1")
            yield instance
        finally:
            with contextlib.suppress(OSError):
                instance.rmdir()
            if mounted:
                subprocess.run(["umount", name], capture_output=True, check=False)


PUNT = r"""
#include <liburing.h>
int main(void)
{
	struct io_uring ring; struct io_uring_cqe *cqe; struct io_uring_sqe *sqe;
	if (io_uring_queue_init(4, &ring, 0)) return 1;
	sqe = io_uring_get_sqe(&ring); io_uring_prep_nop(sqe); sqe->flags |= IOSQE_ASYNC;
	return io_uring_submit_and_wait(&ring, 1) != 1 || io_uring_wait_cqe(&ring, &cqe);
}
"""


def test_nothing_is_handed_to_a_worker(harness: Harness, known: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("tracepoints are for root")
    need("gcc", "tar", "grep", "xargs")
    punt = harness.scratch / "punt"
    source = ["gcc", "-x", "c", "-", "-o", str(punt), "-luring"]
    subprocess.run(source, input=PUNT.encode(), check=True)
    with worker_trace() as instance:

        def count(command: str) -> int:
            (instance / "trace").write_text("")
            enter = f"echo $$ >>{instance}/set_event_pid && "
            with_shim = f"export LD_PRELOAD={harness.lib}; {command}"
            argv = ["sh", "-c", enter + 'exec sh -c "$1"', "sh", with_shim]
            outcome = harness.run(Side.NATIVE, argv, timeout=60)
            assert outcome.ok, outcome.text()
            return (instance / "trace").read_text().count("io_uring_queue_async_work:")

        assert count(f"LD_PRELOAD= {punt}") == 1, "the tracepoint does not count"
        each = harness.build / "programs" / "threads_each_ring"
        for command in (
            "tar cf copy.tar -C /usr/include linux; mkdir x; tar xf copy.tar -C x",
            "grep -r define /usr/include/linux | sort | tail -n 1; cp -r /usr/include/linux y",
            "seq 3000 | while read x; do echo $x; done >z; seq 9 | xargs -P3 -n1 expr 1 + | cat",
            f"{known}; {each}",
            "dd if=/dev/zero of=big bs=1M count=20 conv=fsync; cat big | md5sum; yes | head -n 99",
        ):
            assert count(f"{{ {command}; }} >/dev/null 2>&1; true") == 0, command


def test_no_descriptor_in_an_idle_process(harness: Harness) -> None:
    """/proc/PID/fd, threads and memory maps of a process that has used the ring
    and now does something else."""
    script = """
import os, threading, time
r, w = os.pipe()
def use():
    for _ in range(10):
        os.write(w, b'x'); os.read(r, 1)
    os.close(os.open('/etc/passwd', os.O_RDONLY))
    print('ready', flush=True); time.sleep(30)
use_too = threading.Thread(target=use, daemon=True); use_too.start(); use()
"""

    def scene(side: Side) -> str:
        cwd = harness.fresh_dir()
        pipe = subprocess.PIPE
        argv = [PYTHON, "-c", script]
        with harness.start(side, argv, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            assert process.stdout
            assert process.stdout.readline() + process.stdout.readline() == b"ready\n" * 2
            proc = Path(f"/proc/{process.pid}")

            def asleep(task: Path) -> bool:
                return (task / "stat").read_text().rpartition(")")[2].split()[0] == "S"

            wait_until(lambda: all(map(asleep, (proc / "task").iterdir())), "never idle")
            fds = sorted((proc / "fd").iterdir(), key=lambda path: int(path.name))
            lines = [f"{fd.name} {re.sub('[0-9]+', 'N', os.readlink(fd))}" for fd in fds]
            lines.append(f"threads {len(list((proc / 'task').iterdir()))}")
            maps = (proc / "maps").read_text()
            lines += re.findall(r"\S*(?:io_uring|anon_inode|memfd)\S*", maps)
            return "\n".join(lines)

    harness.compare_scenes(scene, "descriptors and threads of an idle process")


def test_environment_is_untouched(harness: Harness) -> None:
    def without_ours(outcome: Outcome) -> list[bytes]:
        lines = outcome.out.splitlines()
        return [line for line in lines if not line.startswith((b"LD_PRELOAD=", b"SHIM_"))]

    native = harness.run(Side.NATIVE, ["env"])
    shim = harness.run(Side.SHIM, ["env"])
    assert without_ours(native) == without_ours(shim)
    assert not shim.err


# The file


def readelf(path: Path, *options: str) -> str:
    need("readelf")
    argv = ["readelf", "-W", *options, str(path)]
    return subprocess.run(argv, capture_output=True, check=True, text=True).stdout


def defined_symbols(path: Path) -> set[str]:
    """Names that others could bind to."""
    names = set()
    for line in readelf(path, "--dyn-syms").splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[4] in ("GLOBAL", "WEAK") and fields[6] != "UND":
            if fields[6] != "ABS" and fields[5] in ("DEFAULT", "PROTECTED"):
                names.add(fields[7].split("@")[0])
    return names


def test_needs_only_libc_and_liburing(harness: Harness) -> None:
    needed = set(re.findall(r"\(NEEDED\).*\[(.*?)\]", readelf(harness.lib, "-d")))
    allowed = {"libc.so.6", "liburing.so.2", "ld-linux-x86-64.so.2"}
    assert needed <= allowed, needed - allowed


FAMILIES = """
    open open64 openat openat64 creat creat64 __open __open64 __open_2 __open64_2 __openat_2
    __openat64_2 read __read __read_chk write __write close __close connect __connect
""".split()


def test_exports_only_what_it_interposes(harness: Harness) -> None:
    """Every symbol of ours stands in front of one of libc's, and no other name is
    there for a program to trip over."""
    ours = defined_symbols(harness.lib)
    missing = set(FAMILIES) - ours
    assert not missing, f"not interposed: {sorted(missing)}"
    libc = Path(f"/proc/{os.getpid()}/maps").read_text()
    path = re.search(r"\S+/libc\.so\.6", libc)
    assert path
    strangers = ours - defined_symbols(Path(path[0]))
    assert not strangers, f"exported, and not in libc: {sorted(strangers)}"


def test_common_programs_ride_the_ring(harness: Harness) -> None:
    """The end-to-end comparison would pass if nothing ever rode: here it does."""
    need("tar", "bash", "dash", "grep")
    tar, _ = harness.stats(["sh", "-c", "tar cf - -C /usr/include linux | cat | tail -c 9"])
    for call in ("read", "close"):  # its writes of 10 KiB may split
        assert tar.ring(call) > 100, tar.text()
    assert tar.ring("open", "openat") > 100, tar.text()
    loop = "seq 1000 | while read -r x; do echo $x; done | tail -n 1"
    for shell, writes in (("bash", 0), ("dash", 1000)):  # bash writes through stdio
        stats, outcome = harness.stats([shell, "-c", loop])
        assert outcome.out == b"1000\n", outcome.text()
        assert stats.ring("read") > 1000 and stats.ring("write") >= writes, stats.text()
