// SPDX-License-Identifier: MIT
/** Objects of every exported class, for tests of equality. */
import {
  type ArrayView,
  Attribute,
  arrayView,
  attr,
  attributes,
  ClosedError,
  Datagram,
  Dump,
  DumpInterruptedError,
  encodeMessage,
  GenericFamilies,
  genlmsghdr,
  KernelError,
  MalformedError,
  Message,
  NETLINK_USERSOCK,
  NetlinkError,
  NLM_F_ACK_TLVS,
  NLMSG_ERROR,
  nested,
  OverflowError,
  parseAnswer,
  parseAttributes,
  payload,
  Socket,
  SystemCallError,
  string,
  struct,
  TimeoutError,
  UnmatchedError,
  u8,
  u16,
  u32,
} from './index.ts'

/** The samples of a class. */
export interface Sample {
  /**
   * Each call makes a new object, from bytes at another place; objects of one function are equal to each
   * other only.
   */
  readonly make: readonly (() => object)[]
  /** The names in a diff of the first two. */
  readonly names: readonly string[]
}

let moves = 0
/** The same bytes in another buffer, at another place in it. */
function elsewhere<T>(bytes: Uint8Array, read: (buffer: Buffer, start: number, end: number) => T): T {
  const start = 4 * (++moves % 7) + (moves % 3)
  const buffer = Buffer.alloc(start + bytes.length + (moves % 5), 0xa0 + (moves % 11))
  buffer.set(bytes, start)
  return read(buffer, start, start + bytes.length)
}

const message = (bytes: Buffer) => elsewhere(bytes, (buffer, start, end) => new Message(buffer, start, end))
const header = { type: 30, flags: 1, sequence: 7, portId: 9 }
const hello = attr.string(1, 'hello')

const messages = [
  encodeMessage(header, hello),
  encodeMessage({ ...header, type: 31 }, attr.string(1, 'other')),
  encodeMessage({ ...header, type: 31 }, hello),
  encodeMessage({ ...header, flags: 2 }, hello),
  encodeMessage({ ...header, sequence: 8 }, hello),
  encodeMessage({ ...header, portId: 10 }, hello),
  encodeMessage(header, attr.string(1, 'hellp')),
  encodeMessage(header, attr.string(2, 'hello')),
  encodeMessage(header, hello, hello),
  encodeMessage(header),
]

const attribute = (bytes: Buffer) =>
  elsewhere(bytes, (buffer, start, end) => new Attribute(buffer, start, end, 3))

const datagram = (
  bytes: Buffer,
  { portId = 0, groups = 0, length = bytes.length, ...rest }: Partial<Datagram> = {},
) =>
  elsewhere(bytes, (buffer, start, end) =>
    Object.assign(new Datagram(buffer, portId, groups, length, start, end), rest),
  )

const port = attributes({ number: [1, u16], name: [2, string] })
const device = attributes({ name: [1, string], port: [2, nested(port)], speed: [3, u32] })
const view = (...parts: readonly Buffer[]) =>
  elsewhere(Buffer.concat(parts), (buffer, start, end) => device.view(buffer, start, end))

const list = (bytes: readonly number[]) =>
  elsewhere(Buffer.from(bytes), (buffer, start, end) =>
    arrayView(u16).read(buffer, start, end, {}),
  ) as ArrayView<number>

/** An NLMSG_ERROR, made of the request's header and attributes. */
const refusal = (errno: number, sequence: number, ...attributes: readonly Buffer[]) => {
  const error = Buffer.alloc(4)
  error.writeInt32LE(-errno)
  const answer = { type: NLMSG_ERROR, flags: NLM_F_ACK_TLVS }
  return message(encodeMessage(answer, error, encodeMessage({ type: 16, sequence }), ...attributes))
}
const kernelError = (...answer: Parameters<typeof refusal>) =>
  new KernelError(parseAnswer(refusal(...answer)))

function resource<T extends object>(open: () => T & Disposable): () => T {
  return () => {
    using opened = open()
    return opened
  }
}
const openSocket = () => Socket.open(NETLINK_USERSOCK)

