# SPDX-License-Identifier: MIT
"""Real programs, natively and under the library: same output, same end, same files.

The programs of tests/programs check the cases that we have thought of. These
here are the ones that nobody wrote for us: shells with their pipes and jobs,
compilers under make, servers that fork, programs that trace other programs. The
inputs are real too: the kernel's headers, as installed.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shimtest import (
    PYTHON,
    Harness,
    Outcome,
    Side,
    digest,
    free_port,
    kill_session,
    need,
    status_text,
    wait_listening,
    wait_until,
)

REAL = Path("/usr/include/linux")


def pids(data: bytes) -> bytes:
    """Process ids are different in every run."""
    return re.sub(rb"\b\d{3,7}\b", b"PID", data)


@pytest.fixture(scope="session")
def data(scratch: Path) -> Path:
    """A directory of inputs, which no test writes to."""
    assert REAL.is_dir(), f"{REAL} is missing: install the Debian package build-essential"
    top = scratch / "data"
    top.mkdir()
    lines = []
    value = 12345
    for number in range(120_000):
        value = (value * 1103515245 + 12345) % 2**31
        lines.append(f"{value % 99991} {value:08x} line {number} of the big file\n")
    (top / "big").write_text("".join(lines))
    (top / "blob").write_bytes(bytes((i * i + (i >> 8)) & 255 for i in range(300_001)))
    return top


@pytest.fixture
def sh(harness: Harness, data: Path) -> Callable[..., Outcome]:
    """Compare a script; $D is the data, $T the real tree."""

    def compare(
        script: str, *, shell: str = "bash", status: str = "exit 0", **options: object
    ) -> Outcome:
        need(shell)
        env = {"D": str(data), "T": str(REAL)}
        argv = [shell, "-c", textwrap.dedent(script)]
        return harness.compare(argv, env=env, expect=status, **options)  # type: ignore[arg-type]

    return compare


# Files


def test_cat(sh: Callable[..., Outcome]) -> None:
    need("cat")
    sh('cat "$D/big" "$T"/*.h | md5sum; cat -n "$T/in.h"; cat absent - <"$T/if.h"', status="exit 1")


def test_cp_mv(sh: Callable[..., Outcome]) -> None:
    need("cp", "mv")
    sh(
        """
        set -e
        cp "$D/big" one; cp -a "$T/netfilter" tree; cp --sparse=always --reflink=never "$D/blob" sparse
        mv one two; mv tree moved; cp -r moved again; cp two .; cp /dev/null empty
        """,
        status="exit 1",
        tree=True,
    )


def test_dd(sh: Callable[..., Outcome]) -> None:
    need("dd")
    sh(
        """
        dd if="$D/blob" of=a bs=777 status=none
        dd if="$D/blob" of=b bs=64k conv=fsync,swab status=none
        dd if="$D/blob" bs=3 skip=5 count=4000 status=none | dd of=c bs=512 iflag=fullblock status=none
        dd if="$D/blob" of=a bs=100 seek=9 count=2 conv=notrunc status=none
        cat "$D/blob" | dd bs=1M iflag=fullblock status=none | cmp - "$D/blob"
        dd if=/dev/zero of=/dev/full bs=1k count=1 status=none; echo $?
        """,
        tree=True,
    )


def test_tar(sh: Callable[..., Outcome]) -> None:
    need("tar")
    sh(
        """
        set -e
        tar cf - -C "$T/.." --sort=name linux | md5sum
        tar czf netfilter.tgz -C "$T" --sort=name netfilter netfilter_ipv4
        mkdir out
        tar xzf netfilter.tgz -C out
        tar cf - -C "$T" --sort=name sched usb | tar xvf - -C out
        diff -r "$T/usb" out/usb
        tar dzf netfilter.tgz -C "$T"
        """,
        tree=True,
    )


def test_grep_find(sh: Callable[..., Outcome]) -> None:
    need("grep", "find", "sort", "xargs")
    sh(
        """
        grep -r define "$T" | sort | md5sum
        grep -rlw ioctl "$T" | sort
        find "$T" -name 'if_*.h' -exec grep -c struct {} + | sort
        find "$T" -name 'nf_*.h' -exec sh -c 'wc -l <"$1"' _ {} ';' | sort -n | tail -3
        find "$T" -type f -size +50k | sort
        grep nothing-like-this "$D/big"; echo $?
        grep -m3 'line 77' <"$D/big"
        """
    )


def test_sort(sh: Callable[..., Outcome]) -> None:
    need("sort")
    sh(
        """
        export LC_ALL=C
        sort "$D/big" | md5sum
        sort -n -k1,1 -S 2M -T . "$D/big" | md5sum
        cat "$D/big" | sort --parallel=2 -u -k2 | md5sum
        sort "$D/big" >sorted; sort -c sorted; sort -m sorted "$D/big" | wc -l; sort -o sorted -r sorted
        """,
        tree=True,
    )


def test_sed_awk(sh: Callable[..., Outcome]) -> None:
    need("sed", "gawk", "mawk")
    sh(
        """
        sed -n '/^#define/{s/#define //;p}' "$T"/i*.h
        cp "$T/in.h" .; sed -i.old -e 's/struct/STRUCT/g' -e '/^$/d' in.h
        for awk in mawk gawk; do
            $awk '{ n[$1 % 7] += length($0) } END { for (i = 0; i < 7; i++) print i, n[i] }' "$D/big"
            $awk 'BEGIN { while (("echo a b; echo c d") | getline) print $2; print "x" | "cat" }'
            $awk '{ print > ($1 % 3 ".txt") }' "$D/big"
        done
        gawk 'BEGIN { c = "sort"; print "b\\na" |& c; close(c, "to"); while ((c |& getline x) > 0) print x }'
        """,
        tree=True,
    )


def test_compression(sh: Callable[..., Outcome]) -> None:
    need("gzip", "gunzip", "xz")
    sh(
        """
        set -e -o pipefail
        gzip -nc "$D/big" >big.gz; gunzip -c big.gz | cmp - "$D/big"
        cat "$D/blob" | gzip -n -1 | gunzip | xz -0 -T2 | xz -dc | md5sum
        cp "$D/blob" x; gzip -n x; gunzip x.gz; xz -1 x; xz -t x.xz; unxz x.xz
        head -c 5000 big.gz | gunzip >cut 2>message || echo $?; cat message; wc -c <cut
        """,
        tree=True,
    )


def test_sums_and_counts(sh: Callable[..., Outcome]) -> None:
    need("md5sum", "wc", "diff", "cmp", "tee")
    sh(
        """
        md5sum "$D"/* "$T"/*.h >sums; md5sum -c --quiet sums; sha256sum "$D/big" - <"$D/blob"
        wc "$D"/* "$T"/if*.h; wc -c <"$D/big"; cat "$D/blob" | wc
        mkdir copy; cp -r "$T/netfilter" copy; echo more >>copy/netfilter/nf_log.h; rm copy/netfilter/xt_*.h
        diff -r "$T/netfilter" copy/netfilter; echo $?
        cat "$D/big" | tee one two | tee >(md5sum >three) | md5sum; wait; sleep 0.1
        cmp "$D/big" "$D/blob"; cut -d' ' -f2 "$D/big" | tr a-f A-F | uniq | tail -n 2; tac "$D/big" | md5sum
        od -An -tx1 "$D/blob" | head -n 3; split -n l/5 "$D/big" part.; comm -12 one two | wc -l
        """,
        tree=True,
    )


def test_sigpipe(sh: Callable[..., Outcome]) -> None:
    need("yes", "head", "tail", "seq")
    sh(
        """
        yes | head -n 3; echo "${PIPESTATUS[@]}"
        yes "$(seq -s, 200)" | head -c 100000 | md5sum; echo "${PIPESTATUS[@]}"
        cat "$D/big" | head -n 1; echo "${PIPESTATUS[@]}"
        (trap '' PIPE; cat "$D/big") 2>message | head -n 1; echo "${PIPESTATUS[@]}"; cat message
        tail -n 2 "$D/big"; cat "$D/big" | tail -c 30; head -n -119998 "$D/big"
        seq 100000 | tail -n +99999
        : >growing; (echo 1; sleep 0.2; echo 2) >>growing & tail -f --pid=$! -s 0.05 growing; wait
        """
    )


# Shells

SHELL_SCRIPT = r"""
count() { wc -l | tr -d ' '; }
seq 1 500 | while read -r x; do echo "$((x * 2))"; done | tail -n 1
(cd /; echo "sub $PWD"; exit 3); echo "status $?"
cat <<EOF | sed 's/^/> /'
here $(echo nested $(echo deeper))
EOF
x=$(cat "$D/big" | grep 'line 1' | count); echo "$x"
trap 'echo trapped' USR1; kill -USR1 $$; echo after
trap 'echo bye' EXIT
sleep 0.2 & sleep 0.1 & wait; echo "both"
(sleep 0.1; exit 7) & wait $!; echo "wait $?"
(trap 'echo term; exit 5' TERM; : >ready; while :; do sleep 0.05; done) &
while [ ! -e ready ]; do sleep 0.02; done; kill $!; wait $!; echo "killed $?"
exec 3>out; echo one >&3; (echo two >&3); exec 3>&-; exec 4<out; read -r a <&4; read -r b <&4; echo "$a $b"
cat out - <<'EOF'
literal $x
EOF
i=0; while read -r line; do i=$((i + 1)); [ $i -ge 50 ] && break; done <"$D/big"; echo "$i $line"
echo data | (read -r y; echo "got $y"); { echo err >&2; } 2>&1 | cat
mkfifo f; (echo through >f) & cat f; wait
false | true; echo $?; set -- *; echo "$@"; printf '%s\n' "$(printf 'a\nb\n\n')"
ulimit -n 64; cat out; umask 077; : >private; echo >>private; ls -l private | cut -c1-10
kill -0 999999 2>/dev/null || echo nobody; (kill -9 $$ & wait) 2>/dev/null
"""


def test_dash_script(sh: Callable[..., Outcome]) -> None:
    sh(SHELL_SCRIPT, shell="dash", status="killed by SIGKILL", tree=True)


def test_bash_script(sh: Callable[..., Outcome]) -> None:
    sh(SHELL_SCRIPT, status="killed by SIGKILL", tree=True)


def test_bash_only(sh: Callable[..., Outcome]) -> None:
    sh(
        r"""
        diff <(sort "$D/big") <(sort -r "$D/big" | sort) && echo sorted
        mapfile -t lines <"$T/in.h"; echo "${#lines[@]}"
        coproc adder { while read -r a b; do echo $((a + b)); done; }
        echo 3 4 >&"${adder[1]}"; read -r sum <&"${adder[0]}"; echo "$sum"
        eval "exec ${adder[1]}>&-"; wait
        read -t 0.1 -r nothing < <(sleep 1); echo "timeout $(($? > 128))"
        read -r -n 3 three <<<abcdef; echo "$three"
        IFS= read -r -d '' whole < <(printf 'a\nb\0c'); echo "$whole"
        for i in 1 2 3; do (sleep 0.1; exit $i) & wait -n; echo "n $?"; done
        echo both ways >&2 | cat; exec 5<>both; echo hi >&5; exec 5>&-; cat both
        set -o pipefail; cat /dev/zero | head -c 5 | od -c; echo $?
        """,
        tree=True,
    )


def test_fifos(sh: Callable[..., Outcome]) -> None:
    """Writers that come, write and go at once: their reader must not miss them."""
    sh(
        r"""
        mkfifo f g
        for i in $(seq 60); do (echo "writer $i" >f) & cat f; wait; done | tail -n 2
        for i in $(seq 60); do cat f >out & echo "reader $i" >f; wait; cat out; done | tail -n 2
        for i in $(seq 30); do (read -r x <f; echo "$x $x" >g) & echo "$i" >f; read -r y <g; wait; done
        echo "$y"
        """,
        shell="dash",
    )


def test_xargs(sh: Callable[..., Outcome]) -> None:
    need("xargs", "seq")
    sh(
        """
        seq 60 | xargs -P 4 -n 3 sh -c 'echo "$(($1 + $2 + $3))"' _ | sort -n
        find "$T" -name '*.h' -print0 | xargs -0 -P 2 -n 40 cat | wc -lc
        seq 3 | xargs -P 3 -I{} sh -c 'exit {}'; echo $?
        """
    )


# Programs that run programs


def test_timeout_and_friends(sh: Callable[..., Outcome]) -> None:
    need("timeout", "nohup", "setsid", "nice", "env")
    sh(
        r"""
        mkfifo f; exec 3<>f
        timeout 0.2 cat <&3; echo $?
        timeout -s KILL 0.2 cat <&3; echo $?
        timeout -s INT --preserve-status 0.2 cat <&3; echo $?
        timeout 5 cat <"$T/if.h" | wc -l
        timeout 0.2 cat /dev/zero >/dev/null; echo $?
        nohup sh -c 'echo out; echo err >&2; kill -HUP $$; cat' <"$T/if.h" | wc -l
        setsid -w sh -c 'echo in a session; exit 4'; echo $?
        env -i PATH="$PATH" sh -c 'echo "$PATH"; cat' <"$T/if.h" | wc -l
        env -i "$(command -v env)"
        nice -n 5 sh -c 'nice; cat /dev/null; nice'
        (exec 0<&- ; cat; echo $?) 2>&1; (exec 1>&-; echo lost; echo $? >&2) 2>&1
        """,
        shell="dash",  # bash would name the process that was killed
    )


def test_make_and_gcc(harness: Harness) -> None:
    need("make", "gcc")

    def project(cwd: Path) -> None:
        names = [f"part{i}" for i in range(8)]
        for i, name in enumerate(names):
            body = f'int {name}(int x) {{ puts("{name}"); return x * {i + 2}; }}\n'
            (cwd / f"{name}.c").write_text("#include <stdio.h>\n" + body)
        calls = "".join(f"int {n}(int);\n" for n in names)
        chain = "".join(f"\tx = {n}(x) % 10007;\n" for n in names)
        (cwd / "main.c").write_text(
            f"#include <stdio.h>\n{calls}int main(void)\n{{\n\tint x = 1;\n"
            f'{chain}\tprintf("%d\\n", x);\n}}\n'
        )
        objects = " ".join(f"{n}.o" for n in [*names, "main"])
        (cwd / "Makefile").write_text(
            f"prog: {objects}\n\t$(CC) -o $@ $^\n%.o: %.c stamp\n\t$(CC) -O1 -Wall -c -o $@ $<\n"
            "stamp:\n\techo $(shell cat main.c | wc -l) >$@\nbad: ; false\n"
        )

    script = "make -s -j4 CC=gcc && ./prog && make -q CC=gcc prog; echo $?; make -s bad; echo $?"
    harness.compare(["sh", "-c", script], setup=project, timeout=60, tree=True, expect="exit 0")


def test_git(sh: Callable[..., Outcome]) -> None:
    need("git")
    sh(
        r"""
        set -e
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
        export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
        git -c init.defaultBranch=main init -q r; cd r
        git config gc.auto 0; git config pack.threads 1; git config core.fsmonitor false
        cp -r "$T"/netfilter* "$T/sched" .
        git add .; git commit -qm first; git status --porcelain
        echo change >>sched/types.h; rm -r netfilter_ipv6; echo new >new
        git status --porcelain; git diff --stat; git commit -qam second
        git log --stat --format='%H %s' | cat
        git checkout -q -b side HEAD~1; echo side >side; git add side; git commit -qm side
        git merge -q -m merge main; git log --graph --oneline | cat; git clean -n; git stash list
        cd ..; git clone -q --no-hardlinks r c; git -C c log --oneline -1; git clone -q "file://$PWD/r" d
        cd r; git gc -q; git fsck; git count-objects -v; git rev-list --objects --all | md5sum
        git cat-file --batch-check --batch-all-objects | md5sum
        git archive HEAD | md5sum; git grep -c define | md5sum
        """,
        timeout=60,
    )


def test_gdb(harness: Harness) -> None:
    need("gdb", "gcc")
    source = textwrap.dedent(
        r"""
        #include <stdio.h>
        #include <unistd.h>
        static int stop_here(int fd, int n) { char c = 'x'; return (int)write(fd, &c, 1) + n; }
        int main(void)
        {
            int p[2], sum = 0; char c;
            if (pipe(p)) return 1;
            for (int i = 0; i < 3; i++) { sum += stop_here(p[1], i); sum += (int)read(p[0], &c, 1); }
            printf("sum %d\n", sum);
            return sum;
        }
        """
    )

    def program(cwd: Path) -> None:
        (cwd / "p.c").write_text(source)
        subprocess.run(["gcc", "-g", "-O0", "-o", "p", "p.c"], cwd=cwd, check=True)

    steps = ["set debuginfod enabled off", "break stop_here", "run", "bt", "continue", "print n"]
    steps += ["finish", "delete", "stepi", "info threads", "continue", "info breakpoints"]
    argv = ["gdb", "-nx", "-q", "-batch"]
    argv += [word for step in steps for word in ("-ex", step)]

    def clean(out: bytes) -> bytes:
        # The list of threads is as wide as its longest pid.
        return pids(re.sub(rb" +", b" ", re.sub(rb"0x[0-9a-f]+", b"ADDR", out)))

    harness.compare([*argv, "./p"], setup=program, normalise=clean, timeout=60, expect="exit 0")


def test_gdb_attach_to_blocked(harness: Harness) -> None:
    """A tracer that comes and goes must not disturb a call that waits."""
    need("gdb", "cat")

    def scene(side: Side) -> str:
        cwd = harness.fresh_dir()
        pipe = subprocess.PIPE
        with harness.start(side, ["cat"], cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe) as cat:
            time.sleep(0.2)
            subprocess.run(
                ["gdb", "-nx", "-q", "-batch", "-p", str(cat.pid), "-ex", "detach"],
                env=harness.env(Side.NATIVE),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=30,
                check=False,
            )
            out, err = cat.communicate(b"after the tracer\n", timeout=10)
            return f"{out!r} {err!r} {status_text(cat.returncode)}"

    harness.compare_scenes(scene, "cat, with gdb attached and detached")


def test_strace(sh: Callable[..., Outcome]) -> None:
    need("strace")
    sh(
        """
        strace -f -o log sh -c 'cat "$T/if.h" | head -n 5; exit 3'; echo $?; test -s log && echo traced
        strace -c -o log cat "$T/if.h" | wc -l
        strace -f -qq -e trace=none -e signal=none sh -c 'yes | head -n 1; kill -9 $$'; echo $?
        """,
        shell="dash",
    )


def test_valgrind(harness: Harness) -> None:
    need("valgrind")
    program = harness.build / "programs" / "threads_each_ring"
    argv = ["valgrind", "-q", "--error-exitcode=9", str(program)]
    harness.compare(argv, timeout=60, expect="exit 0")


def test_static_busybox(sh: Callable[..., Outcome]) -> None:
    """Works, and is not covered: a static program has no LD_PRELOAD."""
    need("busybox")
    sh(
        """
        busybox cat "$T/if.h" | busybox md5sum
        busybox sh -c 'busybox grep -c define "$T/in.h"; exit 3'; echo $?
        busybox tar c -C "$T" sched | busybox tar x
        """,
        tree=True,
    )


# Interpreters

PYTHON_SCRIPT = r'''
import asyncio, os, signal, socket, subprocess, sys, tempfile, threading

def threads():
    total, lock = [0], threading.Lock()
    def work(n):
        r, w = os.pipe()
        for i in range(100):
            os.write(w, b"x" * n)
            with lock:
                total[0] += len(os.read(r, 1000))
        os.close(r); os.close(w)
    ts = [threading.Thread(target=work, args=(n,)) for n in range(1, 9)]
    [t.start() for t in ts]; [t.join() for t in ts]
    print("threads", total[0])

def children():
    print(subprocess.run(["cat"], input=b"to cat", capture_output=True).stdout)
    print(subprocess.check_output("echo $((6 * 7)); exit 0", shell=True))
    p = subprocess.Popen(["sleep", "30"]); p.terminate(); print(p.wait())
    pid = os.fork()
    if pid == 0:
        os.write(1, b"child\n"); os._exit(9)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

def sockets():
    server = socket.create_server(("127.0.0.1", 0))
    def serve():
        for _ in range(3):
            c, _ = server.accept()
            with c, c.makefile("rwb") as f:
                for line in f:
                    f.write(line.upper()); f.flush()
    t = threading.Thread(target=serve); t.start()
    for i in range(3):
        with socket.create_connection(server.getsockname()) as c:
            f = c.makefile("rwb")
            f.write(b"hello %d\n" % i); f.flush(); print(f.readline())
            c.shutdown(socket.SHUT_WR); print(f.read()); f.close()
    t.join(); server.close()
    a, b = socket.socketpair(); a.settimeout(0.05)
    try: os.read(a.fileno(), 1)
    except BlockingIOError: print("non-blocking underneath")
    try: a.recv(1)
    except TimeoutError: print("timed out")
    print(len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")))

async def loop():
    async def echo(r, w):
        w.write((await r.readline())[::-1]); await w.drain(); w.close()
    s = await asyncio.start_server(echo, "127.0.0.1", 0)
    async def ask(i):
        r, w = await asyncio.open_connection(*s.sockets[0].getsockname())
        w.write(b"%d word\n" % i); d = await r.read(); w.close(); return d
    print(await asyncio.gather(*(ask(i) for i in range(10))))
    p = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    print(await p.communicate(b"async cat")); s.close()

def signals():
    seen = []
    signal.signal(signal.SIGALRM, lambda *a: seen.append("alarm"))
    r, w = os.pipe()
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    threading.Timer(0.2, os.write, (w, b"late")).start()
    print(os.read(r, 10), seen)
    class Stop(Exception): pass
    def stop(*a): raise Stop
    signal.signal(signal.SIGALRM, stop); signal.setitimer(signal.ITIMER_REAL, 0.05)
    try: os.read(r, 10)
    except Stop: print("stopped")
    os.write(w, b"still here"); print(os.read(r, 100))

def files():
    with tempfile.TemporaryFile() as f:
        f.write(b"0123456789" * 1000); f.seek(5); print(f.read(7), os.read(f.fileno(), 3))
    for path in ("/nonexistent", "/etc", "/dev/null", "/proc/self/status"):
        try:
            fd = os.open(path, os.O_RDONLY); print(path, len(os.read(fd, 5))); os.close(fd)
        except OSError as e: print(path, e)

threads(); children(); sockets(); asyncio.run(loop()); signals(); files()
'''


def test_python(harness: Harness) -> None:
    need("/usr/bin/python3")
    # It counts its threads: eager hints would be seen.
    env = {"SHIM_PREFETCH": "auto"} if harness.variant == "auto" else {}
    argv = [PYTHON, "-u", "-c", PYTHON_SCRIPT]
    harness.compare(argv, env=env, timeout=40, expect="exit 0")


PERL_SCRIPT = r"""
use strict; use IO::Socket::INET; use Socket; $| = 1;
pipe(my $r, my $w); my $pid = fork();
if (!$pid) { close $r; syswrite $w, "from the child $_\n" for 1 .. 5; exit 6 }
close $w; print while <$r>; waitpid $pid, 0; print $? >> 8, "\n";
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0); syswrite $a, "x" x 1000; my $buf;
sysread $b, $buf, 400; print length $buf, "\n"; sysread $b, $buf, 4000; print length $buf, "\n";
eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; sysread $b, $buf, 1; }; print $@;
my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1"); my $port = $s->sockport;
if (!fork()) {
	my $c = IO::Socket::INET->new("127.0.0.1:$port");
	print $c "line\n"; print "echo ", scalar <$c>; exit
}
my $c = $s->accept; print $c uc <$c>; close $c; wait;
open my $f, "+>", "file"; print $f "a\nb\n"; seek $f, 0, 0; print <$f>; close $f;
print `echo backquote; cat file`; system "exit 3"; print $? >> 8, "\n";
open my $p, "-|", "ls"; print <$p>; close $p;
opendir my $d, "/proc/self/fd"; print scalar(grep /\d/, readdir $d), "\n"; kill 'TERM', $$; sleep 5
"""


def test_perl(harness: Harness) -> None:
    need("perl")
    harness.compare(["perl", "-e", PERL_SCRIPT], expect="killed by SIGTERM", tree=True)


NODE_SCRIPT = r"""
const fs = require('fs'), net = require('net'), cp = require('child_process');
fs.writeFileSync('f', 'x'.repeat(100000)); console.log(fs.readFileSync('f').length);
const s = net.createServer(c => c.pipe(c)).listen(0, '127.0.0.1', () => {
  const c = net.connect(s.address().port, '127.0.0.1'); c.end('echo me');
  c.on('data', d => console.log(String(d)));
  c.on('close', () => { s.close();
    fs.createReadStream('f').pipe(fs.createWriteStream('g')).on('finish', () =>
      cp.exec('cat g | wc -c; exit 3', (e, out) => {
        console.log(e.code, out); process.kill(process.pid, 'SIGTERM') })); }); });
"""


def test_node(harness: Harness) -> None:
    if not shutil.which("node"):
        pytest.skip("node is not here, and too large to ask for")
    harness.compare(["node", "-e", NODE_SCRIPT], expect="killed by SIGTERM", tree=True)


# Data


def test_sqlite(sh: Callable[..., Outcome]) -> None:
    need("sqlite3")
    sh(
        """
        for mode in delete wal; do
        sqlite3 db.$mode "PRAGMA journal_mode=$mode; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);" \
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000)
             INSERT INTO t SELECT i, hex(i * 7919 % 3001) FROM n;" \
            "CREATE INDEX x ON t(b); DELETE FROM t WHERE a % 3 = 0;" "PRAGMA integrity_check;"
        echo 'SELECT count(*), sum(a), max(b) FROM t;' | sqlite3 db.$mode
        for i in 1 2 3 4; do
            sqlite3 -cmd '.timeout 9000' db.$mode "INSERT INTO t(b) SELECT b FROM t WHERE a < 99;" &
        done; wait
        sqlite3 db.$mode 'SELECT count(*), sum(a) FROM t; VACUUM;' .dump | md5sum
        done
        """
    )


def test_rsync(sh: Callable[..., Outcome]) -> None:
    need("rsync")
    sh(
        """
        set -e
        cp -r "$T/netfilter" "$T/sched" .; rsync -rlp netfilter sched copy/
        echo changed >>netfilter/nf_log.h; rm netfilter/xt_[a-c]*.h; echo new >sched/new
        rsync -rlpi --checksum --delete netfilter sched copy/; diff -r netfilter copy/netfilter
        rsync -rlpi --checksum netfilter/ copy/netfilter
        """,
        tree=True,
    )


def test_openssl(sh: Callable[..., Outcome]) -> None:
    need("openssl")
    sh(
        """
        set -e
        openssl dgst -sha256 "$D/big"; cat "$D/blob" | openssl md5
        openssl enc -aes-256-cbc -pbkdf2 -S 0102030405060708 -k secret -in "$D/blob" -out e
        openssl enc -d -aes-256-cbc -pbkdf2 -S 0102030405060708 -k secret <e | cmp - "$D/blob"
        openssl genpkey -algorithm ED25519 -out key 2>&1; openssl pkey -in key -pubout -out pub
        openssl pkeyutl -sign -rawin -inkey key -in "$T/if.h" -out sig
        openssl pkeyutl -verify -rawin -pubin -inkey pub -in "$T/if.h" -sigfile sig
        md5sum <e; openssl rand 1000 | wc -c; openssl base64 -in "$T/if.h" | md5sum
        """
    )


def test_ssh_keygen(sh: Callable[..., Outcome]) -> None:
    need("ssh-keygen")
    sh(
        """
        ssh-keygen -q -t ed25519 -N '' -C comment -f key && ssh-keygen -y -f key | cmp - key.pub && echo same
        ls -l key key.pub | cut -c1-10; ssh-keygen -l -f key.pub | wc -w
        echo text | ssh-keygen -q -Y sign -f key -n file >sig 2>/dev/null
        echo "me $(cat key.pub)" >allowed
        echo text | ssh-keygen -Y verify -f allowed -I me -n file -s sig | cut -d' ' -f1-4
        ssh-keygen -y -f absent; echo $?
        """
    )


# Networks


def nginx_conf(where: Path, port: int, answer: str) -> None:
    user = "user root;" if os.geteuid() == 0 else ""
    temps = "".join(
        f"{kind}_temp_path {where}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi")
    )
    (where / "nginx.conf").write_text(
        textwrap.dedent(
            f"""
            {user} daemon off; worker_processes 2; pid {where}/pid;
            error_log {where}/error.log notice;
            events {{ worker_connections 64; }}
            http {{
                access_log {where}/access.log; client_body_temp_path {where}/body; {temps}
                sendfile off; output_buffers 2 16k; keepalive_timeout 5;
                server {{
                    listen 127.0.0.1:{port};
                    location / {{ root {REAL}; autoindex on; }}
                    location /big {{ alias {where.parent}/data/big; }}
                    location /answer {{ return 200 "{answer}\\n"; }}
                }}
            }}
            """
        )
    )


def nginx_argv(where: Path) -> list[str]:
    log = str(where / "error.log")
    return ["nginx", "-p", str(where), "-c", str(where / "nginx.conf"), "-e", log]


@pytest.fixture(scope="session")
def web(harness: Harness, scratch: Path, data: Path) -> Iterator[str]:
    """A native nginx, for the clients."""
    need("nginx")
    where = scratch / "web"
    where.mkdir()
    port = free_port()
    nginx_conf(where, port, "native")
    quiet = subprocess.DEVNULL
    with harness.start(
        Side.NATIVE, nginx_argv(where), cwd=where, stdin=quiet, stdout=quiet, stderr=quiet
    ):
        wait_listening(port)
        yield f"http://127.0.0.1:{port}"


def test_curl(harness: Harness, web: str) -> None:
    need("curl")
    script = f"""
        curl -sS {web}/in.h | md5sum; curl -sS {web}/big -o big; curl -sS -r 100-199 {web}/big
        curl -sS -w '%{{http_code}}\\n' -o /dev/null {web}/nothing; curl -sSI {web}/if.h | grep -i length
        curl -sS --remote-name-all {web}/{{if,in,in6,ip,tcp,udp}}.h
        curl -sSf {web}/nothing; echo $?; curl -sS http://localhost:{web.rsplit(':', 1)[1]}/answer
        curl -s http://127.0.0.1:1/; echo $?; curl -sS file://{REAL}/if.h | md5sum
        curl -sS {web}/big | wc -c; curl -sS -T - {web}/in.h </etc/passwd | head -n 1
    """
    harness.compare(["bash", "-c", script], tree=True)


def test_wget(harness: Harness, web: str) -> None:
    need("wget")
    script = f"""
        wget -q -O - {web}/big | md5sum; wget -q -r -np -nH -R '*.html*' {web}/sched/
        wget -q {web}/nothing; echo $?; wget -q -c {web}/if.h
        wget -q -T 2 -t 1 http://127.0.0.1:1/; echo $?
    """
    harness.compare(["bash", "-c", script], tree=True)


def test_bash_network(harness: Harness, web: str) -> None:
    """/dev/tcp: a blocking connect and plain reads and writes."""
    port = web.rsplit(":", 1)[1]
    script = f"""
        for path in answer if.h big; do
            exec 3<>/dev/tcp/127.0.0.1/{port}
            printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' "$path" >&3; sed '1,/^\\r$/d' <&3 | md5sum; exec 3>&-
        done
        : 2>/dev/null >/dev/tcp/127.0.0.1/1; echo $?
    """
    harness.compare(["bash", "-c", script])


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_nginx(harness: Harness, data: Path) -> None:
    """A master with two workers: serve, reload, rotate, lose a worker, go gracefully."""
    need("nginx", "curl")
    names = sorted(path.name for path in REAL.glob("i*.h"))[:60]

    def scene(side: Side) -> str:
        where = harness.fresh_dir("nginx")
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        told: list[str] = []

        def fetch(*paths: str) -> str:
            argv = ["curl", "-sS", "--max-time", "10", *(f"{base}/{path}" for path in paths)]
            done = subprocess.run(argv, capture_output=True, timeout=20, check=False)
            return f"{done.returncode} {done.stderr!r} {len(done.stdout)} {digest(done.stdout)}"

        def answer() -> bytes:
            argv = ["curl", "-s", f"{base}/answer"]
            return subprocess.run(argv, capture_output=True, timeout=20, check=False).stdout

        nginx_conf(where, port, "first")
        quiet = subprocess.DEVNULL
        with harness.start(
            side, nginx_argv(where), cwd=where, stdin=quiet, stdout=quiet, stderr=subprocess.PIPE
        ) as master:
            wait_listening(port)
            wait_until(lambda: len(children_of(master.pid)) == 2, "no two workers")
            told += [fetch(*names), fetch("big"), fetch("absent", "answer")]

            nginx_conf(where, port, "second")
            old = set(children_of(master.pid))
            master.send_signal(signal.SIGHUP)
            wait_until(lambda: answer() == b"second\n", "the new configuration is not served")
            wait_until(lambda: not old & set(children_of(master.pid)), "old workers remain")
            told += [fetch(*names), fetch("answer")]

            log, rotated = where / "access.log", where / "access.log.1"
            log.rename(rotated)
            fetch("if.h")  # goes where the old one has gone
            before = rotated.read_text().count("\n")
            master.send_signal(signal.SIGUSR1)
            wait_until(lambda: log.exists() and fetch("if.h") and log.stat().st_size, "no new log")
            told.append(f"rotated {before > 60} {rotated.read_text().count('/if.h') > 2}")
            log.write_bytes(rotated.read_bytes() + log.read_bytes())

            victim = children_of(master.pid)[0]
            os.kill(victim, signal.SIGKILL)

            def replaced() -> bool:
                now = children_of(master.pid)
                return victim not in now and len(now) == 2

            wait_until(replaced, "the killed worker is not replaced")
            told += [fetch(*names), fetch("big")]

            slow = subprocess.Popen(
                ["curl", "-sS", "--limit-rate", "20M", f"{base}/big"], stdout=subprocess.PIPE
            )
            assert slow.stdout
            first = slow.stdout.read(1000)
            master.send_signal(signal.SIGQUIT)
            told.append(f"during quit {digest(first + slow.stdout.read())} {slow.wait(20)}")
            assert master.stderr
            told.append(f"stderr {master.stderr.read()!r}")
            told.append(status_text(master.wait(20)))
            told.append(f"left over {len(kill_session(master.pid))}")
        log = (where / "error.log").read_text()
        loud = re.findall(r"\[(?:error|crit|alert|emerg)\].*", log)
        told += sorted(re.sub(r"\d+#\d+|\b\d{3,}\b|\*\d+", "N", line) for line in loud)
        told.append("logged" if (where / "access.log").read_text().count("\n") > 100 else "no log")
        return "\n".join(told)

    harness.compare_scenes(scene, "nginx")


def test_redis(harness: Harness) -> None:
    """AOF, BGSAVE (a fork that writes), a benchmark, a restart: same data."""
    need("redis-server", "redis-cli", "redis-benchmark")

    def scene(side: Side) -> str:
        where = harness.fresh_dir("redis")
        port = free_port()
        told: list[str] = []
        env = harness.env(side)

        def cli(*words: str, stdin: bytes = b"") -> str:
            argv = [*harness.prefix(), "redis-cli", "-p", str(port), *words]
            done = subprocess.run(
                argv,
                env=env,
                input=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=30,
                check=False,
            )
            return f"{done.returncode} {done.stdout.decode()}"

        def info(name: str) -> str:
            found = re.search(rf"^{name}:(.*?)\r?$", cli("info", "persistence"), re.MULTILINE)
            return found[1] if found else ""

        def server(*more: str) -> list[str]:
            options = f"--port {port} --bind 127.0.0.1 --dir {where} --logfile {where}/log"
            options += " --enable-debug-command local --save ''"
            return ["redis-server", *shlex.split(options), *more]

        quiet = subprocess.DEVNULL
        streams: dict[str, object] = {"stdin": quiet, "stdout": quiet, "stderr": quiet}
        with harness.start(side, server("--appendonly", "yes"), cwd=where, **streams) as redis:
            wait_listening(port)
            wait_until(lambda: "PONG" in cli("ping"), "no PONG")
            mass = "".join(f"SET key:{i} {'v' * (i % 300)}{i}\r\n" for i in range(5000))
            told.append(re.sub(r"(?s).*errors", "errors", cli("--pipe", stdin=mass.encode())))
            told += [cli("incr", "n"), cli("rpush", "l", *"abcdef"), cli("lrange", "l", "0", "-1")]
            told.append(cli("eval", "return redis.call('get', KEYS[1])", "1", "key:77"))
            argv = [*harness.prefix(), "redis-benchmark", "-p", str(port), "-q", "-n", "1000"]
            argv += ["-c", "10", "-t", "set,get,lpush,incr"]
            done = subprocess.run(argv, env=env, capture_output=True, timeout=60, check=False)
            told.append(f"benchmark {done.returncode} {done.stdout.count(b'requests per second')}")
            told.append(cli("bgsave"))
            wait_until(lambda: info("rdb_bgsave_in_progress") == "0", "BGSAVE does not end")
            told.append(info("rdb_last_bgsave_status"))
            told.append(cli("bgrewriteaof"))
            wait_until(
                lambda: info("aof_rewrite_in_progress") == "0"
                and info("aof_rewrite_scheduled") == "0",
                "BGREWRITEAOF does not end",
            )
            told += [info("aof_last_bgrewrite_status"), cli("set", "after", "rewrite")]
            told += [cli("dbsize"), cli("llen", "mylist"), cli("debug", "digest")]
            cli("shutdown", "nosave")
            told.append(status_text(redis.wait(20)))
        for name, more in (("aof", ("--appendonly", "yes")), ("rdb", ("--appendonly", "no"))):
            with harness.start(side, server(*more), cwd=where, **streams) as redis:
                wait_listening(port)
                wait_until(lambda: "PONG" in cli("ping"), "no PONG")
                told += [name, cli("dbsize"), cli("debug", "digest"), cli("get", "after")]
                if name == "rdb":  # and an end without a warning
                    redis.kill()
                else:
                    cli("shutdown", "nosave")
                told.append(status_text(redis.wait(20)))
        log = (where / "log").read_text()
        told += [line for line in log.splitlines() if "crash" in line.lower() or "Fatal" in line]
        return "\n".join(told)

    native = harness.compare_scenes(scene, "redis")
    digests = re.findall(r"\b[0-9a-f]{40}\b", native)
    assert len(digests) == 3 and digests[0] == digests[1], native


def test_nc_and_socat(harness: Harness, data: Path) -> None:
    need("nc", "socat")
    first, second = free_port(), free_port()
    script = f"""
        big={data}/big
        socat TCP-LISTEN:{first},bind=127.0.0.1,reuseaddr,fork EXEC:cat & echo_server=$!
        until socat -u OPEN:/dev/null TCP:127.0.0.1:{first} 2>/dev/null; do sleep 0.05; done
        nc -N 127.0.0.1 {first} <"$big" | md5sum
        for i in 1 2 3; do (echo "client $i"; sleep 0.1) | socat - TCP:127.0.0.1:{first}; done
        nc -l 127.0.0.1 {second} >received & listener=$!
        until grep -q ":$(printf %04X {second}) 00000000:0000 0A" /proc/net/tcp; do sleep 0.05; done
        nc -N 127.0.0.1 {second} <"$big"; wait $listener; echo $?; md5sum <received
        socat UNIX-LISTEN:s EXEC:'md5sum' & until [ -S s ]; do sleep 0.05; done
        nc -N -U s <"$big"; echo hi | nc -w 1 127.0.0.1 1; echo $?
        socat -u SYSTEM:'echo through a pty; sleep 0.1',pty,stderr - | tr -d '\\r'
        kill $echo_server; wait $echo_server 2>/dev/null; echo $?
    """
    harness.compare(["bash", "-c", script])


# A terminal


class Terminal:
    """A program on a pseudo terminal, with somebody typing."""

    PROMPT = b"<ready> "

    def __init__(self, harness: Harness, side: Side, argv: list[str], cwd: Path) -> None:
        env = harness.env(side, {"PS1": "<ready> "})
        full = [*harness.prefix(), *argv]
        self.seen = b""
        self.mark = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(full[0], full, env)

    def read_some(self, timeout: float) -> bool:
        """False when nothing more will come."""
        ready, _, _ = select.select([self.fd], [], [], max(0.0, timeout))
        assert ready, f"the terminal says no more: {self.seen.decode()}"
        try:
            chunk = os.read(self.fd, 4096)
        except OSError:  # EIO: nobody has the other end open
            chunk = b""
        self.seen += chunk
        return bool(chunk)

    def expect(self, needle: bytes, timeout: float = 15.0) -> None:
        end = time.monotonic() + timeout
        while needle not in self.seen[self.mark :]:
            more = self.read_some(end - time.monotonic())
            assert more, f"ended before {needle!r}: {self.seen.decode()}"

    def type(self, keys: bytes, needle: bytes = PROMPT) -> None:
        self.mark = len(self.seen)
        os.write(self.fd, keys)
        self.expect(needle)

    def finish(self) -> str:
        os.write(self.fd, b"exit 7\r")
        while self.read_some(15):
            pass
        return status_text(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]))

    def kill(self) -> None:
        kill_session(self.pid)
        os.close(self.fd)


def test_terminal(harness: Harness) -> None:
    """bash with job control: ^Z, fg, bg of a reader, ^C, ^D."""
    need("script", "bash")

    def scene(side: Side) -> str:
        cwd = harness.fresh_dir()
        bash = "bash --norc --noprofile --noediting -i"
        terminal = Terminal(harness, side, ["script", "-q", "-e", "-c", bash, "typescript"], cwd)
        try:
            terminal.expect(b"<ready> ")
            terminal.type(b"echo one | cat\r")
            terminal.type(b"cat\r", b"cat\r\n")
            terminal.type(b"typed\r", b"typed\r\ntyped\r\n")
            terminal.type(b"\x1a")  # ^Z
            terminal.type(b"jobs\r")
            terminal.type(b"fg\r", b"cat\r\n")
            terminal.type(b"again\r", b"again\r\nagain\r\n")
            terminal.type(b"\x04")  # ^D
            # It reads, and is stopped for it.
            terminal.type(b"cat & until ps -o state= $! | grep -q T; do sleep 0.1; done\r")
            terminal.type(b"jobs\r")
            terminal.type(b"fg\r", b"cat\r\n")
            terminal.type(b"forward\r", b"forward\r\nforward\r\n")
            terminal.type(b"\x03")  # ^C
            terminal.type(b"sleep 30\r", b"sleep 30\r\n")
            time.sleep(0.1)
            terminal.type(b"\x03")  # ^C
            terminal.type(b"echo $?; stty -a </dev/tty | grep -c isig\r")
            terminal.type(b"read -r -s -p 'secret? ' x\r", b"\nsecret? ")
            time.sleep(0.1)
            terminal.type(b"word\r")
            terminal.type(b"echo $x; sleep 0.3 & sleep 0.1; wait; read -t 0.1 y; echo $?\r")
            terminal.type(b"stty tostop; (echo background) & sleep 0.3; jobs\r")
            terminal.type(b"fg\r")
            status = terminal.finish()
        finally:
            terminal.kill()
        return pids(terminal.seen).decode() + f"\n{status}"

    harness.compare_scenes(scene, "script and bash on a terminal")
