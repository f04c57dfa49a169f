// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import {
  attr,
  Datagram,
  encodeMessage,
  NLMSG_ERROR,
  type ObservedSocket,
  OverflowError,
} from '../netlink/index.ts'
import { diagram } from './diagram.ts'
import { Expectations, expectationsOf, readBy } from './expectation.ts'
import { firstMarker } from './markers.ts'
import { Recording } from './recording.ts'
import { sequenceOf } from './sequence.ts'
import { acknowledgement, refusal, wire } from './wire.ts'

const socket = (identity: number, portId: number, protocol = 21): ObservedSocket => ({
  identity,
  protocol,
  portId,
})
const request = encodeMessage({ type: 16, flags: 5, sequence: 1 }, attr.u32(1, 42))
const told = encodeMessage({ type: 16, sequence: 1, portId: 101 }, attr.u32(1, 42))
const acknowledged = (sequence = 1) =>
  encodeMessage({ type: NLMSG_ERROR, flags: 0x100, sequence, portId: 101 }, Buffer.alloc(20))

const from = (bytes: Buffer, groups = 0, portId = 0) => new Datagram(bytes, portId, groups, bytes.length)

/** Its lines, with times that are always the same. */
function drawn(recording: Recording, thrown?: unknown, tests: readonly string[] = []): string {
  const expectations = expectationsOf(thrown)
  const sequence = sequenceOf(recording.conversation, recording.families, { expectations, tests })
  return (sequence ? diagram(sequence) : '').replaceAll(/^ +\d+\.\d(?= {2})/gm, '     0.0')
}

function update(): Recording {
  const recording = new Recording()
  const [a, b] = [socket(1, 101), socket(2, 102)]
  recording.opened(a, undefined)
  recording.opened(b, undefined)
  recording.joined(b, 1)
  recording.begin()
  recording.sent(a, request, undefined, undefined)
  recording.received(a, from(acknowledged()))
  recording.received(b, from(told, 1))
  return recording
}

test('requester, kernel, listener', () => {
  expect(drawn(update())).toBe(`\
      ms     port 101       kernel       port 102
                                         group 1
     0.0        ├────────────▶│             │         type 16: 24 bytes, flags REQUEST|ACK, seq 1, pid 0
                │             │             │           1: 2a 00 00 00 (42)
     0.0        │◀────────────┤             │         NLMSG_ERROR: 36 bytes, flags CAPPED, seq 1, pid 101
                │             │             │           acknowledgement
     0.0        │             ├─ group 1 ──▶│         type 16: 24 bytes, flags 0, seq 1, pid 101
                │             │             │           1: 2a 00 00 00 (42)`)
})

test('nobody said anything', () => {
  const recording = new Recording()
  recording.opened(socket(1, 101), undefined)
  expect(drawn(recording)).toBe('')
  // What helpers ask to hear everything is not said by the test.
  recording.sent(
    socket(1, 101),
    encodeMessage({ type: 1, flags: 5, sequence: firstMarker }),
    undefined,
    undefined,
  )
  recording.received(socket(1, 101), from(acknowledged(firstMarker)))
  expect(drawn(recording)).toBe('')
})