/** By class name. */
export const samples: Readonly<Record<string, Sample>> = {
  Message: {
    make: messages.map(bytes => () => message(bytes)),
    names: ['-   "type": 31', '-   "payload": "0a000100 6f746865 72000000"'],
  },
  Attribute: {
    make: [
      hello,
      attr.string(2, 'hellp'),
      attr.string(2, 'hello'),
      attr.string(1, 'hellp'),
      attr.binary(1, Buffer.from('hello')),
      attr.binary(0x8001, hello.subarray(4, 10)),
      attr.binary(0x4001, hello.subarray(4, 10)),
    ].map(bytes => () => attribute(bytes.subarray(0, bytes.readUInt16LE(0)))),
    names: ['+   "type": 1', '+   "payload": "68656c6c 6f00"'],
  },
  Datagram: {
    make: [
      () => datagram(hello),
      () => datagram(attr.string(1, 'hellp'), { portId: 1 }),
      () => datagram(hello, { portId: 1 }),
      () => datagram(hello, { groups: 1 }),
      () => datagram(hello, { length: 100 }),
      () => datagram(hello, { group: 1 }),
      () => datagram(hello, { namespaceId: 1 }),
      () => datagram(attr.string(1, 'hellp')),
      () => datagram(hello.subarray(0, 8)),
    ],
    names: ['+   "portId": 0', '+   "bytes": "0a000100 68656c6c 6f000000"'],
  },
  AttributeView: {
    make: [
      () => view(attr.string(1, 'eth0'), attr.u32(3, 1)),
      () => view(attr.string(1, 'eth1'), attr.u32(3, 1)),
      () => view(attr.string(1, 'eth0'), attr.u32(3, 2)),
      () => view(attr.u32(3, 1), attr.string(1, 'eth0')),
      () => view(attr.string(1, 'eth0')),
      () => view(attr.string(1, 'eth0'), attr.u32(3, 1), attr.u32(9, 1)),
      () => view(attr.string(1, 'eth0'), attr.nested(2, attr.u16(1, 1))),
      // does not fit its type; and padding, which only decoding passes over
      () => view(attr.u8(3, 1)),
      () => view(attr.binary(1, Buffer.from('eth0\0x'))),
      () => view(attr.binary(1, Buffer.from('eth0\0y'))),
      () => attributes({ title: [1, string] }).view(Buffer.concat([attr.string(1, 'eth0'), attr.u32(3, 1)])),
    ],
    names: ['+     "name": "eth0"', '+   "bytes": '],
  },
  ArrayView: {
    make: [[1, 0, 2, 0], [1, 0, 3, 0], [1, 0], []].map(bytes => () => list(bytes)),
    names: ['+   "bytes": "01000200"'],
  },
  AttributeSet: {
    make: [() => attributes({ name: [1, string] }), () => attributes({ title: [2, string] })],
    names: ['name', 'title'],
  },
  Payload: {
    make: [
      () => payload(genlmsghdr, attributes({ name: [1, string] })),
      () => payload(genlmsghdr, attributes({ title: [1, string] })),
      () => payload(u8, attributes({ name: [1, string] })),
    ],
    names: ['name', 'title'],
  },
  NetlinkError: {
    make: [() => new NetlinkError('one'), () => new NetlinkError('other')],
    names: ['one', 'other'],
  },
  KernelError: {
    make: [
      () => kernelError(22, 1),
      () => kernelError(2, 1),
      () => kernelError(22, 2),
      () => kernelError(22, 1, attr.string(1, 'why')),
      () => kernelError(22, 1, attr.binary(3, Buffer.from('cookie'))),
      () => kernelError(22, 1, attr.binary(3, Buffer.from('cookif'))),
      // unknown to this library, as the next one
      () => kernelError(22, 1, attr.u8(200, 1)),
      () => kernelError(22, 1, attr.u8(200, 2)),
      () => new KernelError(parseAnswer(refusal(22, 3)), { attribute: 'name' }),
      () => new KernelError(parseAnswer(refusal(22, 3)), { attribute: 'title' }),
    ],
    names: ['EINVAL', 'ENOENT'],
  },
  SystemCallError: {
    make: [
      () => new SystemCallError('bind', 1),
      () => new SystemCallError('bind', 2),
      () => new SystemCallError('sendto', 1),
    ],
    names: ['EPERM', 'ENOENT'],
  },
  OverflowError: { make: [() => new OverflowError()], names: [] },
  ClosedError: { make: [() => new ClosedError()], names: [] },
  TimeoutError: {
    make: [() => new TimeoutError('datagram', 1), () => new TimeoutError('datagram', 2)],
    names: ['timeout'],
  },
  DumpInterruptedError: {
    make: [() => new DumpInterruptedError(1), () => new DumpInterruptedError(2)],
    names: ['attempts'],
  },
  UnmatchedError: {
    make: [
      () => new UnmatchedError([message(encodeMessage(header))], 1, '1'),
      () => new UnmatchedError([message(encodeMessage({ ...header, sequence: 8 }))], 1, '1'),
      () => new UnmatchedError([message(encodeMessage({ ...header, type: 31 }))], 1, '1'),
    ],
    names: ['seq 7', 'seq 8'],
  },
  MalformedError: {
    make: [
      () => new MalformedError('short', 1, 'name'),
      () => new MalformedError('short', 2, 'name'),
      () => new MalformedError('short', 1, 'title'),
    ],
    names: ['offset'],
  },
}

/** Objects with an identity: each is equal to itself only. */
export const conversations: Readonly<Record<string, () => object>> = {
  Socket: resource(openSocket),
  Dump: () => new Dump(async function* () {}),
  Subscription: () => {
    using socket = openSocket()
    return socket.subscribe()
  },
  GenericFamilies: resource(() => GenericFamilies.open()),
}

/** Messages that differ from the first in one byte, at each byte where they are still messages. */
export function* neighbours(bytes: Buffer): Generator<Buffer, void, void> {
  // nlmsg_len says how many bytes count
  for (let at = 4; at < bytes.readUInt32LE(0); at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 0x20
    yield changed
  }
}

/** A message of attributes in attributes. */
export const nestedMessage: Buffer = encodeMessage(
  header,
  attr.string(1, 'eth0'),
  attr.nested(2, attr.u16(1, 7), attr.string(2, 'x')),
)
const withHeader = payload(struct({}), device)
/**
 * What is read of it, and how many of its bytes that does not hold besides nlmsg_len: 12 of the header, 3 of
 * padding.
 */
export const readings: readonly (readonly [
  name: string,
  read: (bytes: Buffer) => unknown,
  notHeld: number,
])[] = [
  ['Message', message, 0],
  ['Datagram', bytes => datagram(bytes), 0],
  ['the attributes of a message', bytes => message(bytes).attributes(), 15],
  ['attributes by parseAttributes', bytes => parseAttributes(bytes, 16), 15],
  ['the view of a schema', bytes => withHeader.view(message(bytes)), 12],
]
