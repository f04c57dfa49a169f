// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { Guest } from '../guest/guest.ts'
import { KernelLog } from '../guest/kernel-log.ts'
import { FileEvidence } from './file-evidence.ts'
import { FileRecord } from './file-record.ts'
import type { GuestSource } from './guest-source.ts'
import type { WorkerRequest } from './messages.ts'
import { TestOutput } from './output.ts'

/** A file in a guest that logs. */
function court() {
  const log = new KernelLog()
  let next = 0
  const said = (...texts: readonly string[]) => {
    for (const text of texts) log.push(Buffer.from(`4,${next++},${next}000000,-;${text}\n`))
    return next
  }
  const guest = { log, label: 'debian-6.1', release: '6.1', qemu: { console: 'a\x1b[1mb\r\npanic' } }
  const record = new FileRecord({ root: '/project', name: 'debian-6.1' })
  const output = new TestOutput({ console: () => {}, raw: () => {} })
  const source = { details: true } as GuestSource
  const request = { type: 'run' } as WorkerRequest
  const evidence = new FileEvidence('/project', source, guest as unknown as Guest, request, {
    record,
    output,
  })
  return { said, record, evidence }
}

test("a failed test's kernel log is of its time, also where much comes after it", () => {
  const { said, record, evidence } = court()
  record.testStarted('a', said('before'))
  record.testMarkedAsEnded('a', said('one', 'two'))
  evidence.testFailed('a')
  said('after', ...Array<string>(6000).fill('a flood'))
  expect(evidence.details('a').kernelLog).toBe('[    2.000000] one\n[    3.000000] two')
})

test('what comes late belongs to it, and of much the end', () => {
  const { said, record, evidence } = court()
  record.testStarted('a', 0)
  record.testMarkedAsEnded('a', 300)
  evidence.testFailed('a')
  said(...Array.from({ length: 301 }, (_, index) => `line ${index}`))
  const lines = evidence.details('a').kernelLog.split('\n')
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([
    200,
    '[  101.000000] line 100',
    '[  300.000000] line 299',
  ])
})

test('the loss of a guest is of the test that ran, and of nothing else but the file', () => {
  const { said, record, evidence } = court()
  record.testStarted('a', said('a'))
  record.testMarkedAsEnded('a', said('b'))
  record.testStarted('b', said('c'))
  evidence.lost('kernel panic', 'at f')
  const loss = { reason: 'kernel panic', stack: 'at f', console: 'ab\npanic' }
  expect(evidence.details('a').loss).toBeUndefined()
  expect(evidence.details('b').loss).toEqual(loss)
  expect(evidence.details().loss).toEqual(loss)
})

test('reports are those of their test; failures have no data for the worker', () => {
  const { evidence } = court()
  const report = { kind: 'WARN', title: 'x', count: 1, frames: [], text: '' }
  const failure = { name: 'KernelSplat', message: 'WARN: x', report } as const
  expect(evidence.named([failure], 'a')).toEqual([{ name: 'KernelSplat', message: 'WARN: x' }])
  expect(evidence.details('a').reports).toEqual([report])
  expect(evidence.details().reports).toEqual([])
})