describe('against what a test expected', () => {
  const failure = (actual: unknown, expected: unknown) =>
    Object.assign(new Error('differs'), { actual, expected })
  const a = socket(1, 101)

  test('too much, and missing', () => {
    const heard = [wire(acknowledged()), wire(told, { groups: 1 })]
    const text = drawn(update(), failure(heard, [refusal(request, a, 'EPERM')]))
    expect(text.match(/✗ .*/g)).toEqual([
      '✗ not expected: NLMSG_ERROR: 36 bytes, flags CAPPED, seq 1, pid 101',
      '✗ not expected: type 16: 24 bytes, flags 0, seq 1, pid 101',
      '✗ expected, and did not come: NLMSG_ERROR: 44 bytes, flags 0, seq 1, pid 101',
    ])
    expect(text).toMatch(/missing {7}│◀┄+┤ .*\n.* EPERM$/)
  })

  test('in another order', () => {
    const recording = update()
    recording.received(a, from(told))
    const [ack, one, other] = [wire(acknowledged()), wire(told, { groups: 1 }), wire(told)]
    const text = drawn(recording, failure([ack, one, other], [other, one, ack]))
    expect(text.match(/✗ .*?: /g)).toEqual([
      '✗ expected as number 3, came as number 1: ',
      '✗ expected as number 1, came as number 3: ',
    ])
    const twice = failure([ack, one, ack], [one, ack, ack])
    expect(expectationsOf(twice)[0]?.misplaced.map(({ cameAs, expectedAs }) => [cameAs, expectedAs])).toEqual(
      [
        [1, 2],
        [2, 1],
      ],
    )
  })

  test('twice what was expected once', () => {
    const recording = update()
    recording.received(a, from(acknowledged()))
    const acks = [wire(acknowledged()), wire(acknowledged())]
    const text = drawn(recording, failure(acks, acks.slice(1)))
    expect(text.match(/✗ .*/g)).toHaveLength(1)
  })

  test('a silence where something was expected', () => {
    const recording = new Recording()
    recording.opened(a, undefined)
    const text = drawn(recording, failure([], [acknowledgement(request, a)]))
    expect(text).toContain('✗ expected, and did not come: NLMSG_ERROR')
  })

  test('what one socket was to hear, and what nobody can have heard', () => {
    const recording = update()
    const silent = socket(3, 103)
    recording.opened(silent, undefined)
    recording.bound(silent, 1)
    const other = encodeMessage({ type: 17 })
    const of = (actual: object, groups: number) =>
      drawn(recording, failure(actual, [wire(other, { groups })])).match(/missing.*/g)
    expect(of(readBy(silent, []), 1)).toEqual([expect.stringMatching(/├┄* group 1 ┄*▶│ +✗ .* come: type 17/)])
    // Two have joined it.
    expect(of([], 1)).toEqual([expect.stringMatching(/│ +✗ .* come: group 1, port 102, port 103: type 17/)])
    expect(of([], 4)).toEqual([
      expect.stringMatching(/✗ .* come: group 3, which no socket has joined: type 17/),
    ])
  })

  test('one datagram, one among others, none of these', () => {
    const [ack, refused] = [wire(acknowledged()), refusal(request, a, 'EPERM')]
    const marks = (actual: unknown, expected: unknown, negated = false) => {
      const [found] = expectationsOf(failure(actual, expected), negated)
      return found && [found.unexpected.length, found.missing.length]
    }
    expect(marks(ack, refused)).toEqual([1, 1])
    expect(marks(undefined, refused)).toEqual([0, 1])
    expect(marks([ack], refused)).toEqual([0, 1])
    expect(marks([ack], ack, true)).toEqual([1, 0])
    expect(marks([ack], expect.arrayContaining([refused]))).toEqual([0, 1])
    expect(marks([ack], expect.not.arrayContaining([ack]))).toEqual([1, 0])
    expect(marks([from(acknowledged())], [])).toEqual([1, 0])
    expect(marks([ack], [ack], true)).toEqual([0, 0])
    expect(marks([ack], 'anything')).toBeUndefined()
  })

  describe('of several listeners at once', () => {
    const [deaf, other] = [socket(3, 103), socket(4, 104)]
    const heardBy = () => {
      const recording = update()
      for (const each of [deaf, other]) {
        recording.opened(each, undefined)
        recording.joined(each, 1)
      }
      recording.received(other, from(told, 1))
      const lists = [readBy(socket(2, 102), [wire(told, { groups: 1 })]), readBy(deaf, [])]
      return { recording, lists: [...lists, readBy(other, [wire(told, { groups: 1 })])] }
    }
    const one = wire(told, { groups: 1 })
    const missing = /^ +missing .*✗ expected, and did not come: type 16/gm
    const unexpected = /✗ not expected: type 16/g

    test.each([
      ['a list of lists', (lists: unknown[]) => lists, [[one], [one], [one]]],
      ['fields', ([a, b, c]: unknown[]) => ({ a, b, c }), { a: [one], b: [one], c: [one] }],
      ['some fields', ([a, b, c]: unknown[]) => ({ a, b, c }), expect.objectContaining({ b: [one] })],
      [
        'settled promises',
        (lists: unknown[]) => lists.map(value => ({ value })),
        [one, one, one].map(each => ({ value: [each] })),
      ],
      [
        'a map',
        ([a, b]: unknown[]) =>
          new Map([
            ['a', a],
            ['b', b],
          ]),
        new Map([
          ['a', [one]],
          ['b', [one]],
        ]),
      ],
      ['among others', ([a, b]: unknown[]) => [a, b], [[one], expect.arrayContaining([one])]],
      [
        'beside something else',
        ([a, b]: unknown[]) => ({ of: { b }, a, n: 1 }),
        { of: { b: [one] }, a: [one], n: 2 },
      ],
    ])('%s: what one has not heard is missing in its lane', (_, actual, expected) => {
      const { recording, lists } = heardBy()
      const text = drawn(recording, failure(actual(lists), expected))
      expect(text.match(missing)).toHaveLength(1)
      expect(text).not.toMatch(unexpected)
      expect(text).toMatch(/^ +ms .*port 103/m)
      expect(text).toMatch(/missing.*├┄.*group 1 ┄+▶│/)
    })

    test('what one was not to hear is marked there, and where there is more than was expected', () => {
      const { recording, lists } = heardBy()
      const marks = (expected: unknown) => drawn(recording, failure(lists, expected)).match(unexpected)
      expect(marks([[one], [], []])).toHaveLength(1)
      expect(marks([[one], []])).toHaveLength(1)
      expect(marks([[one], [], expect.not.arrayContaining([one])])).toHaveLength(1)
    })

    test('nothing is marked that does not say who was to hear what', () => {
      const { recording, lists } = heardBy()
      const circle: unknown[] = []
      circle.push(circle)
      for (const [actual, expected] of [
        [lists, [one]],
        [lists, 'x'],
        [circle, [[[one, 1]]]],
        [lists, [1, 2, 3]],
      ])
        expect(drawn(recording, failure(actual, expected))).not.toContain('✗')
      expect(expectationsOf(failure(lists, lists), true)).toEqual([])
    })

    test('equal failures of one line are those of each', () => {
      const expectations = new Expectations()
      const errors = [2, 3, 4].map(identity => {
        const thrown = failure(readBy(socket(identity, 100 + identity), []), [one])
        thrown.stack = 'the same'
        expectations.note(thrown)
        return { stack: 'the same' }
      })
      expect(expectations.of(errors.slice(1)).map(({ reader }) => reader)).toEqual([3, 4])
    })
  })

  test('lost messages among them', () => {
    const lost = new OverflowError()
    const text = drawn(update(), failure([from(told, 1), lost], [wire(told, { groups: 1 }), wire(told)]))
    expect(text.match(/✗ .*/g)).toEqual([expect.stringMatching(/^✗ expected, and did not come: /)])
  })

  test('of errors that Vitest has copied', () => {
    const expectations = new Expectations()
    const thrown = failure([wire(acknowledged())], [])
    expectations.note(thrown)
    const copy = { message: thrown.message, stack: thrown.stack }
    expect(expectations.of([copy])).toHaveLength(1)
    expect(expectations.of([new Error('another')])).toEqual([])
    // As .resolves and expect.poll() change it.
    thrown.stack = 'of the caller'
    expect(expectations.of([{ stack: 'of the caller' }])).toHaveLength(1)
    expectations.begin()
    expect(expectations.of([copy])).toEqual([])
  })

  test('comparisons of something else mark nothing', () => {
    for (const thrown of [undefined, null, 'a', failure(1, 2), failure([1], [wire(told)]), failure([], 5)])
      expect(drawn(update(), thrown)).not.toContain('✗')
  })
})

