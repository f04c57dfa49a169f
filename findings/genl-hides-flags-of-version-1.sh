#!/bin/sh
# SPDX-License-Identifier: MIT
# iproute2 6.1.0 (Debian 12), on Linux 6.18: `genl ctrl list` says what each operation can do and which privilege it
# wants (CTRL_ATTR_OP_FLAGS), but only of families whose own version is 2 or more: it takes a family's version for that
# of the controller (genl/ctrl.c, print_ctrl_cmds()). Of a family of version 1, such as ethtool, mptcp_pm or netdev,
# nothing is shown, though the kernel tells the same of all: an operation that needs CAP_NET_ADMIN looks like any other.
# Later releases of iproute2 show them.
# Exit status 0: it behaves as said here; 1: that has changed. Needs genl and python3, and a kernel with a family of
# version 1 and one of a later version that have operations.
set -eu
seen=$(python3 - <<'EOF'
import re, socket, struct, subprocess

GETFAMILY, FAMILY_NAME, VERSION, OPS, OP_FLAGS = 3, 2, 3, 6, 2


def attributes(data):
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        found.setdefault(kind & 0x3FFF, data[4:size])
        data = data[(size + 3) & ~3 :]
    return found


def entries(data):
    while len(data) >= 4:
        (size,) = struct.unpack_from("=H", data)
        yield data[4:size]
        data = data[(size + 3) & ~3 :]


nlctrl = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
nlctrl.send(struct.pack("=IHHIIBBH", 20, 16, 0x301, 1, 0, GETFAMILY, 1, 0))
told, done = {}, False
while not done:
    answer = nlctrl.recv(1 << 16)
    while answer:
        size, kind = struct.unpack_from("=IH", answer)
        done = done or kind == 3
        if kind == 16:
            family = attributes(answer[20:size])
            name = family[FAMILY_NAME].rstrip(b"\0").decode()
            (version,) = struct.unpack_from("=I", family[VERSION])
            told[name] = (version, sum(OP_FLAGS in attributes(each) for each in entries(family.get(OPS, b""))))
        answer = answer[(size + 3) & ~3 :]

shown = {}
for block in re.split(r"^Name: ", subprocess.run(["genl", "ctrl", "list"], capture_output=True, text=True).stdout, flags=re.M)[1:]:
    shown[block.split()[0]] = block.count("Capabilities (0x")
for title, chosen in (("version 1", lambda version: version == 1), ("later versions", lambda version: version > 1)):
    names = [name for name, (version, count) in told.items() if chosen(version) and count > 0]
    kernel, genl = sum(told[name][1] for name in names), sum(shown[name] for name in names)
    print(f"{title}: " + ("no such family" if not names else "all are shown" if genl == kernel else "none is shown" if genl == 0 else f"{genl} of {kernel}"))
EOF
)
printf '%s\n%s\n' "$(genl -V)" "$seen"
[ "$seen" = 'version 1: none is shown
later versions: all are shown' ]
