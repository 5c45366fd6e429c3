# SPDX-License-Identifier: MIT
"""Options and fixtures of the end-to-end suite.

The suite has to pass five times over: on the ring, switched off, on a machine
that has no io_uring to give, on the ring with libc's own functions left as
they are, and native with hints that run ahead (SHIM_MODE=auto). `--variant` says which of these a run is; nothing in a test depends on
it beyond what it may expect of the counters.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import shimtest

VARIANTS = ("ring", "off", "denied", "nopatch", "auto")
MANY_RINGS = " * Rings: many\n"
DENY = ("memlock", "sysctl", "seccomp")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("libshim")
    group.addoption("--variant", choices=VARIANTS, default="ring", help="default: ring")
    group.addoption(
        "--deny",
        choices=DENY,
        help="how `--variant denied` denies; default: the first of memlock, sysctl, seccomp"
        " that works here (sysctl is for root, and for the whole machine)",
    )
    group.addoption("--lib", help="the library to test; default: build/libshim.so")
    group.addoption("--build-dir", default="build", help="default: build")


def unignore_signals() -> None:
    """What was started in the background of a shell, or by nohup, ignores these, and
    so would every program under test."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    unignore_signals()
    config.addinivalue_line(
        "markers", "variants(*names): only meaningful in these; elsewhere not collected"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    variant = config.getoption("--variant")
    dropped = []
    for item in items:
        marker = item.get_closest_marker("variants")
        if marker and variant not in marker.args:
            dropped.append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


def no_ring_under(launcher: Path, how: str) -> bool:
    """Whether the launcher really keeps a process from making a ring."""
    command = [str(launcher), f"--{how}", str(launcher), "--probe"]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 1


def choose_deny(launcher: Path) -> str:
    """Not for the whole machine if it can be helped, and if it can be helped not
    by a filter: the library sees one of those and does not even try."""
    if no_ring_under(launcher, "memlock"):
        return "memlock"
    return "sysctl" if shimtest.can_write_sysctl() else "seccomp"


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    # Not pytest's own: servers give up root, and must still get at their files.
    path = Path(tempfile.mkdtemp(prefix="shimtest."))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def harness(pytestconfig: pytest.Config, scratch: Path) -> Iterator[shimtest.Harness]:
    build = (shimtest.TOP / pytestconfig.getoption("--build-dir")).resolve()
    lib = Path(pytestconfig.getoption("--lib") or build / "libshim.so").resolve()
    launcher = build / "deny_uring"
    for path in (lib, launcher):
        if not path.exists():
            pytest.exit(f"{path} is missing: run `make build programs {launcher}` first", 2)
    variant = pytestconfig.getoption("--variant")
    deny = ""
    if variant == "denied":
        deny = pytestconfig.getoption("--deny") or choose_deny(launcher)
    h = shimtest.Harness(lib=lib, build=build, variant=variant, deny=deny, scratch=scratch)
    with shimtest.lock(shimtest.SYSCTL_LOCK, exclusive=deny == "sysctl"):
        if deny == "sysctl":
            with shimtest.sysctl_disabled():
                yield h
        else:
            yield h


def gone_again(harness: shimtest.Harness) -> bool:
    """The memory of rings comes back some time after their threads have gone."""
    program = str(harness.build / "programs" / "threads_each_ring")
    stats, _ = harness.stats([program])
    return "no-ring" not in stats.reasons()


@pytest.fixture(autouse=True)
def room_for_rings(request: pytest.FixtureRequest) -> Iterator[None]:
    """A program with a thousand rings may use up what its user may lock: then no
    other test runs beside it.  Root may lock as much as it likes."""
    source = getattr(request.node, "callspec", None) and request.node.callspec.params.get("source")
    many = isinstance(source, Path) and MANY_RINGS in source.read_text()
    if os.geteuid() == 0:
        yield
        return
    with shimtest.lock(shimtest.MEMLOCK_LOCK, exclusive=many):
        yield
        if many and request.config.getoption("--variant") == "ring":
            harness = request.getfixturevalue("harness")
            shimtest.wait_until(lambda: gone_again(harness), "room for rings")


def pytest_report_header(config: pytest.Config) -> str:
    how = config.getoption("--deny")
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    variant = config.getoption("--variant")
    return f"libshim: variant {variant}{f' by {how}' if how else ''}, as {who}"
