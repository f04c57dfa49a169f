// SPDX-License-Identifier: MIT
/** A failed test shows what its sockets have said, wherever it failed; with --trace so does one that passed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCli } from '../fixtures/cli.ts'

const suite = `
import { acknowledgement, exchange, expectSplat, heard, inThread, loadModule, NetworkNamespace, openGeneric, refusal, resolveFamily, unloadModule, wire } from 'netlink-vmtest/testing'
import { attr, encodeMessage, NLM_F_ACK, NLM_F_REQUEST, rtnetlink, Socket } from 'netlink-vmtest/netlink'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
const update = (sequence: number) =>
  encodeMessage({ type: 16, flags: NLM_F_REQUEST | NLM_F_ACK, sequence }, attr.u32(1, 4242))

test('too much', async () => {
  using a = Socket.open(21)
  using listener = Socket.open(21, { memberships: [1] })
  const request = update(1)
  expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
  expect(await heard(listener)).toEqual([])
})
test('missing', async () => {
  using a = Socket.open(21)
  const request = update(2)
  expect(await exchange(a, request)).toEqual([refusal(request, a, 'EPERM')])
})
test('an error with its request', async () => {
  using socket = openGeneric({ extendedAck: true })
  await resolveFamily(socket, 'nlctrl')
  await rtnetlink.getLink(Socket.open(0), 'much too long a name for a link')
})
test('not a word', () => expect(1).toBe(2))
test('a name \\u001b[2J\\u202e', () => expect('text \\u001b[2J').toBe('\\u202e'))
test('a passed one', async () => {
  using a = Socket.open(21)
  await exchange(a, update(3))
})
describe('with a hook', () => {
  afterEach(() => {
    throw new Error('the hook has failed')
  })
  test('that fails', async () => {
    using a = Socket.open(21)
    await exchange(a, update(4))
  })
})
const tooMuch = async (sequence: number) => {
  using a = Socket.open(21)
  expect(await exchange(a, update(sequence))).toEqual([])
}
describe('before all', () => {
  beforeAll(() => tooMuch(81))
  test('one', () => {})
  describe('below', () => {
    test('two', () => {})
    test.skip('three', () => {})
  })
})
describe('after all', () => {
  afterAll(() => tooMuch(82))
  test('one', () => {})
})
describe('before each', () => {
  beforeEach(() => tooMuch(83))
  test('one', () => {})
})
test('softly', async () => {
  using a = Socket.open(21)
  expect.soft(await exchange(a, update(84))).toEqual([])
  expect.soft(await exchange(a, update(85))).toContainEqual(acknowledgement(update(86), a))
})
test('not that one', async () => {
  using a = Socket.open(21)
  expect(await exchange(a, update(87))).not.toContainEqual(acknowledgement(update(87), a))
})
test('nobody hears it', async () => {
  using a = Socket.open(21)
  using silent = Socket.open(21, { groups: 2 })
  using other = Socket.open(21, { groups: 2 })
  await exchange(a, update(88))
  const [first] = await heard(other)
  expect(first).toEqual(undefined)
  expect(await heard(silent)).toEqual([wire(update(88), { group: 2 })])
})
test('no such protocol', () => void Socket.open(30))
test('no answer', async () => {
  using a = Socket.open(21, { timeout: 10 })
  await a.receive()
})
test.concurrent.for(['one', 'two'])('at the same time: %s', async name => {
  using a = Socket.open(21)
  await exchange(a, update(name === 'one' ? 51 : 52))
  throw new Error(name)
})
test('in a thread, and in a namespace', async () => {
  using namespace = new NetworkNamespace()
  using elsewhere = namespace.run(() => Socket.open(2))
  elsewhere.send(encodeMessage({ type: 16, sequence: 70 }), { portId: elsewhere.portId })
  await inThread(16, ({ Socket, encodeMessage }, type) => {
    using socket = Socket.open(2)
    socket.send(encodeMessage({ type, sequence: 71 }), { portId: socket.portId })
    socket.receiveNow()
  })
  elsewhere.send(encodeMessage({ type: 16, sequence: 72 }), { portId: elsewhere.portId })
  throw new Error('not today')
})
/** Its work: [0] is 1 when it has sent its first message, [1] when it is to send the second one. */
const talk = (sequence: number, isBusy: boolean) => {
  const turns = new Int32Array(new SharedArrayBuffer(8))
  const done = inThread({ sequence, isBusy, turns }, async ({ Socket, encodeMessage }, { sequence, isBusy, turns }) => {
    using socket = Socket.open(2)
    socket.send(encodeMessage({ type: 16, sequence }), { portId: socket.portId })
    socket.receiveNow()
    Atomics.store(turns, 0, 1)
    Atomics.notify(turns, 0)
    if (isBusy) Atomics.wait(turns, 1, 0)
    await Atomics.waitAsync(turns, 1, 0).value
    socket.send(encodeMessage({ type: 16, sequence: sequence + 1 }), { portId: socket.portId })
  })
  const end = () => {
    Atomics.store(turns, 1, 1)
    Atomics.notify(turns, 1)
    return done
  }
  return { begun: Atomics.waitAsync(turns, 0, 0).value, end }
}
let talks: ReturnType<typeof talk>[]
test('threads that go on', async () => {
  using a = Socket.open(2)
  a.send(encodeMessage({ type: 16, sequence: 90 }), { portId: a.portId })
  talks = [talk(91, false), talk(93, true)]
  for (const { begun } of talks) await begun
  throw new Error('not today')
})
test('the next one', async () => {
  for (const { end } of talks) await end()
  using a = Socket.open(2)
  a.send(encodeMessage({ type: 16, sequence: 95 }), { portId: a.portId })
  throw new Error('not today')
})
test('again and again', { retry: 1 }, async ({ task }) => {
  using a = Socket.open(21)
  await exchange(a, update(60 + (task.result?.retryCount ?? 0)))
  throw new Error('not today')
})
`

test('diagrams of failed tests, in all reports', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(path.join(folder, 'netlink-vmtest.config.ts'), "export default { suites: ['*.fixture.ts'] }")
  writeFileSync(path.join(folder, 'talk.fixture.ts'), suite)
  const { stdout, stderr, status } = await runCli(['--junit', 'junit.xml'], { cwd: folder })
  expect(status).toBe(1)
  /** What is said of a test that failed, once for each error. */
  const of = (name: string) => {
    const [, ...said] = (stdout + stderr).split(`talk.fixture.ts > ${name}`)
    return said.map(each => each.split('\n FAIL ')[0]).join('')
  }

  expect(of('too much')).toMatch(/port \d+ +kernel +port \d+\n +group 1\n/)
  expect(of('too much')).toMatch(/├─+▶│ +│ +type 16: 24 bytes, flags REQUEST\|ACK, seq 1, pid 0\n/)
  expect(of('too much')).toMatch(/│ +│ +│ +1: 92 10 00 00 \(4242\)\n/)
  expect(of('too much')).toMatch(/├─+ group 1 ─+▶│ +✗ not expected: type 16/)
  expect(of('missing')).toMatch(/✗ expected, and did not come: NLMSG_ERROR: .*\n.*EPERM\n/)
  expect(of('an error with its request')).toMatch(
    /RTM_GETLINK: .*\n(.*\n)+.*ERANGE\n.*Attribute failed policy validation/,
  )
  expect(of('an error with its request')).toMatch(/CTRL_CMD_NEWFAMILY: /)
  expect(of('not a word')).not.toContain('the conversation')
  // Nothing that a terminal would obey comes from a test.
  expect(stdout).toContain('> a name ␛[2J\\u202e\n')
  expect(of('a name')).toMatch(/"\\u202e"\nReceived: "text ␛\[2J"/)
  for (const obeyed of ['\u001b[2J', '\u202e']) expect(stdout).not.toContain(obeyed)
  expect(of('with a hook > that fails')).toMatch(/the hook has failed\n\nthe conversation:\n(.*\n)+.*seq 4,/)
  expect(of('at the same time: one')).toMatch(/seq 51,/)
  expect(of('at the same time: one')).toMatch(
    /of 2 tests that .*: at the same time: one, at the same time: two\n/,
  )

  for (const name of ['before all', 'after all', 'before each > one'])
    expect(of(name)).toMatch(/✗ not expected: NLMSG_ERROR: .*, seq 8\d/)
  // The reason once, however many there are; what was skipped is no part of it.
  expect(stdout).toMatch(/↓ 2 tests not run: beforeAll of "before all" has failed: AssertionError: expected/)
  expect(stdout).toMatch(/2 passed, \d+ failed, 1 skipped, 2 not run/)
  expect(of('softly').match(/✗ [^:]*: NLMSG_ERROR: .*/g)).toEqual([
    expect.stringMatching(/not expected.*seq 84/),
    expect.stringMatching(/did not come.*seq 86/),
  ])
  expect(of('not that one')).toMatch(/✗ not expected: NLMSG_ERROR: .*, seq 87/)
  // Silent listeners have lanes, and what did not come has an arrow to the one that was to get it.
  expect(of('nobody hears it')).toMatch(/group 2 +group 2$/m)
  expect(of('nobody hears it').match(/● .*joined group 2/g)).toHaveLength(2)
  expect(of('nobody hears it')).toMatch(
    /missing +│ +├┄* group 2 ┄*▶│ +│ +✗ expected, and did not come: type 16/,
  )
  expect(of('no such protocol')).toMatch(/not bound .*\n.*✗ +│ +socket: EPROTONOSUPPORT/)
  // The first place is the test's own.
  expect(of('no answer')).toMatch(
    /no datagram within 10 ms\n\nthe conversation:\n[^❯]* waited 10 ms in vain\n\n ❯ talk.fixture.ts:/,
  )
  expect(of('no such protocol')).toMatch(/\n\n ❯ talk.fixture.ts:/)
  const apart = of('in a thread, and in a namespace')
  expect(apart).toMatch(/^ +ns fd \d+ +thread \d+$/m)
  // A socket's message to itself is one arrow, whether it is taken or not.
  expect(apart.match(/seq \d+|not taken/g)).toEqual(['seq 70', 'not taken', 'seq 71', 'seq 72', 'not taken'])
  // What a thread tells belongs to the test that has started it, which may be over.
  const sequences = (name: string) => of(name).match(/seq 9\d/g)
  expect(sequences('threads that go on')).toEqual(['seq 90', 'seq 91'])
  expect(of('threads that go on')).toMatch(/what thread \d+ has said is not known: it was busy/)
  expect(sequences('the next one')).toEqual(['seq 95'])
  // Each attempt has its own.
  expect(of('again and again').match(/type 16: 24 bytes, .*/g)).toEqual([
    expect.stringContaining('seq 60'),
    expect.stringContaining('seq 61'),
  ])
  expect(stdout + stderr).not.toContain('seq 3,')
  const junit = readFileSync(path.join(folder, 'junit.xml'), 'utf8')
  expect(junit).toMatch(/├─+ group 1 ─+▶│ +✗ not expected: type 16/)

  const traced = await runCli(['--trace', '-t', 'passed'], { cwd: folder })
  expect(traced.status).toBe(0)
  expect(traced.stdout).toMatch(/stdout.* > a passed one\n(.*\n)*.*type 16: 24 bytes, .*seq 3,/)
})
