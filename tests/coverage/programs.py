# SPDX-License-Identifier: MIT
"""The programs whose calls are counted, and what they work on.

Nothing here is chosen for its result: each program does a small piece of what it
is for, on the kernel's headers or on a generated text, so that no single one has
most of all calls. Its command line is a template; what stands in braces is made
when first asked for (servers included).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "py_tests"))
from shimtest import free_port, kill_session, wait_listening, wait_until  # noqa: E402

HEADERS = Path("/usr/include/linux")
ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "USER": "tester",
    "SHELL": "/bin/sh",
}

SCRIPTS = {
    "shell.bash": """
        count=0
        while read -r name; do
            case $name in *[aeiou].h) count=$((count + 1)) ;; esac
        done < <(find "$1" -name '*.h' | sort | sed 's|.*/||')
        echo "$count headers end in a vowel"
        for f in if in ip tcp udp; do grep -c define "$1/$f.h" | tr '\\n' ' '; done
        echo "$(cat <<<"here: $(wc -l <"$1/in.h")")" >note
        (echo first; echo second) | while read -r word; do echo "<$word>"; done | tail -n 1
        exec 3<"$1/if.h"; read -r line <&3; exec 3<&-; echo "$line"
        cat note & wait
    """,
    "shell.dash": """
        set -e
        for f in "$1"/ip*.h; do
            lines=0
            while read -r line && [ $lines -lt 2 ]; do lines=$((lines + 1)); done <"$f"
            echo "$f $lines" >>list
        done
        sort list | head -n 3 | cut -d ' ' -f 2
        cat <<END | wc -l
        $(uname)
    END
    """,
    "script.py": """
        import hashlib, json, pathlib, subprocess, sys, tempfile, threading

        top = pathlib.Path(sys.argv[1])
        found = {}

        def work(names):
            for name in names:
                found[name.name] = hashlib.sha256(name.read_bytes()).hexdigest()

        names = sorted(top.glob("i*.h"))
        threads = [threading.Thread(target=work, args=(names[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with tempfile.TemporaryDirectory(dir=".") as where:
            listing = pathlib.Path(where, "list.json")
            listing.write_text(json.dumps(found))
            out = subprocess.run(["wc", "-c", listing], capture_output=True, text=True)
            shell = subprocess.run("cat | sort -r | head -n 2", shell=True, input="a\\nb\\nc\\n",
                                   capture_output=True, text=True)
            print(len(json.loads(listing.read_text())), out.stdout.split()[0], shell.stdout)
    """,
    "script.pl": """
        use strict;
        use warnings;
        use File::Basename;
        my %count;
        for my $path (glob "$ARGV[0]/i*.h") {
            open(my $in, '<', $path) or die "$path: $!";
            while (my $line = <$in>) { $count{basename($path)}++ if $line =~ /define/; }
            close($in);
        }
        open(my $out, '>', 'counts') or die;
        print $out "$_ $count{$_}\\n" for sort keys %count;
        close($out) or die;
        my $lines = `wc -l <counts`;
        print "lines $lines";
        open(my $pipe, '-|', 'sort', '-r', 'counts') or die;
        print scalar <$pipe>;
        close($pipe);
    """,
    "script.js": """
        const fs = require('fs');
        const { execFileSync } = require('child_process');
        const top = process.argv[2];
        let bytes = 0;
        for (const name of fs.readdirSync(top).filter((n) => n.startsWith('i')))
            bytes += fs.readFileSync(`${top}/${name}`).length;
        fs.writeFileSync('total', `${bytes}\\n`);
        fs.createReadStream(process.argv[3]).pipe(fs.createWriteStream('copy')).on('finish', () => {
            console.log(bytes, execFileSync('wc', ['-c', 'copy']).toString());
        });
    """,
    "work.sql": """
        create table t (id integer primary key, word text, size integer);
        begin;
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
            insert into t select i, 'word ' || (i * 7919 % 1000), i % 97 from n;
        commit;
        create index by_word on t (word);
        update t set size = size + 1 where word like 'word 9%';
        select count(*), sum(size) from t;
        delete from t where id % 3 = 0;
        select word, count(*) from t group by word order by 2 desc, 1 limit 3;
    """,
    "hello.c": """
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/socket.h>
        int twice(int);
        int main(int argc, char **argv) { return printf("%d\\n", twice(argc)) < (int)strlen(*argv); }
    """,
    "twice.c": "int twice(int n) { return 2 * n; }\n",
    "Makefile": """
        FILES := $(addsuffix .out,a b c d e f)
        all: sum
        %.out:
        \techo $* | tr a-z A-Z >$@
        sum: $(FILES)
        \tcat $^ | md5sum >$@
        \t@test -s $@ && echo made
    """,
}


def native(argv: str, cwd: Path, **more: object) -> bytes:
    """A helper's work: not traced, not preloaded; its failure is ours."""
    env = ENV | {"HOME": str(cwd)}
    done = subprocess.run(  # type: ignore[call-overload]
        shlex.split(argv), cwd=cwd, env=env, capture_output=True, timeout=180, check=False, **more
    )
    if done.returncode:
        raise RuntimeError(f"{argv}: status {done.returncode}: {done.stderr.decode()[-500:]}")
    return bytes(done.stdout)


class World(dict[str, str]):
    """The inputs, by name; made when first asked for, servers stopped at the end."""

    def __init__(self, top: Path) -> None:
        super().__init__()
        self.top = top
        self.stack = contextlib.ExitStack()
        for name, text in SCRIPTS.items():
            (top / name).write_text(textwrap.dedent(text).lstrip("\n"))
            self[name.replace(".", "_")] = str(top / name)

    def __missing__(self, name: str) -> str:
        value = str(getattr(self, "make_" + name)())
        self[name] = value
        return value

    def make_tree(self) -> Path:
        """A hundred and some headers, to be copied and packed."""
        tree = self.top / "tree"
        (tree / "net").mkdir(parents=True)
        for path in sorted(HEADERS.glob("[ait]*.h")):
            shutil.copy(path, tree)
        for path in sorted(HEADERS.glob("netfilter/*.h"))[:40]:
            shutil.copy(path, tree / "net")
        return tree

    def make_big(self) -> Path:
        value, lines = 12345, []
        for number in range(40_000):
            value = (value * 1103515245 + 12345) % 2**31
            lines.append(f"{value % 99991} {value:08x} line {number} of the big file\n")
        path = self.top / "big"
        path.write_text("".join(lines))
        return path

    def make_repo(self) -> Path:
        repo = self.top / "repo"
        shutil.copytree(self["tree"], repo)
        config = "-c user.name=T -c user.email=t@example.org -c gc.auto=0"
        native("git init -q -b main", repo)
        for number in range(6):
            for path in sorted(repo.glob("i*.h"))[number::6]:
                path.write_text(path.read_text() + f"/* {number} */\n")
            native("git add -A", repo)
            native(f"git {config} commit -q -m 'change {number}'", repo)
        return repo

    def make_names(self) -> Path:
        path = self.top / "names"
        path.write_text("".join(f"{name}\n" for name in sorted(Path(self["tree"]).glob("i*.h"))))
        return path

    def make_commands(self) -> Path:
        path = self.top / "commands"
        path.write_text("".join(f"set key:{i} {i}\nget key:{i}\n" for i in range(50)))
        return path

    def server(self, argv: list[str], port: int, where: Path) -> None:
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(
            argv,
            cwd=where,
            env=ENV | {"HOME": str(where)},
            start_new_session=True,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
        )
        self.stack.callback(process.wait)
        self.stack.callback(kill_session, process.pid)
        wait_listening(port)

    def make_web(self) -> int:
        """A native nginx, for the clients."""
        port, where = free_port(), self.top / "web"
        where.mkdir()
        shutil.copy(self["big"], where / "big")
        nginx_conf(where, port)
        self.server(["nginx", "-p", str(where), "-c", "nginx.conf", "-e", "error.log"], port, where)
        return port

    def make_redis(self) -> int:
        port, where = free_port(), self.top / "redis"
        where.mkdir()
        options = f"--port {port} --bind 127.0.0.1 --dir {where} --save ''"
        self.server(["redis-server", *shlex.split(options)], port, where)
        return port


# What a program finds in its directory


def nginx_conf(where: Path, port: int) -> None:
    user = "user root;" if os.geteuid() == 0 else ""
    temps = "".join(f"{kind}_temp_path {kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    (where / "nginx.conf").write_text(
        f"{user} daemon off; worker_processes 2; pid pid; error_log error.log notice;\n"
        "events { worker_connections 64; }\n"
        f"http {{ access_log access.log; client_body_temp_path body; {temps}\n"
        "sendfile off; output_buffers 2 16k;\n"
        f"server {{ listen 127.0.0.1:{port};\n"
        f"location / {{ root {HEADERS}; autoindex on; }}\n"
        f"location /big {{ root {where}; }} }} }}\n"
    )


def nginx_files(world: World, cwd: Path) -> None:
    shutil.copy(world["big"], cwd / "big")
    nginx_conf(cwd, int(world["port"]))


def packed(world: World, cwd: Path) -> None:
    native(f"tar cf tree.tar -C {world['tree']}/.. tree", cwd)


def compressed(world: World, cwd: Path) -> None:
    (cwd / "big.gz").write_bytes(native(f"gzip -c {world['big']}", cwd))


def repository(world: World, cwd: Path) -> None:
    shutil.copytree(world["repo"], cwd / "repo")
    (cwd / ".gitconfig").write_text(
        "[user]\nname = T\nemail = t@example.org\n[gc]\nauto = 0\n[maintenance]\nauto = false\n"
    )
    for path in sorted((cwd / "repo").glob("t*.h"))[:5]:
        path.write_text(path.read_text() + "/* changed */\n")
    (cwd / "repo" / "new").write_text("new\n")


def objects(world: World, cwd: Path) -> None:
    for name in ("hello", "twice"):
        native(f"gcc -c -o {name}.o {world[name + '_c']}", cwd)


# Who talks to a server that is traced, and then ends it


def use_nginx(world: World, cwd: Path) -> None:
    base = f"http://127.0.0.1:{world['port']}"
    pid = cwd / "pid"
    wait_until(lambda: pid.is_file() and pid.read_text().strip() != "", "a pid", 120)
    names = sorted(path.name for path in HEADERS.glob("i*.h"))[:50]
    pages = " ".join(f"{base}/{name}" for name in names)
    for _ in range(8):
        native(f"curl -sS {pages} {base}/netfilter/ {base}/absent", cwd)
    native(f"curl -sS {base}/big {base}/big", cwd)
    native(f"curl -sS -I {base}/if.h", cwd)
    os.kill(int((cwd / "pid").read_text()), signal.SIGQUIT)


def use_redis(world: World, cwd: Path) -> None:
    cli = f"redis-cli -p {world['port']}"
    native(f"redis-benchmark -p {world['port']} -q -n 200 -c 5 -t set,get,lpush", cwd)
    native(cli, cwd, input=b"set a 1\nincr a\nrpush l x y z\nlrange l 0 -1\nbgsave\n")
    wait_until(
        lambda: b"rdb_bgsave_in_progress:0" in native(f"{cli} info persistence", cwd),
        "BGSAVE ends",
        120,
    )
    time.sleep(0.2)
    native(f"{cli} shutdown nosave", cwd)


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the table. `use` makes it a server, on {port}."""

    name: str
    argv: str
    prepare: Callable[[World, Path], object] | None = None
    stdin: str = ""
    use: Callable[[World, Path], object] | None = None
    cwd: str = "."
    status: int = 0
    timeout: float = 60.0
    static: bool = False  # cannot be preloaded: in the table, not in the goal

    def command(self, world: World) -> list[str]:
        return shlex.split(self.argv.format_map(world))

    @property
    def program(self) -> str:
        return self.argv.split()[0]


CASES = (
    Case("cat", "cat {big} {tree}/if.h {tree}/in.h"),
    Case("cp", "cp -r {tree} copy"),
    Case("dd", "dd if={big} of=copy bs=8k status=none"),
    Case("wc", "wc {big} {tree}/if.h"),
    Case("sort", "sort -S 1M -o sorted {big}"),
    Case("grep -r", "grep -rn define {tree}"),
    Case("tar c", "tar cf tree.tar {tree}"),
    Case("tar x", "tar xf tree.tar", packed),
    Case("gzip", "gzip -c {big}"),
    Case("gunzip", "gunzip big.gz", compressed),
    Case("ls -l", "ls -lR {tree}"),
    Case("find", "find {tree} -type f -newer {big} -o -name t*.h -print"),
    Case("sed", "sed -n s/define/DEFINE/p {tree}/if.h {tree}/in.h {tree}/tcp.h"),
    Case("mawk", "mawk '{{n[$1 % 100] += NF}} END {{print n[7]}}' {big}"),
    Case("gawk", "gawk '{{n[$1 % 100] += NF}} END {{print n[7]}}' {big}"),
    Case("awk", "awk '/define/ {{print $2 | \"sort -u\"}}' {tree}/if.h {tree}/in.h"),
    Case("bash script", "bash {shell_bash} {tree}"),
    Case("dash script", "dash {shell_dash} {tree}"),
    Case("python3", "/usr/bin/python3 -c 'print(sum(range(10)))'"),
    Case("python3 script", "/usr/bin/python3 {script_py} {tree}"),
    Case("perl", "perl -ne 'print if /1234/' {big}"),
    Case("perl script", "perl {script_pl} {tree}"),
    Case("sqlite3", "sqlite3 work.db", stdin="{work_sql}"),
    Case("git status", "git status", repository, cwd="repo"),
    Case("git log", "git log -p --stat", repository, cwd="repo"),
    Case("git commit", "sh -c 'git add -A && git commit -q -m new'", repository, cwd="repo"),
    Case("gcc -c", "gcc -O2 -c -o hello.o {hello_c}"),
    Case("gcc link", "gcc -o hello hello.o twice.o", objects),
    Case("curl", "curl -sS -o big http://127.0.0.1:{web}/big"),
    Case("curl localhost", "curl -sS http://localhost:{web}/if.h"),
    Case("wget", "wget -q http://localhost:{web}/big"),
    Case("rsync", "rsync -a {tree}/ copy"),
    Case("ssh -V", "ssh -V"),
    Case("ssh-keygen", "ssh-keygen -q -t ed25519 -N '' -f key"),
    Case("openssl dgst", "openssl dgst -sha256 {big}"),
    Case("openssl enc", "openssl enc -aes-256-ctr -pbkdf2 -k secret -in {big} -out secret"),
    Case("node", "node {script_js} {tree} {big}"),
    Case("getent hosts", "getent hosts localhost"),
    Case("id", "id"),
    Case("xz", "xz -1 -c {big}"),
    Case("diff", "diff {tree}/in.h {tree}/in6.h", status=1),
    Case("md5sum", "md5sum {big} {tree}/if.h {tree}/in.h"),
    Case("make", "make -s -f {Makefile}"),
    Case("head", "head -n 5 {tree}/if.h {tree}/in.h {tree}/ip.h"),
    Case("date", "date -d 2024-02-29 +%A"),
    Case("tee", "tee one two", stdin="{big}"),
    Case("xargs", "xargs -n 3 cat", stdin="{names}"),
    Case("gdb", "gdb -nx -batch -ex 'info functions ^sin$' /bin/true"),
    Case("redis-cli", "redis-cli -p {redis}", stdin="{commands}"),
    Case("redis-benchmark", "redis-benchmark -p {redis} -q -n 200 -c 5 -t set,get"),
    Case(
        "redis-server",
        "redis-server --port {port} --bind 127.0.0.1 --appendonly yes --save '' --logfile log",
        use=use_redis,
    ),
    Case("nginx", "nginx -p {cwd} -c nginx.conf -e error.log", nginx_files, use=use_nginx),
    Case("busybox cat (static)", "busybox cat {big}", static=True),
)
