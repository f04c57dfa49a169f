#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing (system packages, npm dependencies), then runs the command line in harness/cli.ts
# with the pinned Node. Prints nothing if nothing is missing; `--setup-only` stops after set-up. Exit status
# 3: the machine could not be set up (the others: see README.md).
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/netlink-vmtest
log=$cache/setup.log

# Whether a kernel may be built from source: one is named in the arguments or in the project's settings.
# Otherwise the tools for that are not installed.
builds_kernels() {
	case " $* " in *minimal-[0-9]* | *debug-[0-9]*) return 0 ;; esac
	# The nearest settings upwards are the project's, as in harness/prepare/load-settings.ts.
	project=$PWD
	while [ ! -e "$project/netlink-vmtest.config.ts" ] && [ "$project" != / ]; do project=$(dirname -- "$project"); done
	settings=$project/netlink-vmtest.config.ts
	[ -e "$settings" ] || settings=$here/netlink-vmtest.config.ts
	# The default matrix is among the settings' defaults.
	case " $* " in *' --matrix '*) defaults=$here/harness/prepare/settings.ts ;; *) defaults= ;; esac
	grep -qsE "['\"](minimal|debug)-[0-9]" "$settings" $defaults
}

# Prints the missing Debian packages. Tools are searched by name, wherever they come from.
missing_packages() {
	if [ "$from_source" = yes ]; then
		for tool in flex bison bc perl; do
			command -v $tool >/dev/null || echo $tool
		done
		[ -e /usr/include/gelf.h ] || echo libelf-dev
		[ -e /usr/include/stdio.h ] || echo libc6-dev
	fi
	command -v qemu-system-x86_64 >/dev/null || echo qemu-system-x86
	command -v gcc >/dev/null || echo gcc
	command -v strip >/dev/null || echo binutils
	command -v make >/dev/null || echo make
	command -v xz >/dev/null || echo xz-utils
	# For guests.
	command -v ip >/dev/null || echo iproute2
	# The kernel's objtool needs it.
	[ -e /usr/lib/x86_64-linux-gnu/libelf.so.1 ] || echo libelf1
	# By package: /bin/busybox may be the dynamic one, which cannot run in guests.
	dpkg-query -W -f '${db:Status-Status}' busybox-static 2>/dev/null | grep -qx installed || echo busybox-static
}

# npm writes .package-lock.json last: if it is newer than ours, the user has made a complete installation.
npm_is_current() {
	cmp -s "$here/package-lock.json" "$here/node_modules/.installed-lock" && return
	[ ! -e "$here/node_modules/.installed-lock" ] &&
		[ "$here/node_modules/.package-lock.json" -nt "$here/package-lock.json" ]
}

fail() {
	printf '%s\n' "$@" >&2
	exit 3
}

# step TITLE COMMAND...: runs it with its output in the log, and prints the time that it took.
step() {
	title=$1
	shift
	[ ! -t 2 ] || printf '  %s ...' "$title" >&2
	started=$(date +%s%N)
	status=0
	"$@" </dev/null >"$log" 2>&1 || status=$?
	tenths=$((($(date +%s%N) - started) / 100000000))
	[ ! -t 2 ] || printf '\r\033[K' >&2
	printf '%s %s (%d.%d s)\n' "$([ $status = 0 ] && echo '✔' || echo '✖')" "$title" $((tenths / 10)) $((tenths % 10)) >&2
	return $status
}

apt() {
	$sudo env DEBIAN_FRONTEND=noninteractive timeout --foreground 1800 apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() {
	packages=$(missing_packages | tr '\n' ' ')
	packages=${packages% }
	[ -n "$packages" ] || return 0
	[ "$(uname -m)" = x86_64 ] || fail "netlink-vmtest runs on x86-64 machines only; this one is $(uname -m)"
	command -v apt-get >/dev/null || fail "missing: $packages (Debian's names). There is no apt-get here: install them yourself"

	command="apt-get install --no-install-recommends -y $packages"
	sudo=
	if [ "$(id -u)" != 0 ]; then
		command="sudo $command"
		if ! command -v sudo >/dev/null; then
			fail "missing: $packages. As root, run: ${command#sudo }"
		elif [ -t 0 ] && [ -t 2 ]; then
			printf 'Missing: %s. Run %s? [Y/n] ' "$packages" "$command" >&2
			read -r answer || answer=n
			case $answer in '' | [Yy]*) ;; *) fail "Nothing was installed. To do it yourself, run: $command" ;; esac
			# Asks for the password here: apt has no terminal in step.
			sudo -v || fail "sudo did not work. As root, run: ${command#sudo }"
		elif ! sudo -n true 2>/dev/null; then
			fail "missing: $packages. sudo wants a password and there is no terminal to ask at. Run: $command"
		fi
		sudo='sudo -n'
	fi

	# A fresh container has no package lists. (Not apt-cache: it fails only if it knows none of the packages.)
	apt-get -qq --simulate install $packages >/dev/null 2>&1 || step 'apt-get update' apt update || true
	step "install $packages" apt install --no-install-recommends -y $packages && return
	# The lists may be older than the archive.
	if grep -qE 'Failed to fetch|Unable to fetch' "$log"; then
		step 'apt-get update' apt update || true
		step "install $packages" apt install --no-install-recommends -y $packages && return
	fi
	tail -n 15 "$log" >&2
	fail "could not install $packages (all of it: $log). To see why, run: $command"
}

check_node() {
	command -v node >/dev/null && command -v npm >/dev/null || fail 'Node.js 20 or later and npm are needed: install them'
	node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' ||
		fail "Node.js 20 or later is needed, and this is $(node --version): install a newer one"
}

install_npm() {
	rm -f "$here/node_modules/.installed-lock"
	if ! (cd "$here" && step 'npm ci' timeout --foreground 1200 npm ci --ignore-scripts); then
		grep '^npm error' "$log" >&2 || tail -n 15 "$log" >&2
		fail "npm ci failed (all of it: $log). To see why, run it in $here"
	fi
}

from_source=no
! builds_kernels "$@" || from_source=yes
if [ -n "$(missing_packages)" ] || ! cmp -s "$here/package-lock.json" "$here/node_modules/.installed-lock"; then
	mkdir -p "$cache" || fail "cannot write to $cache: set XDG_CACHE_HOME to a folder you own"
	# One set-up at a time; one that waited here finds everything done. apt does not get the lock's descriptor,
	# because it may start services. npm does, so that the lock lasts until npm ends, even after this shell.
	(
		if ! flock -n 9; then
			echo 'waiting for another run that is setting up' >&2
			flock -w 3600 9 || fail "another run has been setting up for an hour (it holds $cache/setup.lock): end it"
		fi
		npm_is_current || check_node
		install_packages 9>&-
		npm_is_current || install_npm
		cp "$here/package-lock.json" "$here/node_modules/.installed-lock.new"
		mv "$here/node_modules/.installed-lock.new" "$here/node_modules/.installed-lock"
	) 9>"$cache/setup.lock"
fi

[ "${1-}" != --setup-only ] || exit 0
# Node caches stripped and compiled files, which makes the start of a run quicker (docs/measurements.md, Start
# of a run). An existing NODE_COMPILE_CACHE is kept.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE-$cache/compiled}"
exec "$here/node_modules/.bin/node" "$here/harness/cli.ts" "$@"
