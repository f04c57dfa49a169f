// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { attr, Datagram, encodeMessage, type ObservedSocket } from '../../guest/netlink/index.ts'
import { firstMarker } from '../../guest/testing/markers.ts'
import { recorded } from '../../guest/testing/record.ts'
import { Recording } from '../../guest/testing/recording.ts'
import { acknowledgementBytes, refusal, wireBytes } from '../../guest/testing/wire.ts'
import { normalForm, timedForm } from './normal-form.ts'

/** Numbers that differ from run to run. */
interface Numbers {
  readonly port: number
  readonly sequence: number
  readonly family: number
  readonly group: number
}
const numbers: Numbers = { port: 101, sequence: 7, family: 28, group: 5 }
const others: Numbers = { port: 4711, sequence: 90_000, family: 31, group: 9 }

const GENERIC = 16
const socket = (identity: number, portId: number, protocol = 21): ObservedSocket => ({
  identity,
  protocol,
  portId,
})
const fromKernel = (bytes: Uint8Array, group = 0) => {
  const datagram = new Datagram(Buffer.from(bytes), 0, group === 0 ? 0 : 2 ** (group - 1), bytes.length)
  if (group > 0) datagram.group = group
  return datagram
}
const normal = (record: (recording: Recording) => void) => {
  const recording = new Recording()
  recording.begin()
  record(recording)
  return normalForm({ tests: ['x'], ...recorded(recording) })
}

/** A request of generic netlink with its reply, its acknowledgement, and who is told. */
function generic(recording: Recording, { port, sequence, family, group }: Numbers, value = 42): void {
  const [asking, listening] = [socket(1, port, GENERIC), socket(2, port + 1, GENERIC)]
  recording.opened(asking, undefined)
  recording.opened(listening, undefined)
  const named = attr.nested(7, attr.nested(1, attr.string(1, 'example'), attr.u32(2, group)))
  const control = Buffer.concat([
    Buffer.from([1, 2, 0, 0]),
    attr.u16(1, family),
    attr.string(2, 'nlex'),
    named,
  ])
  const resolve = encodeMessage(
    { type: 16, flags: 1, sequence },
    Buffer.concat([Buffer.from([3, 1, 0, 0]), attr.string(2, 'nlex')]),
  )
  recording.sent(asking, resolve, undefined, undefined)
  recording.received(asking, fromKernel(encodeMessage({ type: 16, sequence, portId: port }, control)))
  recording.joined(listening, group)
  const content = Buffer.concat([Buffer.from([1, 1, 0, 0]), attr.u32(1, value)])
  const request = encodeMessage({ type: family, flags: 5, sequence: sequence + 1, portId: port }, content)
  recording.sent(asking, request, undefined, undefined)
  const told = encodeMessage({ type: family, sequence: sequence + 1, portId: port }, content)
  recording.received(asking, fromKernel(told))
  recording.received(asking, fromKernel(acknowledgementBytes(request, { portId: port })))
  recording.received(listening, fromKernel(told, group))
}

test('what differs from run to run is not in it', () => {
  const one = normal(recording => generic(recording, numbers))
  expect(normal(recording => generic(recording, others))).toEqual(one)
  expect(normal(recording => generic(recording, numbers, 43))).not.toEqual(one)
  const [resolved, asked] = one.exchanges
  expect(resolved).toMatchObject({ socket: 'socket 1', operation: 'CTRL_CMD_GETFAMILY', told: [] })
  expect(resolved?.answers[0]?.parts).toContainEqual(['familyId', 'its number'])
  expect(asked).toEqual({
    socket: 'socket 1',
    key: expect.any(String),
    operation: 'nlex command 1',
    request: expect.stringMatching(
      /^nlex command 1: 28 bytes, flags REQUEST\|ACK\n {2}version: 1\n {2}1: 2a 00 00 00 \(42\)$/,
    ),
    datagrams: 2,
    answers: [
      {
        what: 'nlex command 1',
        parts: [
          ['sequence number', 'of the request'],
          ['port id', 'of the requester'],
          ['flags', '0'],
          ['version', '1'],
          ['attribute 1', '2a 00 00 00 (42)'],
          ['length', '28 bytes'],
        ],
      },
      { what: 'acknowledgement', parts: expect.arrayContaining([['echoed request', 'its header']]) },
    ],
    told: [
      {
        whom: 'socket 2 in group nlex/example',
        messages: [expect.objectContaining({ what: 'nlex command 1' })],
      },
    ],
  })
})

