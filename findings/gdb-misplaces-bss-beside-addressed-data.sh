#!/bin/sh
# SPDX-License-Identifier: MIT
# gdb 13.1 (Debian 12): add-symbol-file is told by -s where each section of a loaded object is. If .data has an
# address of its own in the file, as in modules that are built for Debian's Linux 6.12 (0x40), what is in .bss is
# taken to be where .text is, though -s .bss says where. `print` then shows code for data, without a word. Of the
# same object with addresses of zero all is right.
# Exit status 0: it behaves as said here; 1: that has changed. Needs gcc, binutils, and apt-get, by which
# Debian's packages are fetched (nothing is installed).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial debian
lists="-o Dir::State::Lists=$folder/lists"
apt-get -qq $lists update
apt-get -qq $lists download gdb-minimal=13.1-3 libreadline8=8.2-1.3 libncursesw6 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" debian; done
LD_LIBRARY_PATH=$(dirname "$(find "$folder/debian" -name 'libreadline.so.8' | head -n 1)")
cat >object.c <<'C'
int data = 5;
static int bss;
int *first(void) { return &data; }
int *second(void) { return &bss; }
C
gcc -c -g -O1 -o zero.o object.c
objcopy --change-section-address .data=0x40 zero.o addressed.o
seen=$(
	for object in zero addressed; do
		LD_LIBRARY_PATH=$LD_LIBRARY_PATH debian/usr/bin/gdb -nx -batch \
			-ex "add-symbol-file $object.o -s .text 0x10000 -s .data 0x20000 -s .bss 0x30000" \
			-ex 'print &data' -ex 'print &bss' 2>/dev/null | grep '^\$' | sed "s/^/$object: /"
	done
)
printf '%s\n' "$seen"
[ "$seen" = 'zero: $1 = (int *) 0x20000 <data>
zero: $2 = (int *) 0x30000 <bss>
addressed: $1 = (int *) 0x20000 <data>
addressed: $2 = (int *) 0x10000 <first>' ]
