# SPDX-License-Identifier: MIT
# The system packages that runs need: run-vm.sh and `netlink-vmtest setup` (harness/commands/setup.ts) source
# this. Variables of the caller: cache; from_source (yes: also what kernels are built with); ask, before
# installing at a terminal (always; sudo: if not root; never).

log=$cache/setup.log

# Prints the missing Debian packages, a line each. Tools are searched by name, wherever they come from.
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
	[ -e /usr/lib/x86_64-linux-gnu/libelf.so.1 ] || [ -e /usr/lib64/libelf.so.1 ] || echo libelf1
	# A dynamic one cannot run in guests (images/image.ts).
	busybox=$(command -v busybox) && ! grep -q /lib64/ld-linux "$busybox" || echo busybox-static
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

at_terminal() {
	[ -t 0 ] && [ -t 2 ]
}

install_packages() {
	[ "$(uname -sm)" = 'Linux x86_64' ] || fail "netlink-vmtest starts guests on Linux on x86-64 only, and this is $(uname -sm): its client, netlink-vmtest/netlink, works on any 64-bit Linux"
	packages=$(missing_packages | tr '\n' ' ')
	packages=${packages% }
	[ -n "$packages" ] || return 0
	command -v apt-get >/dev/null || fail "missing: $packages (Debian's names). There is no apt-get here: install them yourself"

	command="apt-get install --no-install-recommends -y $packages"
	sudo=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || fail "missing: $packages. As root, run: $command"
		command="sudo $command"
		sudo='sudo -n'
	fi
	if [ "$ask" = always ] || { [ "$ask" = sudo ] && [ -n "$sudo" ]; }; then
		if at_terminal; then
			printf 'Missing: %s. Run %s? [Y/n] ' "$packages" "$command" >&2
			read -r answer || answer=n
			case $answer in '' | [Yy]*) ;; *) fail "Nothing was installed. To do it yourself, run: $command" ;; esac
		elif [ "$ask" = always ]; then
			fail "missing: $packages. There is no terminal to ask at: give --yes, or run: $command"
		fi
	fi
	if [ -n "$sudo" ] && ! sudo -n true 2>/dev/null; then
		at_terminal || fail "missing: $packages. sudo wants a password and there is no terminal to ask at. Run: $command"
		# Asks for the password here: apt has no terminal in step.
		sudo -v || fail "sudo did not work. As root, run: ${command#sudo }"
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

# alone COMMAND...: one set-up at a time; one that waited finds everything done. Descriptor 9 is the lock: it
# lasts for as long as a program has it.
alone() {
	mkdir -p "$cache" || fail "cannot write to $cache: set XDG_CACHE_HOME to a folder you own"
	(
		if ! flock -n 9; then
			echo 'waiting for another run that is setting up' >&2
			flock -w 3600 9 || fail "another run has been setting up for an hour (it holds $cache/setup.lock): end it"
		fi
		"$@"
	) 9>"$cache/setup.lock"
}
