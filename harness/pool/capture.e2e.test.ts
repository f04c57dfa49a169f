// SPDX-License-Identifier: MIT
/** What tests say on their sockets, as Wireshark sees it: of a failed file in the evidence, of all by --capture. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { ownFolder } from '../base/own-folder.ts'
import { runCli } from '../fixtures/cli.ts'
import { Tshark } from '../fixtures/tshark.ts'

const head = `
import { acknowledgement, exchange, heard, loadModule, NetworkNamespace, openGeneric, resolveFamily, unloadModule, wire } from 'netlink-vmtest/testing'
import { attr, encodeMessage, NLM_F_ACK, NLM_F_REQUEST, rtnetlink, Socket } from 'netlink-vmtest/netlink'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const update = (sequence: number) =>
  encodeMessage({ type: 16, flags: NLM_F_REQUEST | NLM_F_ACK, sequence }, attr.u32(1, 4242))
`
const failing = `${head}
beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
test('good', async () => {
  using a = Socket.open(21)
  await exchange(a, update(1))
})
test('bad', async () => {
  using a = Socket.open(21)
  using listener = Socket.open(21, { memberships: [1] })
  a.send(update(2))
  await heard(listener)
  expect(() => a.send(update(3), { portId: 77 })).toThrow('ECONNREFUSED')
  a.send(Buffer.from([1, 2, 3]))
  expect(1).toBe(2)
})
test('with an extended ack', async () => {
  await rtnetlink.getLink(Socket.open(0), 'much too long a name for a link')
})
test('much too much', { timeout: 120_000 }, () => {
  using a = Socket.open(2)
  const message = encodeMessage({ type: 16, sequence: 9 })
  for (let round = 0; round < 50_000; round++) {
    a.send(message, { portId: a.portId })
    a.receiveNow()
  }
  throw new Error('enough')
})
describe('a hook', () => {
  beforeAll(() => {
    using a = Socket.open(21)
    a.send(update(5))
    throw new Error('does not work')
  })
  test('is not there', () => {})
})
`
const passing = `${head}
test('names of families, and a name that is\\nnot on one line', async () => {
  using socket = openGeneric()
  await resolveFamily(socket, 'nlctrl')
})
test('in a namespace', () => {
  using namespace = new NetworkNamespace()
  using socket = Socket.open(2, { namespace: namespace.fd })
  socket.send(encodeMessage({ type: 16, sequence: 3 }), { portId: socket.portId })
  expect(socket.receiveNow()?.portId).toBe(socket.portId)
})
test('many', () => {
  // More than the disk has room for.
  console.log('x'.repeat(9000))
  using socket = Socket.open(2)
  for (let sequence = 1; sequence <= 100; sequence++) {
    socket.send(encodeMessage({ type: 16, sequence }), { portId: socket.portId })
    expect(socket.receiveNow()?.first().sequence).toBe(sequence)
  }
})
`

let tshark: Tshark
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    "export default { suites: ['**/*.fixture.ts'] }",
  )
  mkdirSync(path.join(folder, 'a'))
  writeFileSync(path.join(folder, 'a/failing.fixture.ts'), failing)
  writeFileSync(path.join(folder, 'passing.fixture.ts'), passing)
  tshark = await Tshark.get()
})
afterAll(() => {
  tshark?.remove()
  rmSync(folder, { recursive: true, force: true })
})

const label = hostLabel()
const told = [
  'frame.interface_name',
  'frame.packet_flags_direction',
  'netlink.hdr_type',
  'netlink.hdr_seq',
  'frame.comment',
]