test('errors of calls, lost messages, groups that are joined and left', () => {
  const recording = update()
  const b = socket(2, 102)
  recording.failed(b, 'recvmsg', 'ENOBUFS')
  recording.failed(b, 'sendto', 'ECONNREFUSED', request)
  recording.failed(b, 'sendto', 'ECONNREFUSED', request, 'to port 4242')
  recording.failed(b, 'bind', 'EADDRINUSE', undefined, 'port 7')
  recording.left(b, 1)
  const text = drawn(recording)
  expect(text).toMatch(/✗ +recvmsg: ENOBUFS, messages were lost\n/)
  expect(text).toMatch(/✗ +sendto: ECONNREFUSED: type 16: 24 bytes.*\n/)
  expect(text).toMatch(/✗ +sendto: ECONNREFUSED \(to port 4242\): type 16: 24 bytes.*\n/)
  expect(text).toMatch(/✗ +bind: EADDRINUSE \(port 7\)\n/)
  expect(text).toMatch(/● +left group 1$/)
})

test('a wait in vain is something that happens, also where nothing else does', () => {
  const recording = new Recording()
  const [a, b] = [socket(1, 101), socket(2, 102)]
  recording.opened(a, undefined)
  recording.waited(a, 300)
  expect(drawn(recording)).toMatch(/^ +0\.0 +● +│ +waited 300 ms in vain$/m)
  // A thread's, too.
  const thread = new Recording()
  thread.opened(b, undefined)
  thread.waited(b, 20)
  thread.failed(b, 'bind', 'EADDRINUSE', undefined, 'port 7')
  recording.hear(thread.told)
  expect(drawn(recording)).toContain('waited 20 ms in vain')
  expect(drawn(recording)).toContain('bind: EADDRINUSE (port 7)')
})

