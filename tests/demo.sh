#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The main job in one screen: ordinary programs, as they are installed, run once
# natively and once under the library, on real input. The table says whether the
# output was the same and which way the calls went, so that a newcomer sees both
# that it works and what it does not cover, before reading anything.
#
# Called by `make demo`, which has built the library. Needs no root, leaves
# nothing behind, and ends with 1 if any output differs.

# shellcheck disable=SC2016 # the scripts in single quotes are expanded when they run
# shellcheck disable=SC2317 # start_nginx and start_redis are called by name

set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
lib=${LIBSHIM:-$top/build/libshim.so}
tree=/usr/include/linux
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8

if [ ! -f "$lib" ]; then
	echo "demo: $lib is missing: run \`make demo\`, which builds it" >&2
	exit 2
fi
missing=
for program in tar md5sum grep sort awk bash curl nginx redis-server redis-cli; do
	command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ]; then
	echo "demo: not installed:$missing (.ci/setup installs what is needed)" >&2
	exit 2
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/libshim-demo.XXXXXX")
chmod 755 "$work"
server=

stop_server() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || :
	[ -z "$server" ] || wait "$server" 2>/dev/null || :
	server=
}

finish() {
	stop_server
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

free_port() {
	/usr/bin/python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# What is run. Each is a shell script, with `$tree` as its input; the server
# scripts find their server at `$port`.

tar_md5='tar cf - -C "$tree/.." --sort=name linux | md5sum'

grep_sort='grep -rn "#define" "$tree" | sort | md5sum'

script='
count=0
while read -r name rest; do
	case $name in *[aeiou]) count=$((count + 1)) ;; esac
done <<END
$(find "$tree" -name "*.h" | sort | sed "s|.*/||; s|\.h$||")
END
echo "$count headers end in a vowel"
seq 1 2000 | while read -r n; do echo "$((n * n))"; done | tail -n 1
mkfifo ready
(trap "echo stopped; exit" TERM; echo >ready; while :; do sleep 0.05; done) &
read -r _ <ready; kill $!; wait $!
for f in if in ip tcp; do wc -l <"$tree/$f.h" & wait $!; done | sort -n | tr "\n" " "
'

web='
for page in if.h in.h tcp.h absent; do
	curl -sS "http://127.0.0.1:$port/$page" | md5sum
done
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf "GET /ip.h HTTP/1.0\r\n\r\n" >&3
cat <&3 | sed "1,/^.$/d" | md5sum
'

keys='
seq 1 2000 | sed "s/.*/SET key:& value-&/" | redis-cli -p "$port" | sort | uniq -c
redis-cli -p "$port" mget key:7 key:77 key:777 key:7777
redis-cli -p "$port" dbsize
redis-cli -p "$port" bgsave
'

wait_port() {
	tries=0
	while ! bash -c ": >/dev/tcp/127.0.0.1/$1" 2>/dev/null; do
		tries=$((tries + 1))
		if [ $tries -gt 200 ]; then
			echo "demo: no server on port $1" >&2
			exit 2
		fi
		sleep 0.05
	done
}

start_nginx() {
	mkdir -p "$work/nginx"
	user=
	[ "$(id -u)" != 0 ] || user='user root;'
	cat >"$work/nginx/nginx.conf" <<-END
		$user daemon off; worker_processes 2; pid $work/nginx/pid;
		events { worker_connections 64; }
		http {
			access_log off; sendfile off; output_buffers 2 16k;
			client_body_temp_path $work/nginx/body;
			proxy_temp_path $work/nginx/proxy; fastcgi_temp_path $work/nginx/fastcgi;
			uwsgi_temp_path $work/nginx/uwsgi; scgi_temp_path $work/nginx/scgi;
			server { listen 127.0.0.1:$port; root $tree; }
		}
	END
	env "$@" nginx -p "$work/nginx" -c "$work/nginx/nginx.conf" -e "$work/nginx/error.log" &
	server=$!
}

start_redis() {
	mkdir -p "$work/redis"
	env "$@" redis-server --port "$port" --bind 127.0.0.1 --dir "$work/redis" --save '' \
		--logfile "$work/redis/log" --appendonly yes &
	server=$!
}

# side SIDE START SCRIPT [VARIABLE=VALUE...]: the output of one side.
side() {
	side=$1 start=$2 text=$3
	shift 3
	port=0
	if [ "$start" != - ]; then
		rm -rf "$work/redis" "$work/nginx"
		port=$(free_port)
		"$start" "$@"
		wait_port "$port"
	fi
	mkdir "$work/cwd"
	status=0
	(cd "$work/cwd" && timeout 60 env "$@" tree="$tree" port="$port" bash -c "$text") \
		>"$work/$side.out" 2>"$work/$side.err" </dev/null || status=$?
	echo "exit $status" >>"$work/$side.out"
	rm -rf "$work/cwd"
	stop_server
}

# What the report of SHIM_STATS says, in one line.
summary() {
	awk '
		/^#/ || NF < 3 { next }
		$2 == "ring" { ring += $3 }
		$2 ~ /^native:/ { native += $3; reason[substr($2, 8)] += $3 }
		END {
			line = ""
			for (i = 0; i < 4; i++) {
				best = ""
				for (r in reason)
					if (reason[r] > 0 && (best == "" || reason[r] > reason[best] ||
					    (reason[r] == reason[best] && r < best)))
						best = r
				if (best == "")
					break
				line = line (line == "" ? "" : ", ") best " " reason[best]
				delete reason[best]
			}
			printf "%8d %8d %8d  %s\n", ring + native, ring, native, line
		}' "$1"
}

failed=0

# row NAME START SCRIPT
row() {
	rm -f "$work/stats"
	side native "$2" "$3" SHIM_DEMO=1
	side shim "$2" "$3" LD_PRELOAD="$lib" SHIM_STATS="$work/stats"
	verdict=same
	if ! cmp -s "$work/native.out" "$work/shim.out" ||
		! cmp -s "$work/native.err" "$work/shim.err"; then
		verdict=DIFFERENT
		failed=1
	fi
	[ -f "$work/stats" ] || : >"$work/stats"
	printf '%-26s %-9s %s\n' "$1" "$verdict" "$(summary "$work/stats")"
	if [ "$verdict" != same ]; then
		diff -u "$work/native.out" "$work/shim.out" | head -n 20 || :
		diff -u "$work/native.err" "$work/shim.err" | head -n 20 || :
	fi
}

echo "Each program runs natively and under LD_PRELOAD=${lib#"$top"/}; output is compared."
echo
printf '%-26s %-9s %8s %8s %8s  %s\n' program output calls 'on ring' native 'native, by reason'
row 'tar | md5sum' - "$tar_md5"
row 'grep -r | sort' - "$grep_sort"
row 'shell script' - "$script"
row 'nginx, curl, bash' start_nginx "$web"
row 'redis-server, redis-cli' start_redis "$keys"
echo
if [ $failed -eq 0 ]; then
	echo "All outputs are the same."
else
	echo "Some outputs are DIFFERENT."
fi
exit $failed
