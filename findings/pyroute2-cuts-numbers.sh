#!/bin/sh
# SPDX-License-Identifier: MIT
# pyroute2 0.7.2 (Debian 12), on Linux 6.18: numbers of rtnetlink come out as others, without an error.
# - RTM_GETNSID of a network namespace that has no id: NETNSA_NSID_NOT_ASSIGNED, -1 by linux/net_namespace.h and
#   `ip netns list-id`, is 4294967295; so is FRA_SUPPRESS_PREFIXLEN of each rule that suppresses nothing, where
#   the kernel has -1
# - a tbf of more than 34 Gbit/s has its rate in TCA_TBF_RATE64, and 4294967295 in the old field. pyroute2 does not
#   know the attribute: a rate of 100 Gbit/s reads as 34.4 Gbit/s.
# Exit status 0: it behaves as said here; 1: that has changed. Needs python3, root, a kernel with sch_tbf, ip and tc,
# and apt-get, by which Debian's package is fetched (nothing is installed).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial root
lists="-o Dir::State::Lists=$folder/lists"
apt-get -qq $lists update
apt-get -qq $lists download python3-pyroute2=0.7.2-2 >/dev/null
dpkg-deb -x python3-pyroute2_*.deb root
cat >look.py <<'END_PY'
import os

from pyroute2 import IPRoute
from pyroute2.netlink import NLM_F_REQUEST
from pyroute2.netlink.rtnl import RTM_GETNSID
from pyroute2.netlink.rtnl.nsidmsg import nsidmsg

with IPRoute() as route:
    request = nsidmsg()
    request["attrs"] = [("NETNSA_FD", os.open("/proc/self/ns/net", os.O_RDONLY))]
    print("id:", route.nlm_request(request, RTM_GETNSID, NLM_F_REQUEST)[0].get_attr("NETNSA_NSID"))
    for rule in route.get_rules(family=2, table=253):
        print("rule:", rule.get_attr("FRA_SUPPRESS_PREFIXLEN"))
    for qdisc in route.get_qdiscs():
        if qdisc.get_attr("TCA_KIND") == "tbf":
            options = qdisc.get_attr("TCA_OPTIONS")
            print("tbf:", options.get_attr("TCA_TBF_PARMS")["rate"], options.get_attr("TCA_TBF_RATE64"))
END_PY
seen=$(PYTHONPATH=root/usr/lib/python3/dist-packages unshare -n sh -c '
	ip link set lo up
	tc qdisc add dev lo root tbf rate 100gbit burst 1m latency 10ms
	tc qdisc show dev lo | grep -o "rate [0-9]*Gbit"
	python3 look.py')
printf '%s\n' "$seen"
[ "$seen" = 'rate 100Gbit
id: 4294967295
rule: 4294967295
tbf: 4294967295 None' ]
