#!/bin/sh
# SPDX-License-Identifier: MIT
# Linux 6.12 and 7.3: in the kernel's own specification of tc (Documentation/netlink/specs/tc.yaml) three
# members of struct tc_ratespec are u8, which linux/pkt_sched.h has as short: the struct has 9 bytes, not 12.
# The kernel's ynl (tools/net/ynl), which packs structs, reads rates and limits of tbf, htb and police from
# wrong places, without an error.
# Exit status 0: it behaves as said here; 1: that has changed. Needs root, a kernel with sch_tbf, tc,
# python3-yaml, and a tree of Linux in $LINUX, or else apt-get, by which Debian's linux-source-6.12 is
# fetched (150 MB; nothing is installed).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if [ -z "${LINUX-}" ]; then
	LINUX=$folder/linux
	mkdir "$LINUX"
	mkdir -p "$folder/lists/partial"
	lists="-o Dir::State::Lists=$folder/lists"
	apt-get -qq $lists update
	apt-get -qq $lists download linux-source-6.12 >/dev/null
	dpkg-deb --fsys-tarfile linux-source-6.12_*.deb | tar -xO ./usr/src/linux-source-6.12.tar.xz | xz -dc |
		tar -x -C "$LINUX" --strip-components=1 --wildcards 'linux-source-6.12/tools/net/ynl/*' \
			'linux-source-6.12/Documentation/netlink/*'
fi
cat >look.py <<'END'
import os
import sys

tools = os.environ["LINUX"] + "/tools/net/ynl"
sys.path.insert(0, tools + "/pyynl" if os.path.isdir(tools + "/pyynl") else tools)
from lib import YnlFamily

tc = YnlFamily(os.environ["LINUX"] + "/Documentation/netlink/specs/tc.yaml", schema="")
print("bytes of tc-ratespec:", (getattr(tc, "struct_size", None) or tc._struct_size)("tc-ratespec"))
for qdisc in tc.dump("getqdisc", {}):
    if qdisc["kind"] == "tbf":
        parms = qdisc["options"]["parms"]
        print("rate in bytes a second:", parms["rate"]["rate"], "limit in bytes:", parms["limit"])
END
seen=$(LINUX=$LINUX unshare -n sh -c '
	ip link set lo up
	tc qdisc add dev lo root tbf rate 1mbit burst 32kbit limit 5000
	python3 look.py')
printf '%s\n' "$seen"
# 1 Mbit/s is 125000 bytes a second.
case $seen in
*'tc-ratespec: 9'*'rate in bytes a second: 125000 limit in bytes: 5000'*) exit 1 ;;
*'tc-ratespec: 9'*'rate in bytes a second: '*) ;;
*) exit 1 ;;
esac
