#!/bin/sh
# SPDX-License-Identifier: MIT
# Linux 6.18 and 7.3 (net/netlink/policy.c): nlctrl's policies (CTRL_CMD_GETPOLICY) leave out attributes of
# the types NLA_BE16 and NLA_BE32, as if the family did not take them; so do the policies in extended
# acknowledgements. Whoever makes tests or drafts of specifications from policies has to know: an attribute
# that is not told may be taken. mptcp_pm shows it: of an address, the kernel tells no attribute 3 (ADDR4),
# and looks for the address that it has.
# Exit status 0: it behaves as said here; 1: that has changed. Needs python3 and a kernel with MPTCP, no
# privileges.
set -eu
seen=$(python3 - <<'END'
import socket
import struct

GENL_ID_CTRL, GETFAMILY, GETPOLICY = 16, 3, 10
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300


def attr(kind, payload):
    return struct.pack("HH", 4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def attrs(data):
    while data:
        length, kind = struct.unpack("HH", data[:4])
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3 :]


sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)  # NETLINK_GENERIC
sock.bind((0, 0))
sock.setsockopt(270, 11, 1)  # SOL_NETLINK, NETLINK_EXT_ACK


def ask(family, flags, command, body):
    message = struct.pack("BBH", command, 1, 0) + body
    sock.send(struct.pack("IHHII", 16 + len(message), family, NLM_F_REQUEST | flags, 1, 0) + message)
    answers = []
    while not answers or answers[-1][0] not in (2, 3):  # NLMSG_ERROR, NLMSG_DONE
        data = sock.recv(65536)
        while data:
            length, kind = struct.unpack("IH", data[:6])
            answers.append((kind, data[16:length]))
            data = data[(length + 3) & ~3 :]
    return answers


name = attr(2, b"mptcp_pm\0")
family = struct.unpack("H", dict(attrs(ask(GENL_ID_CTRL, NLM_F_ACK, GETFAMILY, name)[0][1][4:]))[1])[0]

told = {}
for kind, body in ask(GENL_ID_CTRL, NLM_F_DUMP, GETPOLICY, name + attr(10, struct.pack("I", 3))):
    if kind == GENL_ID_CTRL:
        for _, policies in (it for it in attrs(body[4:]) if it[0] == 8):  # CTRL_ATTR_POLICY
            for index, policy in attrs(policies):
                told.setdefault(index, set()).update(kind for kind, _ in attrs(policy))
print("attributes of an address that are told:", *sorted(told[1]))

for text, more in (("without ADDR4", b""), ("with ADDR4", attr(3, bytes([192, 0, 2, 1])))):
    address = attr(0x8001, attr(1, struct.pack("H", 2)) + more)  # MPTCP_PM_ATTR_ADDR, with its family
    error = ask(family, NLM_F_ACK, 3, address)[-1][1]  # MPTCP_PM_CMD_GET_ADDR
    request = struct.unpack("I", error[4:8])[0]
    reasons = [payload for kind, payload in attrs(error[4 + request :]) if kind == 1]
    print(f"{text}: {reasons[0].rstrip(bytes(1)).decode()}")
END
)
printf '%s\n%s\n' "$(uname -r)" "$seen"
[ "$seen" = 'attributes of an address that are told: 1 2 4 5 6 7
without ADDR4: missing address data
with ADDR4: address not found' ]
