// SPDX-License-Identifier: MIT
/**
 * Conversations in the pcapng format (draft-ietf-opsawg-pcapng), as Wireshark reads them: an interface for each
 * socket, a packet for each datagram with LINKTYPE_NETLINK's header.
 */
import type { CapturedPacket, CapturedSocket, TestConversation } from '../../guest/agent/protocol.ts'

/** What a section says of itself. */
export interface SectionFacts {
  /** The operating system that it is from. */
  readonly system: string
  /** The program that made it. */
  readonly application: string
  readonly comment: string
}

const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const ENHANCED_PACKET = 6
const BYTE_ORDER_MAGIC = 0x1a2b3c4d

const LINKTYPE_NETLINK = 253
/** include/uapi/linux/if_arp.h */
const ARPHRD_NETLINK = 824
/** Packet types of LINKTYPE_LINUX_SLL, whose header LINKTYPE_NETLINK has. */
const SLL_HOST = 0
const SLL_OUTGOING = 4

/** Most bytes of an option's text; the format allows 65,535. */
const LONGEST_TEXT = 16 * 1024

/** Encodes the blocks of one section: the sockets of one guest. */
export class Pcapng {
  /** The sockets that have interfaces, by identity and name: a name changes when a socket is bound. */
  readonly #interfaces = new Map<string, number>()

  /** The block that a section begins with; a file begins with a section. */
  header({ system, application, comment }: SectionFacts): Buffer {
    const fixed = Buffer.alloc(16)
    fixed.writeUInt32LE(BYTE_ORDER_MAGIC, 0)
    fixed.writeUInt16LE(1, 4)
    fixed.writeBigInt64LE(-1n, 8) // the section's length: not told
    return block(SECTION_HEADER, fixed, [
      [1, text(comment)],
      [3, text(system)],
      [4, text(application)],
    ])
  }

  /** The packets of a conversation, after the descriptions of interfaces that are new. */
  conversation({ tests, sockets, packets }: TestConversation): Buffer {
    const names = tests.length === 0 ? ['(between tests)'] : tests
    const known = new Map(sockets.map(socket => [socket.identity, socket]))
    return Buffer.concat(
      packets.flatMap(packet => {
        const socket = known.get(packet.socket)
        if (socket === undefined) return []
        const key = `${socket.identity} ${socket.name}`
        const number = this.#interfaces.get(key) ?? this.#interfaces.size
        const described = this.#interfaces.has(key) ? [] : [interfaceBlock(socket)]
        this.#interfaces.set(key, number)
        return [...described, packetBlock(number, socket, packet, names)]
      }),
    )
  }
}

function interfaceBlock({ name, description }: CapturedSocket): Buffer {
  const fixed = Buffer.alloc(8)
  fixed.writeUInt16LE(LINKTYPE_NETLINK, 0)
  // A snap length of 0 is no limit; times are in microseconds where no option tells.
  return block(INTERFACE_DESCRIPTION, fixed, [
    [2, text(name)],
    [3, text(description)],
  ])
}

function packetBlock(
  number: number,
  { protocol }: CapturedSocket,
  { time, direction, bytes, length, comment }: CapturedPacket,
  tests: readonly string[],
): Buffer {
  const fixed = Buffer.alloc(20)
  fixed.writeUInt32LE(number, 0)
  fixed.writeUInt32LE(Math.floor(time / 2 ** 32), 4)
  fixed.writeUInt32LE(time % 2 ** 32, 8)
  const header = Buffer.alloc(16)
  header.writeUInt16BE(direction === 'out' ? SLL_OUTGOING : SLL_HOST, 0)
  header.writeUInt16BE(ARPHRD_NETLINK, 2)
  header.writeUInt16BE(protocol, 14)
  fixed.writeUInt32LE(header.length + bytes.length, 12)
  fixed.writeUInt32LE(header.length + length, 16)
  const flags = Buffer.alloc(4)
  flags.writeUInt32LE({ none: 0, in: 1, out: 2 }[direction], 0)
  return block(ENHANCED_PACKET, Buffer.concat([fixed, padded(header), padded(bytes)]), [
    ...tests.map((name): [number, Buffer] => [1, text(name)]),
    [1, text(comment)],
    [2, flags],
  ])
}

function block(type: number, body: Uint8Array, options: readonly [code: number, value: Buffer][]): Buffer {
  const written = options
    .filter(([, value]) => value.length > 0)
    .flatMap(([code, value]) => [uint16s(code, value.length), padded(value)])
  const all = Buffer.concat([Buffer.alloc(8), body, ...written, uint16s(0, 0), Buffer.alloc(4)])
  all.writeUInt32LE(type, 0)
  all.writeUInt32LE(all.length, 4)
  all.writeUInt32LE(all.length, all.length - 4)
  return all
}

function uint16s(first: number, second: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16LE(first, 0)
  bytes.writeUInt16LE(second, 2)
  return bytes
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}

/** Any string as UTF-8 on one line: names of tests may have control characters. */
function text(value: string): Buffer {
  const shown = value.replaceAll(
    /\p{Cc}/gu,
    control => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  const bytes = Buffer.from(shown)
  if (bytes.length <= LONGEST_TEXT) return bytes
  // A character that is cut in two is left out.
  return Buffer.from(`${bytes.toString('utf8', 0, LONGEST_TEXT).replace(/\ufffd+$/, '')}...`)
}