test('an answer that is malformed says why, without bytes that differ from run to run', () => {
  const malformed = ({ port, sequence }: Numbers) =>
    normal(recording => {
      const asking = socket(1, port)
      recording.opened(asking, undefined)
      const request = encodeMessage({ type: 17, flags: 5, sequence })
      recording.sent(asking, request, undefined, undefined)
      const error = Buffer.concat([Buffer.from([22, 0, 0, 0]), request])
      recording.received(asking, fromKernel(encodeMessage({ type: 2, sequence, portId: port }, error)))
    })
  const { exchanges } = malformed(numbers)
  expect(exchanges[0]?.answers).toMatchObject([
    { what: 'malformed, an NLMSG_ERROR with the positive error 22' },
  ])
  expect(malformed(others).exchanges).toEqual(exchanges)
})

test('the header of generic netlink is told in words, with attributes after it and without', () => {
  const answersOf = (protocol: number, ...payloads: Uint8Array[]) =>
    normal(recording => {
      const asking = socket(1, 101, protocol)
      recording.opened(asking, undefined)
      for (const [sequence, payload] of payloads.entries()) {
        const request = encodeMessage({ type: 28, flags: 1, sequence }, Buffer.from([1, 1, 0, 0]))
        recording.sent(asking, request, undefined, undefined)
        const reply = encodeMessage({ type: 28, sequence, portId: 101 }, payload)
        recording.received(asking, fromKernel(reply))
      }
    }).exchanges.map(({ answers }) => answers[0]?.parts.slice(3))
  const attribute = attr.u32(1, 42)
  expect(
    answersOf(
      GENERIC,
      Buffer.from([1, 2, 0, 0]),
      Buffer.concat([Buffer.from([1, 2, 0, 0]), attribute]),
      Buffer.concat([Buffer.from([1, 2, 3, 0]), attribute]),
      Buffer.concat([Buffer.from([1, 2, 0, 0, 9, 9, 9, 9]), attribute]),
      Buffer.from([1, 2]),
    ),
  ).toEqual([
    [
      ['version', '2'],
      ['length', '20 bytes'],
    ],
    [
      ['version', '2'],
      ['attribute 1', '2a 00 00 00 (42)'],
      ['length', '28 bytes'],
    ],
    [
      ['version', '2'],
      ['reserved', '3'],
      ['attribute 1', '2a 00 00 00 (42)'],
      ['length', '28 bytes'],
    ],
    [
      ['version', '2'],
      ["the family's header", '09 09 09 09'],
      ['attribute 1', '2a 00 00 00 (42)'],
      ['length', '32 bytes'],
    ],
    [
      ['data', '01 02'],
      ['length', '18 bytes'],
    ],
  ])
  expect(answersOf(21, Buffer.concat([Buffer.from([1, 2, 0, 0]), attribute]))).toEqual([
    [
      ['header', '01 02 00 00'],
      ['attribute 1', '2a 00 00 00 (42)'],
      ['length', '28 bytes'],
    ],
  ])
})

test('who asks with the version of a family asks the same when that has changed; a request says it in its text', () => {
  const asked = (version: number, protocol = GENERIC) =>
    normal(recording => {
      const asking = socket(1, 101, protocol)
      recording.opened(asking, undefined)
      const content = Buffer.concat([Buffer.from([1, version, 0, 0]), attr.u32(1, 42)])
      recording.sent(
        asking,
        encodeMessage({ type: 28, flags: 1, sequence: 1 }, content),
        undefined,
        undefined,
      )
    }).exchanges[0]
  expect(asked(1)?.key).toBe(asked(2)?.key)
  expect(asked(1)?.request).not.toBe(asked(2)?.request)
  expect(asked(1, 21)?.key).not.toBe(asked(2, 21)?.key)
})