test('what a thread tells belongs to the test that it worked for, once', () => {
  const thread = new Recording()
  const own = socket(1, 105)
  thread.opened(own, undefined)
  thread.joined(own, 3)
  thread.sent(own, request, undefined, undefined)
  const recording = update()
  const { current } = recording
  recording.hear(thread.tell(), current)
  thread.received(own, from(acknowledged()))
  recording.hear(thread.tell(), current)
  expect(drawn(recording).match(/port 105/g)).toHaveLength(1)
  expect(drawn(recording).match(/type 16: .*REQUEST/g)).toHaveLength(2)
  expect(drawn(recording).match(/NLMSG_ERROR/g)).toHaveLength(2)
  recording.begin()
  thread.sent(own, request, undefined, undefined)
  recording.hear(thread.tell(), current)
  recording.unheard(4, current)
  expect(drawn(recording)).toBe('')
  expect(recording.conversation.sockets).toHaveLength(2)
})

test('a thread that was too busy to tell anything is named', () => {
  const recording = new Recording()
  recording.unheard(4)
  expect(drawn(recording)).toMatch(
    /^ +what thread 4 has said is not known: it was busy when the test ended$/m,
  )
  const thread = new Recording()
  recording.hear({ ...thread.tell(), thread: 4 })
  expect(drawn(recording)).toBe('')
})

test('groups of a mask are joined and left, and silent listeners have lanes', () => {
  const recording = update()
  const listener = socket(3, 103)
  recording.opened(listener, undefined)
  recording.bound(listener, 0b101)
  recording.bound(listener, 0b100)
  const text = drawn(recording)
  expect(text).toMatch(/port 103\n.*group 1 +group 3\n/)
  expect(text.match(/● .*/g)).toEqual([
    expect.stringMatching(/joined group 1$/),
    expect.stringMatching(/joined group 3$/),
    expect.stringMatching(/left group 1$/),
  ])
})

test('several tests at the same time are named', () => {
  expect(drawn(update(), undefined, ['one', 'two'])).toMatch(/^ +of 2 tests .*: one, two$/m)
  expect(drawn(update(), undefined, ['one'])).not.toContain('tests')
})

test('messages between processes, and to groups', () => {
  const recording = update()
  const [a, b] = [socket(1, 101), socket(2, 102)]
  recording.sent(a, request, { portId: 102 }, undefined)
  recording.received(b, from(request, 0, 101))
  recording.sent(a, request, { portId: 999 }, undefined)
  recording.received(b, from(request, 0, 999))
  recording.sent(a, request, { groups: 4 }, undefined)
  const lines = drawn(recording)
    .split('\n')
    .filter(line => /[▶◀]/.test(line))
    .slice(3)
  expect(lines).toEqual([
    // Sent and received are one datagram.
    expect.stringMatching(/├─{26}▶│ +type 16/),
    expect.stringMatching(/▶│ .* to port 999: type 16/),
    expect.stringMatching(/▶│ +from port 999: type 16/),
    expect.stringMatching(/▶│ .* to group 3: type 16/),
  ])
})

