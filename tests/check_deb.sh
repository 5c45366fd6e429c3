#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The package on a Debian that has nothing else: a new system is made in a
# temporary directory, apt installs the package there with what it depends on,
# root and somebody else use it, apt removes it, and what is there then is what
# was there before. For root; needs debootstrap and Debian's mirror, some minutes
# and half a gigabyte.

set -eu

suite=bookworm

fail() {
	echo "check-deb: $*" >&2
	exit 1
}

[ -f "${1-}" ] || fail "usage: $0 PACKAGE.deb"
[ "$(id -u)" = 0 ] || fail "only root can make a system"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"

# What is mounted here is gone when this ends, whatever ends it.
if [ "${CHECK_DEB_ALONE-}" != yes ]; then
	CHECK_DEB_ALONE=yes exec unshare --mount --propagation private -- "$0" "$@"
fi

# Where this machine has its packages from, and how it gets there.
# shellcheck disable=SC2016 # apt and dpkg have such variables as well
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $suite" "Component: main" "Created-By: Packages" | head -n 1)
[ -n "$mirror" ] || fail "apt has no source for $suite: apt-get update"
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "${proxy-}" ] || export http_proxy="$proxy"

root=$(mktemp -d "${TMPDIR:-/tmp}/check-deb.XXXXXX")
chmod 755 "$root"
cleanup() {
	umount -l "$root/proc" "$root/dev" 2>/dev/null || :
	rm -rf --one-file-system "$root"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

log=$root/check-deb.log
quietly() {
	"$@" >"$log" 2>&1 </dev/null || {
		tail -n 30 "$log" >&2
		fail "failed: $*"
	}
	rm -f "$log"
}

inside() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive \
		${http_proxy:+http_proxy="$http_proxy"} chroot "$root" "$@"
}

# Everything but what apt, dpkg and man-db keep for themselves.
# shellcheck disable=SC2016
list_files() {
	inside find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /var/cache -o -path /var/log \
		-o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune -o -printf '%p %y %m %l\n' | sort
	inside dpkg-query -W -f '${Package} ${Status}\n' | sort
}

expect() {
	what=$1
	shift
	out=$(inside "$@" 2>&1) || fail "$*: status $?: $out"
	printf '%s\n' "$out" | grep -q -- "$what" || fail "$*: no \"$what\" in: $out"
	echo "check-deb: $* ... $what"
}

echo "check-deb: $suite from $mirror"
quietly debootstrap --variant=minbase --include=man-db "$suite" "$root" "$mirror"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
[ ! -f /etc/resolv.conf ] || cp -L /etc/resolv.conf "$root/etc/resolv.conf"
quietly inside apt-get -q update
list_files >"$root/tmp/before"

cp "$1" "$root/tmp/libshim.deb"
chmod 644 "$root/tmp/libshim.deb"
quietly inside apt-get -qy --no-install-recommends install /tmp/libshim.deb
[ -z "$(inside dpkg --verify libshim)" ] || fail "dpkg --verify complains"
! inside ldd /usr/bin/shim | grep "not found" || fail "a library is missing"

expect "^shim [0-9]" shim --version
expect "^root:" shim run -- cat /etc/passwd
expect "^read .*[1-9]" shim stat -- cat /etc/passwd
expect "works  *yes" shim doctor
expect "read(3" shim trace cat /etc/passwd
expect "</html>" sh -c "shim trace --json -o /tmp/trace cat /etc/passwd >/dev/null && shim report /tmp/trace"
expect "^same" sh -c "cd /tmp && shim trace -o a cat /etc/passwd >/dev/null && shim compare a a"
expect "shim.1" man -w shim
expect "libshim.7" man -w libshim
expect "shim-trace.5" man -w shim-trace
expect "^DESCRIPTION" sh -c "man shim 2>&1"
expect "^read .*[1-9]" setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/ shim stat -- cat /etc/passwd

quietly inside apt-get -qy --purge --auto-remove remove libshim
list_files >"$root/tmp/after"
diff "$root/tmp/before" "$root/tmp/after" || fail "something was left behind, or taken away"
echo "check-deb: nothing is left behind"