test('refusals, calls that fail, and what nobody has asked for', () => {
  const [a, b] = [socket(1, 101), socket(2, 102)]
  const request = encodeMessage({ type: 16, flags: 1, sequence: 3 }, attr.u32(1, 42))
  const reason = { message: 'no such thing', offset: 16 }
  const { exchanges } = normal(recording => {
    recording.opened(a, undefined)
    recording.opened(b, undefined)
    recording.sent(a, request, undefined, undefined)
    recording.received(a, fromKernel(wireBytes(refusal(request, { portId: 101 }, 'EINVAL', { reason }))))
    recording.failed(a, 'sendto', 'EPERM', request)
    recording.failed(b, 'recvmsg', 'ENOBUFS')
    // Not of the module: the helpers' own, and another process's.
    recording.received(b, fromKernel(encodeMessage({ type: 1, sequence: firstMarker })))
    recording.received(b, fromKernel(encodeMessage({ type: 20, sequence: 0, portId: 0 }), 1))
    recording.received(b, fromKernel(Buffer.from('short')))
  })
  const [refused, failed, unasked, ...none] = exchanges
  expect(none).toEqual([])
  expect(refused?.answers).toEqual([
    {
      what: 'EINVAL',
      parts: [
        ['sequence number', 'of the request'],
        ['port id', 'of the requester'],
        ['flags', 'ACK_TLVS'],
        ['echoed request', 'all of it'],
        ['message', '"no such thing"'],
        ['attribute at offset', '16'],
        ['length', '72 bytes'],
      ],
    },
  ])
  expect(failed?.answers).toEqual([{ what: 'sendto: EPERM', parts: [] }])
  expect(unasked).toMatchObject({
    key: '',
    operation: 'protocol 21',
    answers: [{ what: 'recvmsg: ENOBUFS' }, { what: '5 bytes that are no messages' }],
    told: [{ whom: 'socket 2 in group 1', messages: [{ what: 'type 20' }] }],
  })
})

test('an answer with a wrong sequence number is one all the same, and says so', () => {
  const [asking, hearing] = [socket(1, 101), socket(2, 102)]
  const { exchanges } = normal(recording => {
    for (const each of [asking, hearing]) recording.opened(each, undefined)
    for (const sequence of [0, 7]) {
      const request = encodeMessage({ type: 16, flags: 5, sequence, portId: 101 })
      recording.sent(asking, request, undefined, undefined)
      const reply = encodeMessage({ type: 16, sequence: 0, portId: 101 })
      recording.received(asking, fromKernel(reply))
      recording.received(hearing, fromKernel(encodeMessage({ type: 16, sequence: 99, portId: 101 }), 1))
      recording.received(asking, fromKernel(acknowledgementBytes(request, { portId: 101 })))
    }
  })
  expect(exchanges.map(({ answers, told }) => [answers.map(({ what }) => what), told.length])).toEqual([
    [['type 16', 'acknowledgement'], 1],
    [['type 16', 'acknowledgement'], 1],
  ])
  expect(exchanges[1]?.answers[0]?.parts[0]).toEqual(['sequence number', '0'])
  expect(exchanges[1]?.told[0]?.messages[0]?.parts[0]).toEqual(['sequence number', 'another'])
})

