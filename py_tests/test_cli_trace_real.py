# SPDX-License-Identifier: MIT
"""shim trace beside strace: real programs, call by call.

Each program is run natively under strace -f, and under shim trace -f; `shim
compare` has to find no difference in the calls that the library covers."""

from __future__ import annotations

import shutil
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clitest import Shim, shim, shim_path
from shimtest import Harness, Outcome, Side, need
from tracing import save, strace, visible, with_roots

__all__ = ["shim", "shim_path"]
pytestmark = pytest.mark.variants("ring")

SCRIPT = """
import os, subprocess, threading
def work(n):
    with open(f"file{n}") as f:
        found[n] = len(f.read())
found = {}
for n in range(4):
    t = threading.Thread(target=work, args=(n,)); t.start(); t.join()
print(sorted(found.items()), subprocess.check_output(["wc", "-l", "file1"]))
os.write(2, b"done\\n")
"""
PERL = 'open(F, "<", "file1"); while (<F>) { $n++ } print "$n\\n"; system("wc -l file2"); print `cat file3`'
SQL = "pragma journal_mode = memory; create table t(a, b); insert into t values (1, 2), (3, 4); select sum(a) from t; drop table t;"
MAKEFILE = "all: a b\n\ta=1 cat a b >c\na b: file1\n\tcp file1 $@\n"
HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
BASH = """
cat file1 | sort | uniq -c | head -n 3
for f in file1 file2; do read -r line <$f; echo "$line"; done
x=$(wc -l <file3); echo "$x" >out; cat <<END
here $x
END
(exit 3); echo $?; kill -0 $$
"""

# name: (what has to be installed, shell command or argument vector)
PROGRAMS: dict[str, tuple[str, list[str]]] = {
    "cat": ("cat", ["cat", "file1", "nothing", "file2"]),
    "cp": ("cp", ["cp", "-r", "tree", "copy"]),
    "mv": ("mv", ["mv", "file1", "moved"]),
    "tar c": ("tar", ["tar", "cf", "x.tar", "tree"]),
    "tar x": ("tar", ["tar", "xf", "old.tar"]),
    "grep": ("grep", ["grep", "-r", "line 7", "tree"]),
    "find": ("find", ["find", "tree", "-name", "*1*"]),
    "sort": ("sort", ["sort", "-r", "file1", "file2"]),
    "sed": ("sed", ["sed", "-i", "s/hello/bye/", "file1"]),
    "gawk": ("gawk", ["gawk", "{ n += $2 } END { print n > \"sum\" }", "file1"]),
    "gzip": ("gzip", ["gzip", "-nk", "file1"]),
    "xz": ("xz", ["xz", "-k", "-T1", "file2"]),
    "diff": ("diff", ["diff", "-r", "tree", "tree2"]),
    "md5sum": ("md5sum", ["md5sum", "file1", "file2"]),
    "head": ("head", ["head", "-n", "2", "file1", "file2"]),
    "dd": ("dd", ["dd", "if=file1", "of=copy", "bs=100", "status=none"]),
    "sqlite3": ("sqlite3", ["sqlite3", "x.db", SQL]),
    "perl": ("perl", ["perl", "-e", PERL]),
    "python3": ("/usr/bin/python3", ["/usr/bin/python3", "-I", "-S", "-B", "-c", SCRIPT]),
    "bash": ("bash", ["bash", "-c", BASH]),
    "dash": ("dash", ["dash", "-c", BASH.replace("read -r", "read")]),
    "make": ("make", ["make", "-s"]),
    "gcc": ("gcc", ["gcc", "-c", "hello.c"]),
    "git log": ("git", ["git", "-C", "repo", "log", "--oneline"]),
    "git status": ("git", ["git", "-C", "repo", "status", "--short"]),
    "openssl": ("openssl", ["openssl", "dgst", "-sha256", "file1", "file2"]),
    "curl": ("curl", ["curl", "-sS", "-o", "page", "-w", "%{http_code}", "http://127.0.0.1:PORT/"]),
    "xargs": ("xargs", ["sh", "-c", "ls file? | xargs -n 3 wc -c"]),
}  # fmt: skip


KEPT = ("cp", "tar c", "grep", "find", "diff", "git log", "git status")


def fill(place: Path) -> None:
    """The same each time: a run may change it."""
    for number in range(8):
        (place / f"file{number}").write_text(f"line {number}\nhello {number}\n" * 300)
    for name in ("tree", "tree2"):
        (place / name / "sub").mkdir(parents=True)
        for number in range(12):
            (place / name / "sub" / f"f{number}").write_text(f"line {number}\n" * 40 + name * (number == 5))
    (place / "Makefile").write_text(MAKEFILE)
    (place / "hello.c").write_text(HELLO)


def prepare(harness: Harness, name: str) -> Path:
    place = harness.fresh_dir()
    fill(place)
    if name == "tar x":
        shutil.make_archive(str(place / "old"), "tar", place, "tree2")
    if name.startswith("git"):
        need("git")
        shutil.copytree(place / "tree", place / "repo")
        git = "git -c user.name=T -c user.email=t@example.org -C repo"
        script = f"git init -q -b main repo; {git} add .; {git} commit -qm one; echo x >repo/new; sleep 1; {git} status"
        assert harness.run(Side.NATIVE, ["sh", "-c", script], cwd=place).ok
    return place


def again(harness: Harness, name: str, place: Path) -> Path:
    """For the second run.  The order of a directory is chance, once; git looks at
    times and inodes, and changes nothing."""
    if name in KEPT:
        shutil.rmtree(place / "copy", ignore_errors=True)
        (place / "x.tar").unlink(missing_ok=True)
        return place
    return prepare(harness, name)


RULES = """read */dev/urandom* random numbers
read */proc/self/maps* the library is in it
"""


def compare(shim: Shim, tmp_path: Path, option: str, native: str, ours: str) -> Outcome:
    one = save(tmp_path / "native", with_roots(native))
    two = save(tmp_path / "shim", with_roots(ours))
    return shim("compare", option, one, two)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that answers every request with the same page, in one piece."""

    class Page(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(20)
            self.request.recv(65536)
            self.request.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"page\n" * 400)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("mode", ["off", "ring"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_beside_strace(
    harness: Harness, shim: Shim, tmp_path: Path, port: int, name: str, mode: str
) -> None:
    program, argv = PROGRAMS[name]
    argv = [word.replace("PORT", str(port)) for word in argv]
    if not program.startswith("/"):
        need(program)
    place = prepare(harness, name)
    native, outcome = strace(harness, argv, cwd=place)
    path = harness.temp_name("trace")
    place = again(harness, name, place)
    other = shim("trace", "-f", f"--mode={mode}", "-o", str(path), *argv, cwd=place)
    assert (outcome.status, outcome.out, outcome.err) == (other.status, other.out, other.err), other.text()
    rules = save(tmp_path / "rules", RULES)
    compared = compare(shim, tmp_path, f"--expected={rules}", visible(native), path.read_text(errors="surrogateescape"))
    assert compared.ok and not compared.err, compared.text()
