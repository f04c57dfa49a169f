import { Message, parseMessages } from '../codec/message.ts'
import { hexWords } from '../codec/text.ts'

/**
 * What one send of another's put into the socket: usually one message, in dumps many. Datagrams are equal, also to whoever compares
 * objects, when their bytes and all that is told of them are.
 */
export class Datagram {
  /** The sender's port id (nl_pid of the source address): 0 is the kernel. */
  readonly portId: number
  /** nl_groups of the source address: the mask of the group it was multicast to, 0 if unicast or to a group over 32. */
  readonly groups: number
  /** The bytes as they came: a view that nobody else writes to. To keep it for long, copy it: it holds 128 KiB. */
  readonly bytes: Buffer
  /** Bytes of the datagram as it was sent: more than `bytes` has if it was cut short, which happens above 4 MiB. */
  readonly length: number
  /**
   * The number of the group it was multicast to, 0 if unicast, on sockets with NETLINK_PKTINFO; else undefined. Unlike
   * `groups` it also tells groups over 32.
   */
  group: number | undefined = undefined
  /**
   * The id that the socket's network namespace has given the one it comes from, on sockets with NETLINK_LISTEN_ALL_NSID; undefined for
   * what comes from the socket's own namespace.
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
   * The first message in it, most often the only one.
   * @throws MalformedError
   */
  first(): Message {
    return new Message(this.bytes)
  }

  /**
   * The messages in it, parsed anew at each call.
   * @throws MalformedError
   */
  messages(): Message[] {
    return parseMessages(this.bytes)
  }

  /** Some of it, as if that had come alone. */
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
