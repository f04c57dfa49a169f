// SPDX-License-Identifier: MIT
import { Message, parseMessages } from '../codec/message.ts'
import { hexWords } from '../codec/text.ts'

/**
 * One received datagram: usually one message, in dumps many. Datagrams are equal, also in comparisons of
 * objects, when their bytes, sender, groups and namespace are.
 */
export class Datagram {
  /** The sender's port id (nl_pid of the source address): 0 is the kernel. */
  readonly portId: number
  /**
   * nl_groups of the source address: the mask of the group it was multicast to, 0 if unicast or to a group
   * over 32.
   */
  readonly groups: number
  /**
   * The bytes as they came: a view that nobody else writes to. Copy it to keep it for long: it keeps 128 KiB
   * in memory.
   */
  readonly bytes: Buffer
  /** Bytes of the datagram as it was sent: more than `bytes` has if it was cut short (above 4 MiB). */
  readonly length: number
  /**
   * The number of the group it was multicast to, 0 if unicast, on sockets with NETLINK_PKTINFO; else
   * undefined. Unlike `groups` it also covers groups over 32.
   */
  group: number | undefined = undefined
  /**
   * The sender's network namespace, by its id in the socket's own, on sockets with NETLINK_LISTEN_ALL_NSID;
   * undefined for the socket's own namespace.
   */
  namespaceId: number | undefined = undefined

  /** The bytes of `buffer` from `start` to `end`. */
  constructor(
    buffer: Buffer,
    portId: number,
    groups: number,
    length: number,
    start = 0,
    end: number = buffer.length,
  ) {
    this.portId = portId
    this.groups = groups
    this.length = length
    this.bytes = buffer.subarray(start, end)
  }

  /** Whether `bytes` is less than what was sent. */
  get isTruncated(): boolean {
    return this.bytes.length < this.length
  }

  /**
   * The first message in it, usually the only one.
   * @throws MalformedError
   */
  first(): Message {
    return new Message(this.bytes)
  }

  /**
   * The messages in it, parsed again at each call.
   * @throws MalformedError
   */
  messages(): Message[] {
    return parseMessages(this.bytes)
  }

  /** A part of it, as a datagram of its own. */
  part(start: number, end: number): Datagram {
    const part = new Datagram(this.bytes, this.portId, this.groups, end - start, start, end)
    part.group = this.group
    part.namespaceId = this.namespaceId
    return part
  }

  /** As diffs, snapshots and JSON show it: bytes in hexadecimal. */
  toJSON(): object {
    return { ...this, bytes: hexWords(this.bytes) }
  }
}
