// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { beginning } from './kinds.ts'
import { linesOf } from './log-text.ts'
import { countSplats, findSplats, type LogLine, SplatScanner } from './splats.ts'

const folder = path.join(import.meta.dirname, 'reports')
const filesIn = (folder: string) => readdirSync(folder).filter(name => name.endsWith('.txt'))

/**
 * The sections of a file of reports: "## name", "#> count x kind: title" for each expected one, then the log.
 */
function sectionsOf(file: string): { name: string; expected: string[]; log: string }[] {
  const [, ...sections] = readFileSync(path.join(folder, file), 'utf8').split(/^## /m)
  return sections.map(section => {
    const [name = '', ...lines] = section.split('\n')
    return {
      name,
      expected: lines.filter(line => line.startsWith('#> ')).map(line => line.slice(3)),
      log: lines.filter(line => !line.startsWith('#')).join('\n'),
    }
  })
}

const found = (log: string) =>
  countSplats(findSplats(linesOf(log))).map(
    ({ splat, count }) => `${count > 1 ? `${count}x ` : ''}${splat.kind}: ${splat.title}`,
  )

describe.each(filesIn(folder))('reports in %s', file => {
  const sections = sectionsOf(file)
  test('there are some', () => expect(sections.length).toBeGreaterThan(3))
  test.each(sections)('$name', ({ expected, log }) => {
    expect(expected).not.toEqual([])
    expect(found(log)).toEqual(expected)
  })
})

/** Guests rely on it: mayBeginReport() of guest/agent/kernel-log.ts. */
test('no report is found in a log, or a part of one, in which no line can begin one', () => {
  const logs = filesIn(folder).flatMap(file => sectionsOf(file).map(({ log }) => linesOf(log)))
  const cutOut = fc
    .constantFrom(...logs)
    .chain(log => fc.tuple(fc.constant(log), fc.nat(log.length), fc.nat(log.length)))
    .map(([log, from, to]) => log.slice(Math.min(from, to), Math.max(from, to)))
  fc.assert(
    fc.property(cutOut, lines => {
      const peaceful = lines.filter(({ text }) => !beginning.test(text))
      expect(findSplats(peaceful)).toEqual([])
      if (findSplats(lines).length > 0) expect(peaceful.length).toBeLessThan(lines.length)
    }),
    { numRuns: 2000 },
  )
})

describe('no report in', () => {
  test.each(filesIn(path.join(folder, 'innocent')))('%s', file => {
    const log = readFileSync(path.join(folder, 'innocent', file), 'utf8')
    expect(linesOf(log).length).toBeGreaterThan(30)
    expect(found(log)).toEqual([])
  })

  test('what a program wrote into the log', () => {
    expect(found('12,5,1000,-;BUG: kernel NULL pointer dereference, address: 0\n')).toEqual([])
    expect(found('4,5,1000,-;BUG: kernel NULL pointer dereference, address: 0\n')).toHaveLength(1)
  })
})

test('what is told of a failure that was asked for is no report, and later ones are', () => {
  const at = (seconds: number, text: string): LogLine => ({ sequence: seconds, time: seconds * 1e6, text })
  const forced = at(10, 'FAULT_INJECTION: forcing a failure.')
  const failed = (seconds: number, error: number) =>
    at(seconds, `kobject_add_internal failed for nlexample (error: ${error} parent: module)`)
  expect(findSplats([forced, failed(10.5, -12)])).toEqual([])
  expect(findSplats([forced, failed(10.5, -17)])).toHaveLength(1)
  expect(findSplats([forced, failed(12, -12)])).toHaveLength(1)
  expect(findSplats([failed(10.5, -12)])).toHaveLength(1)
})

test('stacks that were asked for are no reports, however many come one after the other', () => {
  const stack = (length: number) => [
    'FAULT_INJECTION: forcing a failure.',
    'name failslab, interval 1, probability 0, space 0, times 0',
    'CPU: 0 UID: 0 PID: 1 Comm: MainThread',
    'Call Trace:',
    ' <TASK>',
    ...Array.from({ length }, () => ' should_failslab+0xa/0x20'),
    ' </TASK>',
  ]
  for (let length = 350; length < 420; length++) {
    const log = [...stack(length), ...stack(40)]
    const lines = log.map((text, index) => ({ sequence: index, time: index * 100, text }))
    expect(findSplats(lines), String(length)).toEqual([])
    expect(findSplats([...lines, ...warning('later', lines.length)])).toHaveLength(1)
  }
})

const warning = (comm: string, sequence = 0, caller?: string): LogLine[] =>
  [
    '------------[ cut here ]------------',
    `faults: said by ${comm}`,
    `WARNING: CPU: 0 PID: 1 at faults.c:44 fault_${comm}+0x17/0x20 [faults]`,
    'Modules linked in: faults(OE)',
    `RIP: 0010:fault_${comm}+0x17/0x20 [faults]`,
    'Call Trace:',
    ' <TASK>',
    ' ? doubtful+0x1/0x2',
    ' faults_write+0x13c/0x190 [faults 0123456789abcdef0123456789abcdef01234567]',
    ' vfs_write+0xc4/0x3f0',
    ' </TASK>',
    '---[ end trace 0000000000000000 ]---',
  ].map((text, index) => ({ sequence: sequence + index, time: index * 100, text, caller }))

test('the frames of a report, with their modules, build ids left out', () => {
  const [splat] = findSplats(warning('one'))
  expect(splat?.frames).toEqual([
    { function: 'fault_one', offset: 0x17, size: 0x20, module: 'faults', certain: true },
    { function: 'doubtful', offset: 1, size: 2, module: undefined, certain: false },
    { function: 'faults_write', offset: 0x13c, size: 0x190, module: 'faults', certain: true },
    { function: 'vfs_write', offset: 0xc4, size: 0x3f0, module: undefined, certain: true },
  ])
})

test.each(sectionsOf('debug-6.12.txt'))(
  'where in the module it was, whatever the kernel has to say before that: $name',
  ({ name, log }) => {
    const [splat] = findSplats(linesOf(log))
    const [inModule] = splat?.frames.filter(({ certain, module }) => certain && module !== undefined) ?? []
    expect(inModule?.function).toBe(`fault_${name.replaceAll(' ', '_')}`)
  },
)

test('where a module was built is no part of the title', () => {
  const at = '/home/me/.cache/netlink-vmtest/drafts/modules-0123456789abcdef0123/0a-1b/build/faults.c:414:11'
  const [splat] = findSplats(linesOf(`UBSAN: shift-out-of-bounds in ${at}\nCall Trace:\n f+0x1/0x2\n`))
  expect(splat?.title).toBe('shift-out-of-bounds in faults.c:414:11')
})

test('two tasks that print at the same time are told apart where the log names them', () => {
  const lines = warning('one', 0, 'T1').flatMap((line, index) => [
    line,
    warning('two', 0, 'T2')[index] as LogLine,
  ])
  const splats = findSplats(lines)
  expect(splats.map(({ title }) => title.slice(0, 19))).toEqual([
    'faults: said by one',
    'faults: said by two',
  ])
  expect(splats.map(({ lines }) => lines.length)).toEqual([12, 12])
})

test('where it does not, none of them is missed', () => {
  const two = warning('two')
  const lines = warning('one').flatMap((line, index) => [line, two[index] as LogLine])
  expect(findSplats(lines).length).toBeGreaterThan(0)
  const late = [...warning('one').slice(0, 9), ...two]
  expect(findSplats(late).map(({ title }) => title.slice(0, 19))).toEqual([
    'faults: said by one',
    'faults: said by two',
  ])
})

test('a report that breaks off, by the end of a test or of the guest, is one', () => {
  const scanner = new SplatScanner()
  for (const line of warning('one', 100).slice(0, 4)) scanner.push(line)
  expect(scanner.take(90)).toEqual([])
  expect(scanner.take(101).map(({ kind, sequence }) => [kind, sequence])).toEqual([['WARN', 100]])
  expect(scanner.take()).toEqual([])
})

test('"cut here" with nothing known after it, and a stack trace out of nowhere, are reports too', () => {
  expect(found('------------[ cut here ]------------\nsomething new\nand more')).toEqual([
    'stack trace: something new',
  ])
  expect(
    found(
      'something new happened\nCPU: 0 PID: 1 Comm: x\nHardware name: y\nCall Trace:\n f+0x1/0x2\nall is well',
    ),
  ).toEqual(['stack trace: something new happened'])
})

test('the same report again is counted, whatever its addresses and numbers are', () => {
  const oops = (address: string, pid: number) =>
    `BUG: unable to handle page fault for address: ${address}\n#PF: supervisor read access\nCPU: 0 PID: ${pid} Comm: sh\nRIP: 0010:f+0x1/0x2 [m]\nCall Trace:\n g+0x1/0x2\n---[ end trace 0 ]---\n`
  expect(found(oops('ffffa0dead000000', 1) + oops('ffffa0beef000000', 22))).toEqual([
    '2x oops: BUG: unable to handle page fault for address: ffffa0dead000000',
  ])
})

test('a panic that an oops leads to is part of its report; one of its own is one', () => {
  const oops = 'general protection fault: 0000 [#1] SMP\nRIP: 0010:f+0x1/0x2\n---[ end trace 0 ]---\n'
  const [splat, ...others] = findSplats(linesOf(`${oops}Kernel panic - not syncing: Fatal exception\n`))
  expect(others).toEqual([])
  expect(splat?.lines.at(-1)).toBe('Kernel panic - not syncing: Fatal exception')
  expect(found(`${oops}Kernel panic - not syncing: of its own\n`)).toHaveLength(2)
})
