// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { KernelLog } from '../guest/kernel-log.ts'
import { headOf } from './describe-splat.ts'
import { Judge } from './judge.ts'
import { KnownReports } from './known-reports.ts'

/** A guest's log and its judge, with a file that has begun. */
function court(known?: KnownReports) {
  const log = new KernelLog()
  const judge = new Judge(log, undefined, known)
  let next = 10
  judge.fileStarted(next, 0)
  return {
    judge,
    /** Logs these lines; returns the number of the next record. */
    said: (...lines: string[]) => {
      for (const line of lines) log.push(Buffer.from(`4,${next++},${next * 1000},-;${line}\n`))
      return next
    },
    lose: (count: number) => {
      next += count
    },
  }
}

const left = (taint: number) => ({ taint, leaks: [], memory: '' })

const warning = (words: string) => [
  '------------[ cut here ]------------',
  words,
  'WARNING: CPU: 0 PID: 1 at faults.c:44 f+0x17/0x20 [faults]',
  'RIP: 0010:f+0x17/0x20 [faults]',
  '---[ end trace 0000000000000000 ]---',
]

test('a report in the time of a test is its failure, and nobody else is told', async () => {
  const { judge, said } = court()
  judge.testStarted('a', said('hello'))
  expect(await judge.attemptEnded('a', said())).toEqual([])
  const end = said(...warning('oh'))
  const failures = await judge.attemptEnded('a', end)
  expect(failures).toEqual([
    {
      name: 'KernelSplat',
      message: expect.stringMatching(/^WARN: oh \(.*\n {2}at f \[faults\]\n\n-+\[ cut here/),
      report: {
        kind: 'WARN',
        title: expect.stringMatching(/^oh \(/),
        count: 1,
        frames: [{ function: 'f [faults]', place: undefined }],
        text: expect.stringMatching(/^-+\[ cut here/),
      },
    },
  ])
  expect(await judge.testEnded('a', end)).toEqual([])
  expect(await judge.fileEnded(end, left(512))).toEqual([])
})

test('what comes before, between and after tests is the failure of the file', async () => {
  const { judge, said } = court()
  judge.testStarted('a', said(...warning('before')))
  expect(await judge.testEnded('a', said())).toEqual([])
  judge.testStarted('b', said(...warning('between')))
  expect(await judge.testEnded('b', said())).toEqual([])
  const failures = await judge.fileEnded(said(...warning('after')))
  expect(failures.map(({ message }) => message.split(' (')[0])).toEqual([
    'WARN: before',
    'WARN: between',
    'WARN: after',
  ])
  const [late] = await judge.fileEnded(said(...warning('late')))
  expect(late?.message).toMatch(/^WARN: late/)
})

test('tests that run at the same time are both told', async () => {
  const { judge, said } = court()
  judge.testStarted('a', said())
  judge.testStarted('b', said())
  const end = said(...warning('oh'))
  expect(await judge.testEnded('a', end)).toHaveLength(1)
  expect(await judge.testEnded('b', end)).toHaveLength(1)
})

test('what is expected has to come, and excuses nothing else', async () => {
  const { judge, said } = court()
  judge.testStarted('a', said())
  const expected = [{ pattern: { source: 'oh', flags: 'g' } }, { kind: 'oops' }]
  expect(await judge.attemptEnded('a', said(...warning('oh')), expected)).toEqual([
    { name: 'ExpectedSplat', message: expect.stringContaining('the kernel did not report oops') },
  ])
  const [other] = await judge.attemptEnded(
    'a',
    said(...warning('oh'), ...warning('dear')),
    expected.slice(0, 1),
  )
  expect(other?.message).toMatch(/^WARN: dear/)
})

test('a gap in the log is a failure that tells how many records are missing', async () => {
  const { judge, said, lose } = court()
  judge.testStarted('a', said('x'))
  lose(3)
  said('y')
  lose(4)
  const [failure, ...others] = await judge.attemptEnded('a', said('z'))
  expect(failure?.message).toMatch(/^lost log: 7 records/)
  expect(others).toEqual([])
  lose(1)
  expect(await judge.attemptEnded('a', said('z'), [{ kind: 'lost log' }])).toEqual([])
})

test("KUnit's report explains the flag of in-kernel tests, in its own file alone", async () => {
  const { judge, said } = court()
  const end = said('KTAP version 1', '1..0')
  expect(await judge.fileEnded(end, left(262144))).toEqual([])
  judge.fileStarted(end, 0)
  expect(await judge.fileEnded(said('KTAP'), left(262144))).toMatchObject([{ name: 'KernelTaint' }])
})

test('a taint that nothing explains fails the file', async () => {
  const { judge, said } = court()
  expect(await judge.fileEnded(said(), left(12288 + 64))).toEqual([
    { name: 'KernelTaint', message: expect.stringContaining('U (64)') },
  ])
  expect(await judge.fileEnded(said(), left(12288 + 64))).toEqual([])
})

test('what a file leaves behind fails it, memory with the place where it was allocated', async () => {
  const { judge, said } = court()
  const memory =
    'unreferenced object 0xffff888004a3c100 (size 512):\n  comm "sh", pid 70, jiffies 4294893000\n  backtrace (crc 0):\n    kmalloc_trace+0x1/0x2\n    fault_leak+0x20/0x30 [faults]'
  const failures = await judge.fileEnded(said(), { taint: 0, leaks: ['a process: sleep (pid 140)'], memory })
  expect(failures).toEqual([
    { name: 'Leak', message: 'the file leaves behind:\n  a process: sleep (pid 140)' },
    { name: 'Leak', message: expect.stringContaining('kmemleak: unreferenced object 0xffff888004a3c100') },
  ])
  // The kernel's own allocating functions are left out.
  expect(failures[1]?.message).toMatch(/ \(size 512\)\n {2}at fault_leak \[faults\]\n/)
})

test('memory that was allocated at two places is told of twice', async () => {
  const { judge, said } = court()
  const leak = (place: string) =>
    `unreferenced object 0xffff888004a3c100 (size 96):\n  comm "sh", pid 70\n  backtrace (crc 0):\n    kmemleak_alloc+0x1/0x2\n    recursive+0x1/0x2\n    __kmalloc+0x1/0x2\n    ${place}+0x20/0x30 [faults]`
  const memory = [leak('first'), leak('second'), leak('second')].join('\n')
  const [failure] = await judge.fileEnded(said(), { taint: 0, leaks: [], memory })
  expect(failure?.message).toMatch(
    /\(size 96\)\n {2}at first \[faults\]\n.*\(2 times\)\n {2}at second \[faults\]\n/,
  )
})

test('the last words of a guest that is gone are what its console says, else its log', async () => {
  const { judge, said } = court()
  judge.testStarted('a', said())
  said(...warning('logged'))
  const lastWords = async (console: string) => (await judge.lastWords(console)).map(headOf).join('\n')
  expect(await lastWords('Kernel panic - not syncing: x\r\nCall Trace:\r\n g+0x1/0x2 [m]\r\n')).toBe(
    'panic: x\n  at g [m]',
  )
  expect(await lastWords('nothing')).toMatch(/^WARN: logged/)
})

test('a known report fails nothing, is counted once, and stays what a test may expect', async () => {
  const known = new KnownReports([
    { kind: 'warn', text: /^WARN: oh|oh$/m, reason: 'a' },
    { text: 'never', reason: 'b' },
  ])
  const { judge, said } = court(known)
  judge.testStarted('a', said())
  judge.testStarted('b', said())
  expect(judge.hasKnown).toBe(false)
  const end = said(...warning('oh'), ...warning('another'))
  const told = [expect.objectContaining({ message: expect.stringMatching(/^WARN: another/) })]
  expect(await judge.testEnded('a', end)).toEqual(told)
  expect(await judge.testEnded('b', end)).toEqual(told)
  expect(judge.hasKnown).toBe(true)
  judge.testStarted('c', said())
  const expected = [{ pattern: { source: 'oh', flags: '' } }]
  expect(await judge.attemptEnded('c', said(...warning('oh')), expected)).toEqual([])
  expect(await judge.testEnded('c', said())).toEqual([])
  // The taint of a known report is explained.
  expect(await judge.fileEnded(said(...warning('oh')), left(512))).toEqual([])
  expect(known.counts).toEqual([
    { report: 'warn /^WARN: oh|oh$/m', reason: 'a', count: 2 },
    { report: '"never"', reason: 'b', count: 0 },
  ])
  judge.fileStarted(said(), 512)
  expect(judge.hasKnown).toBe(false)
})

test('a known report excuses no lost record and no leak of another kind', async () => {
  const leak = 'unreferenced object 0xffff888006d6cc00 (size 64):\n  comm "insmod", pid 1\n  backtrace:\n'
  const known = new KnownReports([{ kind: 'WARN', reason: 'a' }])
  const { judge, said, lose } = court(known)
  said()
  lose(2)
  const failures = await judge.fileEnded(said('later'), { ...left(0), memory: leak })
  expect(failures.map(({ name }) => name)).toEqual(['KernelSplat', 'Leak'])
  const patient = court(new KnownReports([{ kind: 'kmemleak', reason: 'a' }]))
  expect(await patient.judge.fileEnded(patient.said(), { ...left(0), memory: leak })).toEqual([])
})

test('a report of the boot is known by its words', () => {
  const known = new KnownReports([{ kind: 'WARN', text: 'oh', reason: 'a' }])
  expect(known.hasDescribed('WARN: oh (2 times)\n\n[ cut here ]')).toBe(true)
  expect(known.hasDescribed('KASAN: oh')).toBe(false)
})