describe('a datagram from one socket of the test to another', () => {
  const [a, b] = [socket(1, 101, 2), socket(2, 102, 2)]
  const opened = () => {
    const recording = new Recording()
    recording.opened(a, undefined)
    recording.opened(b, undefined)
    return recording
  }
  const arrows = (recording: Recording, thrown?: unknown) => drawn(recording, thrown).match(/.*[├◀].*/g)

  test('equal ones are as many as were sent, and a late one says when it was taken', () => {
    const recording = opened()
    for (let i = 0; i < 3; i++) recording.sent(a, request, { portId: 102 }, undefined)
    for (let i = 0; i < 2; i++) recording.received(b, from(request, 0, 101))
    expect(arrows(recording)).toHaveLength(3)
    expect(drawn(recording).match(/(?<!not )taken at \d+\.\d ms/g)).toHaveLength(2)
    expect(drawn(recording).match(/not taken/g)).toHaveLength(1)
  })

  test('it is marked where it was not expected', () => {
    const recording = opened()
    recording.sent(a, request, { portId: 102 }, undefined)
    const came = from(request, 0, 101)
    recording.received(b, came)
    const thrown = Object.assign(new Error('differs'), { actual: readBy(b, [wire(came)]), expected: [] })
    expect(arrows(recording, thrown)).toEqual([expect.stringMatching(/├─+▶│ +✗ not expected: type 16/)])
  })

  test('what is not certainly the same is drawn twice', () => {
    const toGroup = opened()
    toGroup.sent(a, request, { portId: 102, groups: 1 }, undefined)
    toGroup.received(b, from(request, 0, 101))
    expect(arrows(toGroup)).toHaveLength(2)
    const incomplete = opened()
    for (let i = 0; i < 5000; i++) incomplete.sent(a, told, undefined, undefined)
    incomplete.sent(a, request, { portId: 102 }, undefined)
    incomplete.received(b, from(request, 0, 101))
    expect(arrows(incomplete)?.slice(-2)).toEqual([
      expect.stringMatching(/▶│ +type 16/),
      expect.stringMatching(/▶│ +type 16/),
    ])
  })

  test('sockets that have had the same port id one after the other are told apart', () => {
    const recording = opened()
    recording.sent(a, request, { portId: 102 }, undefined)
    recording.closed(b)
    const next = socket(3, 102, 2)
    recording.opened(next, undefined)
    recording.sent(a, request, { portId: 102 }, undefined)
    recording.received(next, from(request, 0, 101))
    recording.sent(next, told, { portId: 101 }, undefined)
    recording.received(a, from(told, 0, 102))
    recording.failed(b, 'recvmsg', 'EBADF')
    const text = drawn(recording)
    expect(text).toMatch(/ms +port 101 +kernel +port 102 \(2\) +port 102 \(1\)\n/)
    expect(arrows(recording)).toEqual([
      expect.stringMatching(/├─+▶│ +to port 102|├─+▶│ +type 16/),
      expect.stringMatching(/├─+▶│ .*type 16/),
      expect.stringMatching(/│◀─+┤ .*type 16/),
    ])
  })
})

describe('what a comparison marks is never folded', () => {
  const a = socket(1, 101)
  const numbered = (i: number) => encodeMessage({ type: 16, sequence: i, portId: 101 })
  const hundred = (count = 100) => {
    const recording = new Recording()
    recording.opened(a, undefined)
    for (let i = 1; i <= count; i++) recording.received(a, from(numbered(i)))
    return recording
  }
  const differs = (actual: readonly Buffer[], expected: readonly Buffer[]) =>
    Object.assign(new Error('differs'), {
      actual: actual.map(each => wire(from(each))),
      expected: expected.map(each => wire(from(each))),
    })
  const all = Array.from({ length: 100 }, (_, index) => numbered(index + 1))

  test('one wrong value in the middle', () => {
    const wrong = all.map((each, index) => (index === 49 ? encodeMessage({ type: 99, sequence: 50 }) : each))
    const lines = drawn(hundred(), differs(all, wrong)).split('\n')
    expect(lines.filter(line => line.includes('✗'))).toEqual([
      expect.stringMatching(/✗ not expected: type 16: 16 bytes, flags 0, seq 50,/),
      expect.stringMatching(/✗ expected, and did not come: type 99/),
    ])
    expect(lines.flatMap(line => /\.\.\. .*/.exec(line)?.[0] ?? [])).toEqual([
      '... 27 more ...',
      '... 8 more ...',
    ])
    for (const neighbour of [48, 49, 51, 52]) expect(lines.join()).toContain(`seq ${neighbour},`)
  })

  test('another order, and a call that failed', () => {
    const swapped = [...all.slice(0, 49), ...all.slice(49, 51).toReversed(), ...all.slice(51)]
    const text = drawn(hundred(), differs(all, swapped))
    expect(text.match(/✗ expected as number/g)).toHaveLength(2)
    const recording = hundred(50)
    recording.failed(a, 'recvmsg', 'ENOBUFS')
    for (const each of all) recording.received(a, from(each))
    expect(drawn(recording)).toContain('ENOBUFS, messages were lost')
  })

  test('of very many the first, and how many more there are', () => {
    const other = all.map((_, index) => encodeMessage({ type: 99, sequence: index }))
    const text = drawn(hundred(), differs(all, other))
    expect(text.match(/✗ not expected/g)?.length).toBeGreaterThanOrEqual(60)
    expect(text.match(/✗ expected, and did not come/g)).toHaveLength(40)
    expect(text).toContain('... 60 more were expected, and did not come ...')
    const many = drawn(
      hundred(1000),
      differs(
        Array.from({ length: 1000 }, (_, i) => numbered(i + 1)),
        [],
      ),
    )
    expect(many).toMatch(/\.\.\. 898 more, of which 898 are as wrong as these \.\.\./)
  })
})