test.each([0, 9])(
  'an answer with the number of a later request is that of the one that is not acknowledged yet',
  missed => {
    const asking = socket(1, 101, GENERIC)
    const recording = new Recording()
    recording.begin()
    recording.opened(asking, undefined)
    const content = Buffer.from([1, 1, 0, 0])
    const requests = [7, 8, 9].map(sequence =>
      encodeMessage({ type: 28, flags: 5, sequence, portId: 101 }, content),
    )
    for (const request of requests) recording.sent(asking, request, undefined, undefined)
    for (const [at, request] of requests.entries()) {
      const reply = encodeMessage({ type: 28, sequence: 8 + at, portId: 101 }, content)
      recording.received(asking, fromKernel(reply))
      recording.received(asking, fromKernel(acknowledgementBytes(request, { portId: 101 })))
    }
    // What is missing comes after that, and the last request may have more answers there.
    const { exchanges } = normalForm({ tests: ['x'], ...recorded(recording), missed })
    expect(exchanges.map(({ answers }) => answers.map(({ what }) => what))).toEqual(
      Array(missed > 0 ? 2 : 3).fill(['unknown family command 1', 'acknowledgement']),
    )
    expect(exchanges[0]?.answers[0]?.parts[0]).toEqual(['sequence number', 'another'])
  },
)

test('of what names no request the last one before it is known, but what is asked of nlctrl', () => {
  const conversation = normal(recording => {
    generic(recording, numbers)
    const [asking, listening] = [socket(1, 101, GENERIC), socket(2, 102, GENERIC)]
    const event = encodeMessage({ type: 28, sequence: 0, portId: 0 }, Buffer.from([2, 1, 0, 0]))
    recording.received(listening, fromKernel(event, 5))
    const resolve = encodeMessage({ type: 16, flags: 1, sequence: 9 }, Buffer.from([3, 1, 0, 0]))
    recording.sent(asking, resolve, undefined, undefined)
    recording.received(listening, fromKernel(event, 5))
  })
  const [heard] = conversation.exchanges.flatMap(({ key, told }) => (key === '' ? told : []))
  expect(heard?.after?.map(at => conversation.exchanges[at]?.operation)).toEqual([
    'nlex command 1',
    'nlex command 1',
  ])
})

test('of several requests since a listener has read it is the one of that name; none where it may be any', () => {
  const conversation = normal(recording => {
    generic(recording, numbers)
    const [asking, listening] = [socket(1, 101, GENERIC), socket(2, 102, GENERIC)]
    const command = (number: number, value: number) =>
      Buffer.concat([Buffer.from([number, 1, 0, 0]), attr.u32(1, value)])
    const ask = (number: number, value: number) =>
      recording.sent(
        asking,
        encodeMessage({ type: 28, flags: 1 }, command(number, value)),
        undefined,
        undefined,
      )
    const hear = (number: number) =>
      recording.received(
        listening,
        fromKernel(encodeMessage({ type: 28, sequence: 0 }, command(number, 1)), 5),
      )
    for (const [number, value] of [
      [2, 1],
      [3, 1],
      [3, 2],
      [4, 1],
    ] as const)
      ask(number, value)
    for (const number of [2, 2, 3, 4, 7]) hear(number)
    ask(4, 2)
    hear(7)
  })
  const [heard] = conversation.exchanges.flatMap(({ key, told }) => (key === '' ? told : []))
  expect(heard?.after?.map(at => conversation.exchanges[at]?.operation)).toEqual([
    ...['nlex command 2', 'nlex command 2', undefined, 'nlex command 4', undefined, 'nlex command 4'],
  ])
})

test('an echo is told apart from what others hear', () => {
  const [asking, hearing] = [socket(1, 101), socket(2, 102)]
  const { exchanges } = normal(recording => {
    for (const each of [asking, hearing]) recording.opened(each, undefined)
    const request = encodeMessage({ type: 16, flags: 8, sequence: 1, portId: 101 })
    recording.sent(asking, request, undefined, undefined)
    for (const each of [asking, hearing]) recording.received(each, fromKernel(request, 1))
  })
  expect(exchanges[0]?.told.map(({ whom }) => whom)).toEqual([
    'the requester in group 1',
    'socket 2 in group 1',
  ])
})

