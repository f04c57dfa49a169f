// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { Step } from '../../../guest/testing/probe/sequence.ts'
import { logMark, type PlayerLine } from '../../../guest/testing/probe/sequence-player-lines.ts'
import { ExitStatus, HarnessError } from '../../base/errors.ts'
import type { KernelLogRecord } from '../../guest/kernel-log.ts'
import { PlayerRecord } from './player-record.ts'

const first: Step[] = [{ do: 1, attributes: [] }, { reload: true }]
const second: Step[] = [{ do: 2, attributes: [] }, { read: 0 }, { close: 0 }]
const begins: PlayerLine[] = [
  { sequence: 0, steps: first },
  ...[0, 1].map(step => ({ step })),
  { sequence: 1, steps: second },
  ...[0, 1].map(step => ({ step })),
]

function recordOf(lines: readonly PlayerLine[], exit: number | 'silent' = 0): PlayerRecord {
  const record = new PlayerRecord()
  // Output comes in pieces of any length.
  for (const piece of lines
    .map(line => `${JSON.stringify(line)}\n`)
    .join('')
    .match(/.{1,7}/gs) ?? [])
    record.add('stdout', Buffer.from(piece))
  record.exit = exit
  return record
}

function log(...texts: readonly string[]): KernelLogRecord[] {
  return texts.map((text, sequence) => ({
    facility: text.startsWith(logMark) ? 1 : 0,
    level: 4,
    sequence: sequence + 100,
    time: sequence,
    text,
  }))
}

const warning = [
  'WARNING: CPU: 0 PID: 1 at net/a.c:1 f+0x1/0x2',
  'Call Trace:',
  ' f+0x1/0x2',
  '---[ end trace 0 ]---',
]

test('nothing is broken where all sequences were played', () => {
  expect(recordOf([...begins, { end: true }]).breakage('k', log(`${logMark} 0`), undefined)).toBeUndefined()
})

test('a fault, by its words without numbers', () => {
  const fault = { fault: 'step 2, socket 0 reads: 7 replies\nmore', step: 1 }
  expect(recordOf([...begins, fault, { end: true }]).breakage('k', [], undefined)).toEqual({
    key: 'socket # reads: # replies',
    reason: 'step 2, socket 0 reads: 7 replies',
    sequence: 1,
    steps: second.slice(0, 2),
    before: [first],
    isLeak: false,
  })
})

test('a report of the kernel belongs to the sequence whose mark is before it in the log', () => {
  const records = log(`${logMark} 0`, ...warning, `${logMark} 1`, 'nothing')
  expect(recordOf([...begins, { end: true }]).breakage('k', records, undefined)).toMatchObject({
    reason: expect.stringContaining('WARN: net/a.c:1'),
    sequence: 0,
    steps: first,
    before: [],
  })
})

test('a leak belongs to all sequences, and is named by the function of a module that has allocated it', () => {
  const leak = `unreferenced object 0xffff888003d53b40 (size 64):
  comm "node", pid 104, jiffies 4294670720
  backtrace (crc 0):
    kmemleak_alloc+0x4a/0x90
    __kmalloc_cache_noprof+0x2bb/0x2f0
    store_add+0x7d/0x1a0 [probed_store_leak_object]
unreferenced object 0xffff888003d53b80 (size 64):
  backtrace (crc 0):
    other+0x7d/0x1a0 [other]`
  expect(recordOf([...begins, { leak }, { end: true }]).breakage('k', [], undefined)).toEqual({
    key: 'kmemleak: memory of store_add that nothing points to any more',
    reason: 'kmemleak: memory of store_add that nothing points to any more',
    sequence: 1,
    steps: second,
    before: [first],
    isLeak: true,
  })
})

test('a lost guest, and a request that does not come back, at the step that had begun', () => {
  const lost = new HarnessError(ExitStatus.failed, 'the guest k was lost: kernel panic: 12')
  const expected = { sequence: 1, steps: second.slice(0, 2) }
  expect(recordOf(begins).breakage('k', [], lost)).toMatchObject({ ...expected, reason: lost.message })
  expect(recordOf(begins, 'silent').breakage('k', [], undefined)).toMatchObject({
    ...expected,
    reason: 'a request does not come back within 60 s',
  })
})

test('what is not the fault of the sequences is told as that', () => {
  const record = recordOf([], 1)
  record.add('stderr', Buffer.from('Error: there is no family'))
  expect(() => record.breakage('debian-6.1', [], undefined)).toThrow(
    expect.objectContaining({
      message: 'sequences of requests could not be played in debian-6.1',
      details: 'Error: there is no family',
    }),
  )
})
