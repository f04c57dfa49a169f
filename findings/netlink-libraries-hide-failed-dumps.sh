#!/bin/sh
# SPDX-License-Identifier: MIT
# libmnl 1.0.4, libnl 3.7.0 and pyroute2 0.7.2 (Debian 12), on Linux 6.18:
# a dump that fails on its way ends with NLMSG_DONE, whose payload is the error, with an extended
# acknowledgement behind it; so says the kernel's introduction to netlink, and `ip route show table 999`
# tells both. All three libraries take any NLMSG_DONE for success: mnl_cb_run() is 0, nl_recvmsgs() is 0,
# nlm_request() raises nothing, and the caller has an empty dump, or the first part of one.
# Here the routes of a table that does not exist are asked for, on sockets with NETLINK_GET_STRICT_CHK.
# Exit status 0: it behaves as said here; 1: that has changed. Needs python3, gcc with libc6-dev, and
# apt-get, by which Debian's packages are fetched (nothing is installed); no privileges.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial root
lists="-o Dir::State::Lists=$folder/lists"
apt-get -qq $lists update
apt-get -qq $lists download libmnl0=1.0.4-3 libmnl-dev=1.0.4-3 libnl-3-200=3.7.0-0.2+b1 libnl-3-dev=3.7.0-0.2+b1 \
	python3-pyroute2=0.7.2-2 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
cat >kernel.py <<'END_PY'
import os
import socket
import struct

sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
sock.settimeout(10)
sock.setsockopt(270, 11, 1)  # SOL_NETLINK, NETLINK_EXT_ACK
sock.setsockopt(270, 12, 1)  # NETLINK_GET_STRICT_CHK
body = struct.pack("8BI", socket.AF_INET, *[0] * 8) + struct.pack("HHI", 8, 15, 999)  # rtmsg, RTA_TABLE
sock.send(struct.pack("IHHII", 16 + len(body), 26, 0x301, 1, 0) + body)  # RTM_GETROUTE, a dump
answer = sock.recv(65536)
error = struct.unpack("i", answer[16:20])[0]
print(f"the kernel: type {answer[4]}, {os.strerror(-error)}, {answer[24:].rstrip(bytes(1)).decode()}")
END_PY
cat >mnl.c <<'END_C'
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>

static int routes;

static int each(const struct nlmsghdr *message, void *data)
{
	routes++;
	return MNL_CB_OK;
}

int main(void)
{
	char buffer[32768];
	struct mnl_socket *sock = mnl_socket_open(NETLINK_ROUTE);
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	int on = 1, status;

	mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID);
	mnl_socket_setsockopt(sock, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = 1;
	route->rtm_family = AF_INET;
	mnl_attr_put_u32(request, RTA_TABLE, 999);
	mnl_socket_sendto(sock, request, request->nlmsg_len);
	errno = 0;
	do {
		int length = mnl_socket_recvfrom(sock, buffer, sizeof(buffer));

		status = mnl_cb_run(buffer, length, 1, mnl_socket_get_portid(sock), each, NULL);
	} while (status > 0);
	printf("libmnl: mnl_cb_run %d, errno %d, %d routes\n", status, errno, routes);
}
END_C
cat >nl.c <<'END_C'
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <sys/socket.h>

static int routes;

static int each(struct nl_msg *message, void *data)
{
	routes++;
	return NL_OK;
}

int main(void)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct nl_msg *request = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg route = { .rtm_family = AF_INET };
	int on = 1, status;

	nl_connect(sock, NETLINK_ROUTE);
	setsockopt(nl_socket_get_fd(sock), 270, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, each, NULL);
	nlmsg_append(request, &route, sizeof(route), NLMSG_ALIGNTO);
	nla_put_u32(request, RTA_TABLE, 999);
	nl_send_auto(sock, request);
	status = nl_recvmsgs_default(sock);
	printf("libnl: nl_recvmsgs_default %d, %d routes\n", status, routes);
}
END_C
cat >pyroute.py <<'END_PY'
from pyroute2 import IPRoute
from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST
from pyroute2.netlink.rtnl import RTM_GETROUTE
from pyroute2.netlink.rtnl.rtmsg import rtmsg

with IPRoute() as route:
    route.setsockopt(270, 12, 1)
    request = rtmsg()
    request["family"] = 2
    request["attrs"] = [("RTA_TABLE", 999)]
    print("pyroute2: nlm_request", list(route.nlm_request(request, RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP)))
END_PY
lib() {
	find root -name "$1" | head -n 1
}
gcc -I root/usr/include mnl.c -o mnl "$(lib 'libmnl.so.0.*')"
gcc -I root/usr/include/libnl3 nl.c -o nl "$(lib 'libnl-3.so.200.*')"
path=$(dirname "$(lib 'libmnl.so.0.*')"):$(dirname "$(lib 'libnl-3.so.200.*')")
seen=$(
	python3 kernel.py
	LD_LIBRARY_PATH=$path ./mnl
	LD_LIBRARY_PATH=$path ./nl
	PYTHONPATH=root/usr/lib/python3/dist-packages python3 pyroute.py
)
printf '%s\n%s\n' "$(uname -r)" "$seen"
[ "$seen" = 'the kernel: type 3, No such file or directory, ipv4: FIB table does not exist
libmnl: mnl_cb_run 0, errno 0, 0 routes
libnl: nl_recvmsgs_default 0, 0 routes
pyroute2: nlm_request []' ]
