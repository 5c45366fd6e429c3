# SPDX-License-Identifier: MIT
"""SHIM_MODE=auto: what runs ahead of the program, and that nobody notices.

The walks are slow on purpose, so that something can run ahead of them on a machine
whose disk is fast, and SHIM_PREFETCH=eager waits for no evidence. On a machine that
is busy they may still be too fast: then they are made slower. What a program
shows is compared with what it shows natively, as everywhere; beside that the
counters tell whether anything was guessed at all, and strace(1) what was touched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from shimtest import PYTHON, Harness, Side, Stats, need

pytestmark = pytest.mark.variants("auto")

DIRS, FILES, SIZE = 5, 60, 8192
PAUSES = ("0.0005", "0.002", "0.008", "0.02")

# argv: how, tree, most. Prints what it read; sleeps after each file.
WALKER = r"""
import os, sys, time, zlib
how, top, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
seen = [0]
def rest():
    seen[0] += 1
    time.sleep(float(os.environ["PAUSE"]))
    return seen[0] >= most
def read(path, dirfd=None):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK, dir_fd=dirfd)
    except OSError as e:
        print(path, e.strerror)
        return rest()
    print(path, zlib.crc32(os.read(fd, 1 << 20)))
    os.close(fd)
    return rest()
def by_fd(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    for entry in list(os.scandir(fd)):
        if entry.is_dir(follow_symlinks=False):
            if by_fd(os.path.join(path, entry.name)):
                return True
        elif entry.is_file(follow_symlinks=False) and read(entry.name, fd):
            return True
    os.close(fd)
def by_path(path, key):
    entries = list(os.scandir(path))
    for entry in sorted(entries, key=key) if key else entries:
        if entry.is_dir(follow_symlinks=False):
            if by_path(entry.path, key):
                return True
        elif entry.is_file(follow_symlinks=False) and read(entry.path):
            return True
def both(path):
    for entry in os.scandir(path):
        st = os.stat(entry.path, follow_symlinks=False)
        if (both if entry.is_dir(follow_symlinks=False) else read)(entry.path):
            return True
def look(path):
    for entry in os.scandir(path):
        st = os.stat(entry.path, follow_symlinks=False)
        print(entry.path, st.st_size if entry.is_file(follow_symlinks=False) else "")
        if rest() or entry.is_dir(follow_symlinks=False) and look(entry.path):
            return True
def flat(path):
    for base, dirs, files in os.walk(path):
        for name in files:
            if read(os.path.join(base, name)):
                return True
{"dirfd": by_fd, "listed": lambda p: by_path(p, None), "walk": flat, "stat": look, "both": both,
 "name": lambda p: by_path(p, lambda e: e.name),
 "inode": lambda p: by_path(p, lambda e: e.inode())}[how](top)
"""

OPERANDS = r"""
import os, sys, time, zlib
for path in sys.argv[1:]:
    with open(path, "rb") as f: print(path, zlib.crc32(f.read()))
    time.sleep(float(os.environ["PAUSE"]))
"""


def plant(top: Path) -> None:
    for d in range(DIRS):
        (top / f"d{d}").mkdir(parents=True)
        for f in range(FILES):
            # Neither order of names nor of inodes is that of creation.
            name = f"f{(f * 37) % FILES:03}"
            (top / f"d{d}" / name).write_bytes(bytes([d, f]) * (SIZE // 2))


@pytest.fixture
def walk(harness: Harness) -> Callable[..., dict[str, int]]:
    """The same walk natively and with hints; returns the counters of the latter."""

    def run(
        argv: list[str],
        *,
        setup: Callable[[Path], object] | None = None,
        env: dict[str, str] | None = None,
        used: int = 0,
    ) -> dict[str, int]:
        need("/usr/bin/python3")
        for pause in PAUSES:
            hints = once(argv, setup, {"PAUSE": pause, **(env or {})})
            if hints.get("used", 0) >= used:
                return hints
        raise AssertionError(f"not {used} guesses were used: {hints}")

    def once(
        argv: list[str], setup: Callable[[Path], object] | None, env: dict[str, str]
    ) -> dict[str, int]:
        report = harness.temp_name("stats")

        def go(side: Side) -> str:
            cwd = harness.fresh_dir()
            plant(cwd / "tree")
            if setup:
                setup(cwd)
            both = {"SHIM_STATS": str(report), **env}
            report.touch()
            outcome = harness.run(side, argv, cwd=cwd, env=both)
            # Another tree: other inodes, in another order.
            lines = sorted(outcome.out.decode().splitlines())
            return "\n".join([outcome.status, outcome.err.decode(), *lines])

        harness.compare_scenes(go, " ".join(argv)[:60])
        return Stats.parse(report.read_text()).hints

    return run


def walker(how: str, most: int = 10**6) -> list[str]:
    return [PYTHON, "-S", "-c", WALKER, how, "tree", str(most)]


@pytest.mark.parametrize("how", ["dirfd", "listed", "name", "inode", "walk", "both", "stat"])
def test_walks(how: str, walk: Callable[..., dict[str, int]]) -> None:
    # Who only looks is served by one inode of some hundred.
    hints = walk(walker(how), used=1 if how == "stat" else DIRS * FILES // 2)
    assert hints["used"] > hints["hints"] // 2, hints
    assert hints["hints"] == hints["used"] + hints.get("wasted", 0), hints
    # A walk that looks at files only gets their inodes.
    assert (hints.get("bytes", 0) > hints["used"] * SIZE // 2) == (how != "stat"), hints


LARGE = r"""
import os, sys, time, zlib
fd = os.open("large", os.O_RDONLY)
for at in range(0, os.fstat(fd).st_size, 1 << 18)[:: int(sys.argv[1])]:
    if sys.argv[1] == "-1":
        os.lseek(fd, at, os.SEEK_SET)
    print(zlib.crc32(os.read(fd, 1 << 18)))
    time.sleep(float(os.environ["PAUSE"]) / 4)
"""


@pytest.mark.parametrize("step", [1, -1], ids=["from start to end", "backwards"])
def test_one_large_file(step: int, walk: Callable[..., dict[str, int]]) -> None:
    def setup(cwd: Path) -> None:
        (cwd / "large").write_bytes(bytes(range(256)) * (96 << 12))

    argv = [PYTHON, "-S", "-c", LARGE, str(step)]
    hints = walk(argv, setup=setup)
    assert (hints.get("bytes", 0) > 32 << 20) == (step > 0), hints
    # No more than there is, beside what the interpreter is made of.
    assert hints.get("bytes", 0) < 128 << 20, hints


def test_operands(walk: Callable[..., dict[str, int]]) -> None:
    names = [f"tree/d{d}/f{f:03}" for d in range(DIRS) for f in range(0, FILES, 2)]
    names.insert(40, "tree/missing")
    names[41:41] = ["./" + names[0], "tree/d0/f001"]
    argv = [PYTHON, "-S", "-c", OPERANDS.replace("with", "\n    try:\n     with").replace(
        "read()))", "read()))\n    except OSError as e: print(e)"), *names]
    hints = walk(argv, used=len(names) // 2)
    assert hints["hints"] <= len(names), hints


def test_nothing_without_evidence(harness: Harness, walk: Callable[..., dict[str, int]]) -> None:
    """What is cached has not been slow: nobody runs ahead. (Unless something else
    drops the caches of the machine meanwhile, or the memory is needed.)"""
    every = [walk(walker("listed"), env={"SHIM_PREFETCH": "auto"})]
    while every[-1] and len(every) < 6:
        every.append(walk(walker("listed"), env={"SHIM_PREFETCH": "auto"}))
    assert every[-1] == {}, every


def test_bounds(walk: Callable[..., dict[str, int]]) -> None:
    hints = walk(walker("listed", 30), env={"SHIM_PREFETCH_DEPTH": "4"}, used=10)
    assert hints["hints"] <= 30 + 4, hints
    hints = walk(walker("listed", 30), env={"SHIM_PREFETCH_BYTES": str(2 * SIZE)}, used=10)
    assert hints["bytes"] <= (30 + 2) * SIZE, hints


@pytest.mark.parametrize("limit", ["--nproc=500", "--as=4000000000", "--cpu=60", "--nofile=50"])
def test_narrow_limits(limit: str, walk: Callable[..., dict[str, int]]) -> None:
    """What a thread more would count towards: so there is none."""
    need("prlimit", "env")
    # prlimit itself has no narrow limits yet: it is not to be eager.
    eager = ["env", "SHIM_PREFETCH=eager", *walker("listed")]
    assert walk(["prlimit", limit, *eager], env={"SHIM_PREFETCH": "auto"}) == {}
    assert walk(["prlimit", "--cpu=unlimited", *eager], env={"SHIM_PREFETCH": "auto"})["hints"] > 0


# argv: tree. Swaps files that the walk, and what runs ahead of it, come to later,
# for other things; every FIFO has a writer that waits for somebody to open it.
SWAPPER = (
    WALKER.partition("def by_fd")[0].replace("sys.argv[1], sys.argv[2]", '"", "tree"')
    .replace("int(sys.argv[3])", "10**6")
    + r"""
import threading
names = [e.path for e in os.scandir("tree/d0")]
writers = []
def swap(path, how):
    os.unlink(path)
    if how == 0:
        os.mkfifo(path)
        t = threading.Thread(target=lambda: os.open(path, os.O_WRONLY), daemon=True)
        t.start(); writers.append(t)
    elif how == 1: os.symlink("/etc/passwd", path)
    elif how == 2: os.mkdir(path)
    elif how == 3: os.symlink("../d1", path)
    elif how == 4: open(path, "w").write("changed")
for i, name in enumerate(names):
    if i == 6:
        for j in range(45, len(names)): swap(names[j], j % 6)
    st = os.stat(name, follow_symlinks=False) if os.path.lexists(name) else None
    if st and st.st_mode >> 12 == 8: read(name)
time.sleep(0.1)
print("writers", len(writers), "that still wait", sum(t.is_alive() for t in writers))
sys.stdout.flush()
os._exit(0)
"""
)


def test_files_that_change(walk: Callable[..., dict[str, int]]) -> None:
    walk([PYTHON, "-S", "-c", SWAPPER], used=20)


def denied(cwd: Path) -> None:
    for path in (cwd / "tree" / "d0").iterdir():
        path.chmod(0)
    (cwd / "tree" / "d2").chmod(0o700)


def test_permission_denied(walk: Callable[..., dict[str, int]]) -> None:
    as_nobody = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    need("setpriv")
    walk([*as_nobody, *walker("listed")], setup=denied, env={"SHIM_STATS": ""})


LONG_AGO = (978307200, 1009843200)  # read in 2001, changed in 2002: relatime would tell


def age(top: Path) -> None:
    for path in [*top.rglob("*"), top]:
        os.utime(path, LONG_AGO, follow_symlinks=False)


def read_since(top: Path) -> set[str]:
    return {
        str(path.relative_to(top))
        for path in [*top.rglob("*"), top]
        if path.lstat().st_atime != LONG_AGO[0]
    }


@pytest.mark.parametrize("owner", [True, False], ids=["owner", "stranger"])
def test_access_times(owner: bool, harness: Harness) -> None:
    """Only what the program reads itself has been read; files of others as well."""
    if not owner and os.geteuid() != 0:
        pytest.skip("requires root")
    need("setpriv")
    prefix = [] if owner else ["setpriv", "--reuid=65534", "--clear-groups"]

    def scene(side: Side) -> str:
        cwd = harness.fresh_dir()
        plant(cwd / "tree")
        age(cwd / "tree")
        argv = [*prefix, *walker("listed", 70)]
        outcome = harness.run(side, argv, cwd=cwd, env={"PAUSE": PAUSES[1]})
        assert outcome.ok, outcome.text()
        return "\n".join(sorted(read_since(cwd / "tree")))

    listing = harness.compare_scenes(scene, "access times")
    if not listing:
        pytest.skip("mounted with noatime")


OPEN = re.compile(
    r'open(?:at|at2)\((?:AT_FDCWD(?:<[^>]*>)?|\d+<([^>]*)>), "([^"]*)".* = (\d+)<([^>]*)>$'
)


def opened(log: str) -> tuple[list[str], list[str]]:
    """What the program opened, and what the tasks beside it."""
    tasks = re.findall(r"^\d+ +clone\(.*CLONE_THREAD.* = (\d+)", log, re.MULTILINE)
    assert tasks, "no task was started"
    program, task = [], []
    for line in log.splitlines():
        pid, _, call = line.partition(" ")
        if match := OPEN.search(call):
            (task if pid in tasks else program).append(match[4])
    return program, task


def test_only_what_is_walked(harness: Harness) -> None:
    """Regular files and directories below the top of the walk, whatever else there is
    beside, below and above it; and where the interpreter has its modules."""
    need("strace")
    cwd = harness.fresh_dir()
    plant(cwd / "tree")
    plant(cwd / "beside")
    first = cwd / "tree" / "d0"
    os.mkfifo(first / "fifo")
    (first / "link").symlink_to("f001")
    (first / "dirlink").symlink_to("../../beside")
    (first / "sub").mkdir()
    (first / "sub" / "one").write_text("one")
    log = cwd / "log"
    argv = ["strace", "-f", "-y", "-qq", "-o", str(log)]
    argv += ["-e", "trace=openat,openat2,clone", *walker("listed")]
    outcome = harness.run(Side.SHIM, argv, cwd=cwd, env={"PAUSE": PAUSES[1]}, timeout=60)
    assert outcome.ok, outcome.text()
    program, task = opened(log.read_text())
    gone_through = {Path(path).parent for path in program}
    found = 0
    for path in map(Path, task):
        # By the latter a file is opened that has been looked at.
        if path == Path("/proc/meminfo") or re.fullmatch(r"/proc/\d+/task/\d+/fd", str(path)):
            continue
        assert not path.is_symlink() and (path.is_dir() or path.is_file()), path
        if path.is_relative_to(cwd):
            assert path.is_relative_to(cwd / "tree"), path
            found += 1
        else:
            assert path in gone_through or path.parent in gone_through, path
    assert found > DIRS * FILES // 4, task


MOUNTS = r"""
set -e
mount -t tmpfs none tree/d1
mkdir tree/d1/x; for i in 1 2 3 4 5 6; do echo $i >tree/d1/x/$i; done
strace -f -y -qq -o log -e trace=openat,openat2,clone "$@" >/dev/null
"""


def test_never_across_a_mount(harness: Harness) -> None:
    if os.geteuid() != 0:
        pytest.skip("requires root")
    need("unshare", "strace")
    cwd = harness.fresh_dir()
    plant(cwd / "tree")
    argv = ["unshare", "-m", "sh", "-c", MOUNTS, "sh", *walker("listed")]
    outcome = harness.run(Side.SHIM, argv, cwd=cwd, env={"PAUSE": PAUSES[1]}, timeout=60)
    assert outcome.ok, outcome.text()
    _, task = opened((cwd / "log").read_text())
    assert [path for path in task if "/d0" in path], task
    assert not [path for path in task if "/d1" in path], task


def test_cold_tree_is_noticed(harness: Harness) -> None:
    """Evidence of its own: calls that were slow because they had to read a disk."""
    if os.geteuid() != 0:
        pytest.skip("requires root: drops caches")
    # Installed long ago: nothing has to be written before it can be dropped.
    argv = [*walker("listed")]
    argv[argv.index("tree")] = "/usr/include"
    for pause in PAUSES:
        report = harness.temp_name("stats")
        env = {"SHIM_PREFETCH": "auto", "SHIM_STATS": str(report), "PAUSE": pause}
        Path("/proc/sys/vm/drop_caches").write_text("3")
        outcome = harness.run(Side.SHIM, argv[:-1] + ["400"], env=env)
        assert outcome.ok, outcome.text()
        if Stats.parse(report.read_text()).hints.get("used", 0) > FILES:
            return
    raise AssertionError("cold walks, and nothing was guessed")


LOOKS = ("tar cf /dev/null tree", "du -s tree", "ls -lR tree")
COMMANDS = (
    *LOOKS,
    "grep -r nothing tree",
    "tar cf - tree | cat >/dev/null",
    "cp -r tree copy; rm -r copy",
    "find tree -type f -exec md5sum {} +",
    "cat tree/*/f* >/dev/null",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_real_programs(command: str, harness: Harness) -> None:
    """Slow enough under strace that what they do next is known before they do."""
    need("strace", "grep", "tar", "cp", "find", "md5sum")
    for _ in range(6):
        cwd = harness.fresh_dir()
        plant(cwd / "tree")
        report = harness.temp_name("stats")
        argv = ["strace", "-f", "-qq", "-o", "/dev/null", "sh", "-c", command]
        env = {"SHIM_STATS": str(report)}
        outcome = harness.run(Side.SHIM, argv, cwd=cwd, env=env, timeout=60)
        assert not outcome.err, outcome.text()
        hints = Stats.parse(report.read_text()).hints
        if hints.get("used", 0) > (1 if command in LOOKS else FILES):
            return
    raise AssertionError(f"six times, and never a guess that was used: {hints}")
