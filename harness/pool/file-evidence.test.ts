// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { Guest } from '../guest/guest.ts'
import { KernelLog } from '../guest/kernel-log.ts'
import { evidenceLine, FileEvidence } from './file-evidence.ts'
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

test('the line of evidence says whose file it is, where a comparison runs two', () => {
  const line = (side?: string) => evidenceLine('a.test.ts', { label: 'debian-6.1', side, folder: 'x' })
  expect([line(), line('BASE')]).toEqual([
    '  evidence of a.test.ts (debian-6.1): x\n',
    '  evidence of a.test.ts (debian-6.1, BASE): x\n',
  ])
})

test('the loss of a guest is of the test that ran, with its kernel log, and of no other', () => {
  const { said, record, evidence } = court()
  record.testStarted('a', said('a'))
  record.testMarkedAsEnded('a', said('b'))
  record.testEnded('a', undefined)
  record.testStarted('b', said('c'))
  said(...Array.from({ length: 201 }, (_, index) => `line ${index}`))
  evidence.lost('kernel panic', 'at f')
  expect(evidence.details('a')).toMatchObject({ loss: undefined, kernelLog: '' })
  const { loss, kernelLog } = evidence.details('b')
  expect(loss).toEqual({ reason: 'kernel panic', stack: 'at f', console: 'ab\npanic' })
  const lines = kernelLog.split('\n')
  expect([lines.length, lines[0]]).toEqual([200, expect.stringMatching(/line 1$/)])
  expect(evidence.details().loss).toBeUndefined()
})

test('outside of tests it is of the file', () => {
  const { said, record, evidence } = court()
  record.testStarted('a', said('a'))
  record.testEnded('a', undefined)
  said('b')
  evidence.lost('kernel panic', '')
  expect(evidence.details()).toMatchObject({
    loss: { reason: 'kernel panic' },
    kernelLog: '[    1.000000] a\n[    2.000000] b',
  })
  expect(evidence.details('a').loss).toBeUndefined()
})

test('reports are those of their test; failures have no data for the worker', () => {
  const { evidence } = court()
  const report = { kind: 'WARN', title: 'x', count: 1, frames: [], text: '' }
  const failure = { name: 'KernelSplat', message: 'WARN: x', report } as const
  expect(evidence.named([failure], 'a')).toEqual([{ name: 'KernelSplat', message: 'WARN: x' }])
  expect(evidence.details('a').reports).toEqual([report])
  expect(evidence.details().reports).toEqual([])
})
