#!/bin/sh
# SPDX-License-Identifier: MIT
# busybox 1.35.0 and kmod 30 (Debian 12): a module says with MODULE_SOFTDEP("pre: a post: b") what modprobe
# loads before and after it, and depmod writes that to modules.softdep. kmod's modprobe does so. Busybox's
# loads the module alone, by its name or an alias, says nothing, and succeeds; its depmod writes no
# modules.softdep either. So in a guest with busybox a module runs without the algorithm or the protocol that
# it asks for, which it has on any distribution.
# Exit status 0: it behaves as said here; 1: that has changed. Needs gcc, root for chroot, and apt-get, by which
# Debian's packages are fetched (nothing is installed). No module is loaded.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial debian
lists="-o Dir::State::Lists=$folder/lists"
apt-get -qq $lists update
apt-get -qq $lists download busybox-static=1:1.35.0-4+deb12u1+b1 kmod=30+20221128-1 libkmod2=30+20221128-1 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" debian; done
modules=root/lib/modules/$(uname -r)
mkdir -p "$modules" root/bin
cp debian/bin/busybox root/bin
touch "$modules/modules.order" "$modules/modules.builtin" "$modules/modules.builtin.modinfo"
module() { # NAME TAG..., the parts of a module that depmod and modprobe read
	name=$1
	shift
	{
		number=0
		for tag in license=GPL depends= "$@"; do
			number=$((number + 1))
			printf '__attribute__((section(".modinfo"), used)) static const char tag%d[] = "%s";\n' $number "$tag"
		done
		printf '__attribute__((section(".gnu.linkonce.this_module"))) char this_module[64] = "%s";\n' "$name"
	} >"$name.c"
	gcc -c "$name.c" -o "$modules/$name.ko"
}
module first
module second
module last
module main 'softdep=pre: first second post: last' 'alias=net-pf-16-proto-25'
kmod() ( # PROGRAM ARGUMENT...
	ln -sf "$folder/debian/bin/kmod" "$1"
	LD_LIBRARY_PATH=$(dirname "$(find "$folder/debian" -name 'libkmod.so.2' | head -n 1)")
	export LD_LIBRARY_PATH
	"./$@"
)
loads() {
	grep -o '[a-z]*\.ko' | tr '\n' ' '
}
kmod depmod -b "$folder/root" "$(uname -r)"
seen=$(
	grep ^softdep "$modules/modules.softdep"
	for name in main net-pf-16-proto-25; do
		printf 'kmod, %s: %s\n' $name "$(kmod modprobe -d "$folder/root" -D $name | loads)"
		printf 'busybox, %s: %s\n' $name "$(chroot root /bin/busybox modprobe -D $name | loads)"
	done
	rm "$modules/modules.softdep"
	chroot root /bin/busybox depmod
	[ -s "$modules/modules.dep" ] && [ ! -e "$modules/modules.softdep" ] && echo 'busybox depmod: no modules.softdep'
)
printf '%s\n' "$seen"
[ "$seen" = 'softdep main pre: first second post: last
kmod, main: first.ko second.ko main.ko last.ko 
busybox, main: main.ko 
kmod, net-pf-16-proto-25: first.ko second.ko main.ko last.ko 
busybox, net-pf-16-proto-25: main.ko 
busybox depmod: no modules.softdep' ]