test('what sockets of another network namespace ask and hear says so', () => {
  const [asking, hearing] = [socket(1, 101), socket(2, 102)]
  const { exchanges } = normal(recording => {
    for (const each of [asking, hearing]) recording.opened(each, 7)
    const request = encodeMessage({ type: 16, flags: 0x300, sequence: 1, portId: 101 })
    recording.sent(asking, request, undefined, undefined)
    recording.received(hearing, fromKernel(request, 1))
  })
  expect(exchanges[0]?.operation).toBe('protocol 21 type 16 dump in another network namespace')
  expect(exchanges[0]?.told.map(({ whom }) => whom)).toEqual([
    'socket 2 in group 1 in another network namespace',
  ])
})

test('a socket that hears nothing leaves the names of the others as they are', () => {
  const [asking, silent, hearing] = [socket(1, 101), socket(2, 102), socket(3, 103)]
  const told = (hears: boolean) =>
    normal(recording => {
      for (const each of [asking, silent, hearing]) recording.opened(each, undefined)
      const request = encodeMessage({ type: 16, sequence: 1, portId: 101 })
      recording.sent(asking, request, undefined, undefined)
      if (hears) recording.received(silent, fromKernel(request, 1))
      recording.received(hearing, fromKernel(request, 1))
    }).exchanges[0]?.told.map(({ whom }) => whom)
  expect(told(true)).toEqual(['socket 2 in group 1', 'socket 3 in group 1'])
  expect(told(false)).toEqual(['socket 3 in group 1'])
})

test('bytes beyond what is shown count, and attributes of one type are told apart', () => {
  const said = (last: number) =>
    normal(recording => {
      const a = socket(1, 101)
      recording.opened(a, undefined)
      recording.sent(a, encodeMessage({ type: 16, sequence: 1 }), undefined, undefined)
      const long = Buffer.alloc(200, 1)
      long[199] = last
      const reply = encodeMessage(
        { type: 16, sequence: 1, portId: 101 },
        attr.u8(2, 1),
        attr.u8(2, 3),
        attr.binary(1, long),
      )
      recording.received(a, fromKernel(reply))
    }).exchanges[0]?.answers[0]?.parts
  expect(said(1)).not.toEqual(said(2))
  expect(said(1)).toEqual(
    expect.arrayContaining([
      ['attribute 2', '01 (1)'],
      ['attribute 2#2', '03 (3)'],
    ]),
  )
})

test('of a datagram that is cut the whole messages at its beginning are told, and no numbers', () => {
  const dump = ({ port, sequence }: Numbers) =>
    normal(recording => {
      const asking = socket(1, port)
      recording.opened(asking, undefined)
      recording.sent(asking, encodeMessage({ type: 17, flags: 0x301, sequence }), undefined, undefined)
      const entry = encodeMessage(
        { type: 17, flags: 2, sequence, portId: port },
        attr.binary(1, Buffer.alloc(1000)),
      )
      const all = Buffer.concat(Array.from({ length: 40 }, () => entry))
      recording.received(asking, fromKernel(all))
      const read = Buffer.concat([entry, entry]).subarray(0, 1500)
      recording.received(asking, new Datagram(read, 0, 0, 2 * entry.length))
    })
  const said = dump(numbers)
  expect(dump(others)).toEqual(said)
  const [exchange] = said.exchanges
  expect(said.exchanges).toHaveLength(1)
  // Of the first one what is told of it, 32 KiB; of the second one what was read.
  expect(exchange?.answers.map(({ what }) => what)).toEqual(Array(33).fill('type 17'))
  expect(exchange?.datagrams).toBe(2)
})

test('a request that is too long to tell all of it is one still, and so is its refusal, which echoes it', () => {
  const asked = (code: 'EINVAL' | 'ENOENT', value: number) =>
    normal(recording => {
      const asking = socket(1, 101)
      recording.opened(asking, undefined)
      const data = attr.binary(1, Buffer.alloc(65_000, value))
      const request = encodeMessage({ type: 17, flags: 5, sequence: 7 }, data)
      recording.sent(asking, request, undefined, undefined)
      recording.received(asking, fromKernel(wireBytes(refusal(request, asking, code))))
    }).exchanges
  for (const code of ['EINVAL', 'ENOENT'] as const)
    expect(asked(code, 1)).toEqual([
      expect.objectContaining({
        operation: 'protocol 21 type 17',
        answers: [expect.objectContaining({ what: code })],
      }),
    ])
  expect(asked('EINVAL', 1)[0]?.key).not.toBe(asked('EINVAL', 2)[0]?.key)
})