test('many messages are folded, a long dump too', () => {
  const recording = new Recording()
  const a = socket(1, 101)
  recording.opened(a, undefined)
  const dump = Buffer.concat(Array.from({ length: 50 }, () => encodeMessage({ type: 17, flags: 2 })))
  recording.received(a, from(dump))
  for (let i = 0; i < 5000; i++)
    recording.sent(a, encodeMessage({ type: 16, sequence: i }), undefined, undefined)
  const text = drawn(recording)
  expect(text).toContain('... 47 more messages in this datagram ...')
  expect(text.split('\n').length).toBeLessThan(100)
  const [, folded, unkept] = /\.\.\. (\d+) more, of which (\d+) were not kept \.\.\./.exec(text) ?? []
  const kept = recording.conversation.first.length + recording.conversation.last.length
  expect(kept + recording.conversation.dropped).toBe(5002)
  expect(kept).toBeLessThanOrEqual(4000)
  // All but what is drawn; the socket's opening is not.
  expect(Number(folded)).toBe(5001 - 60)
  expect(Number(unkept)).toBe(recording.conversation.dropped)
  expect(text).toContain('seq 4999')
})

test('the memory of a conversation is bounded, and has its beginning and its end', () => {
  const recording = new Recording()
  const a = socket(1, 101)
  const bytes = (i: number) => encodeMessage({ type: 16, sequence: i }, Buffer.alloc(100_000))
  for (let i = 0; i < 100; i++) recording.sent(a, bytes(i), undefined, undefined)
  const { first, last, dropped } = recording.conversation
  expect(first.length + last.length + dropped).toBe(100)
  expect(first.length).toBeLessThanOrEqual(10)
  expect(last.length).toBeLessThanOrEqual(10)
  const [end] = last.slice(-1)
  expect(end?.kind === 'sent' && Buffer.from(end.bytes).equals(bytes(99))).toBe(true)
})

test('what was sent is what was sent, whatever becomes of the bytes', () => {
  const recording = new Recording()
  const bytes = Buffer.from(request)
  recording.sent(socket(1, 101), bytes, undefined, undefined)
  bytes.fill(0)
  expect(recording.conversation.first[0]).toMatchObject({ bytes: new Uint8Array(request) })
})

test('generic netlink families have their names', () => {
  const recording = new Recording()
  const a = socket(1, 101, 16)
  const family = encodeMessage(
    { type: 16 },
    Buffer.from([1, 2, 0, 0]),
    attr.u16(1, 31),
    attr.string(2, 'nlex'),
  )
  recording.received(a, from(family))
  recording.begin()
  recording.sent(a, encodeMessage({ type: 31 }, Buffer.from([7, 1, 0, 0])), undefined, undefined)
  expect(drawn(recording)).toContain('nlex command 7: 20 bytes')
})

