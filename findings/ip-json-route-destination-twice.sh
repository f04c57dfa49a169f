#!/bin/sh
# SPDX-License-Identifier: MIT
# iproute2 6.1.0 (Debian 12), on Linux 6.18: `ip -j route` writes a route and its lightweight tunnel (encap ip, encap
# ip6) into one flat object, in which "dst" stands twice: first the route's destination, then the tunnel's. RFC 8259
# leaves open what a reader makes of that; JavaScript's, Python's and jq keep the last one. So the route's own
# destination is lost, and it reads as one to the tunnel's end. The text has both.
# Exit status 0: it behaves as said here; 1: that has changed. Needs root, ip, node, python3, and a kernel with
# LWTUNNEL.
set -eu
seen=$(unshare -n sh -c '
	ip link set lo up
	ip addr add 192.0.2.1/24 dev lo
	ip route add 198.51.100.0/24 encap ip id 5 src 192.0.2.1 dst 192.0.2.7 dev lo
	ip route add 203.0.113.0/24 encap ip6 id 5 dst 2001:db8::7 dev lo
	ip route show table main | sed -En "s/^([0-9./]+) .*encap.* dst ([^ ]+) .*/text: \1 by a tunnel to \2/p"
	ip -j route show table main | node -e "
		const routes = JSON.parse(require(\"node:fs\").readFileSync(0, \"utf8\"))
		console.log(\"node:\", routes.filter(route => route.encap).map(route => route.dst).join(\" \"))"
	ip -j route show table main | python3 -c "
import json, sys
print(\"python3:\", *(route[\"dst\"] for route in json.load(sys.stdin) if \"encap\" in route))"')
printf '%s\n%s\n' "$(ip -V)" "$seen"
[ "$seen" = 'text: 198.51.100.0/24 by a tunnel to 192.0.2.7
text: 203.0.113.0/24 by a tunnel to 2001:db8::7
node: 192.0.2.7 2001:db8::7
python3: 192.0.2.7 2001:db8::7' ]