test('times are those of single requests, to their first answer', () => {
  const recording = new Recording()
  recording.begin()
  const asking = socket(1, 101)
  const request = encodeMessage({ type: 17, flags: 5, sequence: 1 })
  const ack = acknowledgementBytes(request, asking)
  recording.opened(asking, undefined)
  recording.sent(asking, request, undefined, undefined)
  recording.received(asking, fromKernel(ack))
  recording.received(asking, fromKernel(ack))
  const two = [2, 3].map(sequence => encodeMessage({ type: 18, flags: 5, sequence }))
  recording.sent(asking, Buffer.concat(two), undefined, undefined)
  recording.received(asking, fromKernel(acknowledgementBytes(two[0] ?? request, asking)))
  recording.sent(asking, encodeMessage({ type: 19, flags: 1, sequence: 4 }), undefined, undefined)
  const told = recorded(recording)
  const at = [10, 12.5, 99, 100, 200, 300]
  let index = 0
  const first = told.first.map(event =>
    event.kind === 'joined' ? event : { ...event, time: at[index++] ?? 0 },
  )
  const { times, conversation } = timedForm({ tests: ['x'], ...told, first })
  expect(times).toEqual([['protocol 21 type 17: acknowledgement', 2.5]])
  expect(conversation).toEqual(normalForm({ tests: ['x'], ...told }))
})

test('a request that is answered after the next one was sent has no time of its own', () => {
  const timesOf = (second: ReturnType<typeof socket>, ...at: readonly number[]) => {
    const recording = new Recording()
    recording.begin()
    const asking = socket(1, 101)
    const requests = [17, 18].map(type => encodeMessage({ type, flags: 5, sequence: type }))
    recording.opened(asking, undefined)
    if (second.identity !== asking.identity) recording.opened(second, undefined)
    for (const [index, request] of requests.entries())
      recording.sent(index === 0 ? asking : second, request, undefined, undefined)
    for (const [index, request] of requests.entries()) {
      const own = index === 0 ? asking : second
      recording.received(own, fromKernel(acknowledgementBytes(request, own)))
    }
    const told = recorded(recording)
    let index = 0
    const first = told.first.map(event => ({ ...event, time: at[index++] ?? 0 }))
    return timedForm({ tests: ['x'], ...told, first }).times.map(([, took]) => took)
  }
  expect(timesOf(socket(1, 101), 10, 12, 20, 23)).toEqual([11])
  expect(timesOf(socket(2, 102), 10, 12, 20, 23)).toEqual([11])
})

test('requests with one sequence number are answered in their order', () => {
  const { exchanges } = normal(recording => {
    const asking = socket(1, 101)
    recording.opened(asking, undefined)
    const [refused, taken] = [17, 18].map(type => encodeMessage({ type, flags: 5, sequence: 1 })) as [
      Buffer,
      Buffer,
    ]
    recording.sent(asking, refused, undefined, undefined)
    recording.sent(asking, taken, undefined, undefined)
    recording.received(asking, fromKernel(wireBytes(refusal(refused, asking, 'EINVAL'))))
    recording.received(asking, fromKernel(acknowledgementBytes(taken, asking)))
  })
  expect(exchanges.map(({ operation, answers }) => [operation, ...answers.map(({ what }) => what)])).toEqual([
    ['protocol 21 type 17', 'EINVAL'],
    ['protocol 21 type 18', 'acknowledgement'],
  ])
})