test('captures of a failing and a passing file', async () => {
  const { status, stdout, stderr } = await runCli(['--capture', 'captures'], { cwd: folder })
  expect(status, stdout + stderr).toBe(1)
  const evidence = path.join(folder, `.netlink-vmtest/${label}/a/failing.fixture.ts/conversation.pcapng`)
  const all = path.join(folder, 'captures', label, 'a/failing.fixture.ts.pcapng')
  const shown = await tshark.fields(evidence, ...told)
  const of = (test: string, packets = shown) =>
    packets.map(packet => packet.join(' ')).filter(packet => packet.includes(` ${test} ¦ `))

  expect(of('good')).toEqual([])
  expect(of('good', await tshark.fields(all, ...told))).toEqual([
    expect.stringMatching(
      /^port \d+, protocol 21 0x00000002 0x0010 1 good ¦ to the kernel: type 16: 24 bytes, flags REQUEST\|ACK, seq 1, pid 0; 1: 92 10 00 00 \(4242\)$/,
    ),
    expect.stringMatching(/0x00000002 0x0001 \d+ good ¦ \(marker\) to the kernel: NLMSG_NOOP: /),
    expect.stringMatching(
      /^port \d+, protocol 21 0x00000001 .* good ¦ from the kernel: NLMSG_ERROR: .*; acknowledgement$/,
    ),
    expect.stringMatching(/ good ¦ \(marker\) from the kernel: NLMSG_ERROR: /),
  ])
  expect(of('bad').join('\n')).toMatch(/ 0x0010 2 bad ¦ to the kernel: type 16/)
  expect(of('bad').join('\n')).toMatch(/ 0x0010 2 bad ¦ from the kernel, group 1: type 16/)
  expect(of('bad').join('\n')).toMatch(/ 0x0010 3 bad ¦ not sent, sendto: ECONNREFUSED \([^)]*\): type 16/)
  expect(of('bad').join('\n')).toMatch(/ bad ¦ to the kernel: malformed, .*: 01 02 03$/m)
  expect(of('with an extended ack').join('\n')).toMatch(/RTM_GETLINK: /)
  expect(of('with an extended ack').join('\n')).toMatch(
    /ERANGE; message: "Attribute failed policy validation"/,
  )
  const much = of('much too much')
  expect(much.length).toBeGreaterThan(3000)
  expect(much.length).toBeLessThan(5000)
  expect(much.join('\n')).toMatch(/ ¦ \d{4,} events before this one were not kept: the recording is full/)
  expect(of('(between tests)')).toEqual([expect.stringMatching(/seq 5/)])
  // Times are the machine's.
  const [[time = ''] = []] = await tshark.fields(evidence, 'frame.time_epoch')
  expect(Math.abs(Number(time) * 1000 - Date.now())).toBeLessThan(600_000)

  expect(existsSync(path.join(folder, '.netlink-vmtest', label, 'passing.fixture.ts'))).toBe(false)
  const passed = await tshark.fields(
    path.join(folder, 'captures', label, 'passing.fixture.ts.pcapng'),
    ...told,
  )
  expect(passed.length).toBeGreaterThan(3)
  expect(passed.join('\n')).toMatch(
    /names of families, and a name that is␊not on one line ¦ from the kernel: CTRL_CMD_NEWFAMILY: /,
  )
  expect(of('in a namespace', passed).join('\n')).toMatch(
    /^port \d+, protocol 2, ns .* in a namespace ¦ to port \d+: type 16/,
  )
})

test("the README's command shows a conversation", async () => {
  const readme = readFileSync(path.join(ownFolder, 'README.md'), 'utf8')
  const [, file = '', rest = ''] = /^tshark -r (\S+) (.*)$/m.exec(readme) ?? []
  expect(file).toMatch(/^captures\/[^/]+\/suites\/.*\.test\.ts\.pcapng$/)
  const own = path.join(folder, 'captures', label, 'a/failing.fixture.ts.pcapng')
  const words = Array.from(rest.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, word]) => quoted ?? word ?? '')
  const { stdout } = await tshark.run('-r', own, ...words)
  expect(stdout).toMatch(/^[\d.]+\tport \d+, protocol 21\tgood,to the kernel: type 16: 24 bytes/m)
})

test('a capture for which there is no room ends with a whole packet, and does not change the verdict', async () => {
  const disk = path.join(folder, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', disk])
  try {
    const passing = 'passing.fixture.ts'
    const junit = path.join(disk, 'junit.xml')
    const reports = ['--junit', junit, '--markdown', 'table.md']
    const { status, stderr } = await runCli(['--capture', disk, ...reports, passing], { cwd: folder })
    expect(status, stderr).toBe(0)
    // Neither does a report, and the others are written.
    expect(stderr).toMatch(/^error: cannot write the report .*junit\.xml: ENOSPC/m)
    expect(readFileSync(path.join(folder, 'table.md'), 'utf8')).toContain('**✓ passed')
    expect(stderr).toMatch(/ {2}the capture .*passing\.fixture\.ts\.pcapng is not complete: ENOSPC/)
    await tshark.fields(path.join(disk, label, `${passing}.pcapng`), 'frame.number')
    expect(statSync(path.join(disk, label, `${passing}.pcapng`)).size).toBeGreaterThan(500)
  } finally {
    execFileSync('umount', [disk])
  }
  const refused = await runCli(['--capture', '/sys/captures'], { cwd: folder })
  expect(refused.status).toBe(2)
  expect(refused.stderr).toMatch(/error: --capture: cannot write into \/sys\/captures: /)
})