test('malformed bytes, and what a terminal would obey, are shown', () => {
  const recording = new Recording()
  const a = socket(1, 101)
  recording.received(a, from(Buffer.from('\u001b[31mred\u0007\n')))
  recording.received(a, from(encodeMessage({ type: 16 }, attr.string(1, '\u001b[31mred'))))
  const text = drawn(recording)
  expect(text).toContain('malformed')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/)
})

test('more sockets than lanes: who speaks to whom, groups, and who joins are in the text', () => {
  const recording = new Recording()
  recording.sent(socket(1, 101), request, undefined, undefined)
  for (let i = 1; i <= 12; i++) recording.received(socket(i, 100 + i), from(told, 1))
  const last = socket(12, 112)
  recording.joined(last, 2)
  recording.sent(last, request, undefined, undefined)
  recording.sent(last, request, { portId: 101 }, undefined)
  recording.sent(last, request, { groups: 4 }, undefined)
  recording.received(last, from(request, 0, 111))
  recording.failed(last, 'sendto', 'EPERM', request)
  const text = drawn(recording)
  expect(text.split('\n')[0]?.match(/port/g)).toHaveLength(5)
  const said = text.split('\n').flatMap(line => /│ +([^│]*port 112.*?)(?:: type.*)?$/.exec(line)?.[1] ?? [])
  expect(said).toEqual([
    'kernel to port 112, group 1',
    'port 112: joined group 2',
    'port 112 to kernel',
    'port 112 to port 101',
    'port 112 to group 3',
    'port 111 to port 112',
    'port 112: sendto: EPERM',
  ])
})

test('silent listeners without a lane, and those that earlier tests have left, are counted and named', () => {
  const recording = new Recording()
  const a = socket(1, 101)
  for (let i = 20; i < 32; i++) {
    recording.opened(socket(i, 100 + i), undefined)
    recording.joined(socket(i, 100 + i), 7)
  }
  recording.begin()
  for (const each of [a, ...[2, 3, 4, 5, 6, 7].map(i => socket(i, 100 + i))]) {
    recording.opened(each, undefined)
    if (each !== a) recording.joined(each, 1)
  }
  recording.sent(a, request, undefined, undefined)
  const text = drawn(recording)
  expect(text.split('\n')[0]).toMatch(/^ +ms +port 101 +kernel +port 102 +port 103 +port 104 +port 105$/)
  const silence =
    /^ +14 more sockets heard nothing: port 106, group 1; port 107, group 1; port 120.*; 6 more$/m
  expect(text).toMatch(silence)
  expect(text).toContain('port 107: joined group 1')
})

test('a group whose name does not fit upon its arrow is in the text', () => {
  const recording = new Recording()
  const a = socket(1, 101)
  const datagram = from(told, 0)
  datagram.group = 4_000_000_001
  recording.received(a, datagram)
  recording.received(a, from(request, 1, 101))
  const text = drawn(recording)
  expect(text).toMatch(/▶│? +group 4000000001: type 16|│◀─+┤ +group 4000000001: type 16/)
  expect(text).toMatch(/↺ .*group 1: type 16/)
})

test('what helpers send is not shown as a message of the test', () => {
  const recording = update()
  const a = socket(1, 101)
  const marker = encodeMessage({ type: 1, flags: 5, sequence: firstMarker })
  recording.failed(a, 'sendto', 'ECONNREFUSED', marker)
  recording.received(a, from(encodeMessage({ type: 16, sequence: firstMarker })))
  const text = drawn(recording)
  const helper = 'the message with which a helper finds out that all has come'
  expect(text).toMatch(new RegExp(`sendto: ECONNREFUSED, of ${helper}$`, 'm'))
  expect(text).toContain(`answer to ${helper}: type 16`)
  expect(text).not.toContain('NLMSG_NOOP')
})

test('open sockets of other network namespaces are named for whoever looks for what is left', () => {
  const recording = new Recording()
  recording.opened(socket(1, 101), undefined)
  recording.opened(socket(2, 102), '/run/netns/blue')
  recording.opened(socket(3, 103), '/run/netns/red')
  recording.closed(socket(3, 103))
  recording.opened(socket(4, 104), 7)
  recording.begin()
  expect(recording.elsewhere).toEqual([
    'protocol 21, port id 102, in the network namespace blue',
    'protocol 21, port id 104, in the network namespace fd 7',
  ])
})