test('a conversation that is not kept in full counts up to its gap', () => {
  const request = (sequence: number) => encodeMessage({ type: 17, flags: 5, sequence })
  const { exchanges, missed } = normal(recording => {
    const asking = socket(1, 101)
    recording.opened(asking, undefined)
    // More than a recording keeps; each is asked in the same words.
    for (let round = 0; round < 5000; round++) {
      recording.sent(asking, request(round % 4), undefined, undefined)
      if (round % 4 === 3)
        for (let sequence = 0; sequence < 4; sequence++)
          recording.received(asking, fromKernel(wireBytes(refusal(request(sequence), asking, 'EINVAL'))))
    }
  })
  expect(missed).toBeGreaterThan(0)
  expect(exchanges.length).toBeGreaterThan(10)
  const outcomes = exchanges.slice(0, -3).map(({ answers }) => answers.map(({ what }) => what).join())
  expect(new Set(outcomes)).toEqual(new Set(['EINVAL']))
  expect(exchanges.every(({ key }) => key !== '')).toBe(true)
})

test('of requests whose answers are in the gap, and answers whose requests are, nothing is known', () => {
  const request = (sequence: number) => encodeMessage({ type: 17, flags: 5, sequence })
  const { exchanges, missed } = normal(recording => {
    const asking = socket(1, 101)
    recording.opened(asking, undefined)
    for (let sequence = 1; sequence <= 7 * 701; sequence++) {
      recording.sent(asking, request(sequence), undefined, undefined)
      if (sequence % 7 !== 0) continue
      for (let answered = sequence - 6; answered <= sequence; answered++)
        recording.received(asking, fromKernel(wireBytes(refusal(request(answered), asking, 'EINVAL'))))
    }
  })
  expect(missed).toBeGreaterThan(0)
  const outcomes = exchanges.map(({ answers }) => answers.map(({ what }) => what).join())
  expect(new Set(outcomes)).toEqual(new Set(['EINVAL']))
})

test('whether a notification comes before the answer, to the socket that has asked', () => {
  const orders = (
    inform: boolean,
    more: (recording: Recording, asking: ObservedSocket) => void,
    portId = 101,
    first: (recording: Recording) => void = () => {},
  ) =>
    normal(recording => {
      const asking = socket(1, 101)
      first(recording)
      recording.opened(asking, undefined)
      recording.joined(asking, 1)
      recording.sent(asking, encodeMessage({ type: 17, flags: 5, sequence: 7 }), undefined, undefined)
      const told = fromKernel(encodeMessage({ type: 16, sequence: 7, portId }), 1)
      if (!inform) recording.received(asking, told)
      more(recording, asking)
      if (inform) recording.received(asking, told)
    }).exchanges.flatMap(({ told }) =>
      told.flatMap(({ messages }) =>
        messages.map(({ parts }) => parts.find(([name]) => name === 'order')?.[1]),
      ),
    )
  const answer = (recording: Recording, asking: ObservedSocket) =>
    recording.received(asking, fromKernel(encodeMessage({ type: 18, sequence: 7, portId: 101 })))
  for (const portId of [101, 0]) {
    expect(orders(true, answer, portId)).toEqual(['after an answer'])
    expect(orders(false, answer, portId)).toEqual(['before any answer'])
    // The test has failed before it has read more.
    expect(orders(false, () => {}, portId)).toEqual(['before any answer'])
    expect(orders(false, (recording, asking) => recording.waited(asking, 100), portId)).toEqual([undefined])
  }
  const another = (recording: Recording) => {
    const other = socket(2, 102)
    recording.opened(other, undefined)
    recording.sent(other, encodeMessage({ type: 17, flags: 5, sequence: 8 }), undefined, undefined)
  }
  const amongOthers = (recording: Recording, asking: ObservedSocket) => {
    another(recording)
    answer(recording, asking)
  }
  expect(orders(true, amongOthers, 0)).toEqual([undefined])
  // Others that have asked before it do not matter.
  expect(orders(true, answer, 0, another)).toEqual(['after an answer'])
})

