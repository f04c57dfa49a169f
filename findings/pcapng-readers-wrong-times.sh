#!/bin/sh
# SPDX-License-Identifier: MIT
# scapy 2.5.0 and dpkt 1.9.8 (Debian 12), and valid pcapng files with netlink messages (LINKTYPE_NETLINK), beside
# libpcap 1.10.3. By the format a packet's time is in the unit of its interface's if_tsresol, from if_tsoffset on;
# a section's interfaces are numbered from 0; a Simple Packet Block is a packet of interface 0.
# - offset: scapy leaves out if_tsoffset, here 53 years
# - interfaces: dpkt takes the first interface's unit for all, and is wrong by a factor of 1000 where captures in
#   micro- and nanoseconds are merged
# - sections: both go on with the first section's interfaces in the second, as when files are joined by cat,
#   which the format allows, and are wrong by a factor of 1000
# - simple: dpkt leaves the packet out
# Neither says anything.
# Exit status 0: it behaves as said here; 1: that has changed. Needs python3, libdbus-1-3, and apt-get, by which
# Debian's packages are fetched (nothing is installed).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial root
lists="-o Dir::State::Lists=$folder/lists"
apt-get -qq $lists update
apt-get -qq $lists download python3-scapy=2.5.0+dfsg-2 python3-dpkt=1.9.8-1 libpcap0.8=1.10.3-1 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
cat >look.py <<'END_PY'
import ctypes
import logging
import struct
import sys
import warnings

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
import dpkt
from scapy.utils import rdpcap

NETLINK, MICRO, NANO = 253, b"\x06", b"\x09"


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def interface(**options):
    written = b""
    for code, value in ((9, options.get("tsresol")), (14, options.get("tsoffset"))):
        if value:
            written += struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
    return block(1, struct.pack("<HHI", NETLINK, 0, 0) + written + bytes(4))


def packet(number, time):
    return block(6, struct.pack("<IIIII", number, time >> 32, time & 0xFFFFFFFF, 32, 32) + message)


message = bytes(16) + struct.pack("<IHHII", 16, 3, 0, 1, 0)
section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
in_micro = interface(tsresol=MICRO)
in_nano = interface(tsresol=NANO)
first = packet(0, 1700000000_000000)
files = {
    "offset": section + interface(tsresol=MICRO, tsoffset=struct.pack("<q", 1700000000)) + packet(0, 5_000000),
    "interfaces": section + in_micro + in_nano + first + packet(1, 1700000001_000000000),
    "sections": section + in_micro + first + section + in_nano + packet(0, 1700000001_000000000),
    "simple": section + in_micro + block(3, struct.pack("<I", 32) + message) + first,
}


class Header(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("part", ctypes.c_long), ("lengths", ctypes.c_uint32 * 2)]


def by_libpcap(name):
    library = ctypes.CDLL(sys.argv[1])
    library.pcap_open_offline.restype = ctypes.c_void_p
    capture = ctypes.c_void_p(library.pcap_open_offline(name.encode(), ctypes.create_string_buffer(256)))
    header, data = ctypes.POINTER(Header)(), ctypes.c_void_p()
    while library.pcap_next_ex(capture, ctypes.byref(header), ctypes.byref(data)) == 1:
        yield header.contents.seconds


def by_dpkt(name):
    with open(name, "rb") as file:
        yield from (time for time, _ in dpkt.pcapng.Reader(file))


def by_scapy(name):
    yield from (packet.time for packet in rdpcap(name))


for name, content in files.items():
    with open(name, "wb") as file:
        file.write(content)
    for reader in (by_libpcap, by_scapy, by_dpkt):
        if (name, reader) != ("simple", by_scapy):  # it gives the time of reading
            print(name, reader.__name__, *(int(time) for time in reader(name)))
END_PY
library=$(find "$folder/root" -name 'libpcap.so.1.*' | head -n 1)
seen=$(PYTHONPATH=root/usr/lib/python3/dist-packages python3 look.py "$library")
printf '%s\n' "$seen"
[ "$seen" = 'offset by_libpcap 1700000005
offset by_scapy 5
offset by_dpkt 1700000005
interfaces by_libpcap 1700000000 1700000001
interfaces by_scapy 1700000000 1700000001
interfaces by_dpkt 1700000000 1700000001000
sections by_libpcap 1700000000 1700000001
sections by_scapy 1700000000 1700000001000
sections by_dpkt 1700000000 1700000001000
simple by_libpcap 0 1700000000
simple by_dpkt 1700000000' ]