test('which socket is awaited in vain at the end', () => {
  const awaited = (...whats: ('receive' | 'wait')[]) =>
    normal(recording => {
      const [asking, listening] = [socket(1, 101), socket(2, 102)]
      for (const each of [asking, listening]) recording.opened(each, undefined)
      for (const what of whats)
        if (what === 'wait') recording.waited(listening, 100)
        else recording.received(asking, fromKernel(encodeMessage({ type: 16 })))
      recording.closed(asking)
    }).awaited
  expect(awaited('receive', 'wait')).toBe('socket 2')
  expect(awaited('wait', 'receive')).toBeUndefined()
})

test('sockets take turns, also where they are found to have nothing', () => {
  const { turns } = normal(recording => {
    const [asking, listening] = [socket(1, 101), socket(2, 102)]
    for (const each of [asking, listening]) recording.opened(each, undefined)
    recording.sent(asking, encodeMessage({ type: 17, sequence: 7 }), undefined, undefined)
    recording.received(asking, fromKernel(encodeMessage({ type: 16, sequence: 7 })))
    recording.waited(listening, 0)
    recording.sent(asking, encodeMessage({ type: 17, sequence: 8 }), undefined, undefined)
    recording.closed(listening)
  })
  expect(turns).toEqual(['socket 1', 'socket 2', 'socket 1'])
  const many = normal(recording => {
    const sockets = [socket(1, 101), socket(2, 102)]
    for (let count = 0; count < 300; count++)
      for (const each of sockets)
        recording.sent(each, encodeMessage({ type: 17, sequence: count }), undefined, undefined)
  })
  expect(many.turns).toBeUndefined()
})

test('data that are no attributes are told, also those of NLMSG_DONE, where they are no end of a dump', () => {
  const toldOf = (type: number, data: string | Uint8Array) =>
    normal(recording => {
      const asking = socket(1, 101)
      recording.opened(asking, undefined)
      recording.sent(asking, encodeMessage({ type: 17, sequence: 7 }), undefined, undefined)
      recording.received(asking, fromKernel(encodeMessage({ type, sequence: 7 }, Buffer.from(data))))
    }).exchanges[0]?.answers[0]
  const partOf = (type: number, data: string | Uint8Array) =>
    toldOf(type, data)?.parts.find(([name]) => name === 'data')?.[1]
  expect(toldOf(3, 'HELLO\0')?.what).toBe('NLMSG_DONE')
  expect(partOf(3, 'HELLO\0')).toBe("'HELLO\\0'")
  expect(partOf(3, 'HELLO')).toBe("'HELLO'")
  expect(partOf(3, 'x'.repeat(300))).not.toBe(partOf(3, `${'x'.repeat(299)}y`))
  expect(toldOf(3, new Uint8Array(4))).toMatchObject({ what: 'end of dump' })
  expect(partOf(16, 'abc')).toBe('61 62 63')
  expect(partOf(3, new Uint8Array(4))).toBeUndefined()
  const { exchanges } = normal(recording => {
    for (const type of [2, 3])
      recording.sent(socket(1, 101), encodeMessage({ type }, Buffer.from('type')), undefined, undefined)
  })
  expect(exchanges.map(({ operation }) => operation)).toEqual(['NLMSG_ERROR', 'NLMSG_DONE'])
})

test('where answers were lost, requests with the same sequence number are not told apart', () => {
  const asked = (overflows: boolean) =>
    normal(recording => {
      const asking = socket(1, 101)
      recording.opened(asking, undefined)
      for (const type of [17, 18, 19]) {
        const request = encodeMessage({ type, flags: 5, sequence: type === 19 ? 9 : 7 })
        recording.sent(asking, request, undefined, undefined)
      }
      if (overflows) recording.failed(asking, 'recvmsg', 'ENOBUFS')
    }).exchanges.map(({ operation }) => operation)
  expect(asked(false)).toEqual(['protocol 21 type 17', 'protocol 21 type 18', 'protocol 21 type 19'])
  expect(asked(true)).toEqual(['protocol 21 type 19', 'protocol 21'])
})
