// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { KernelLog, missingRecords } from '../guest/kernel-log.ts'
import { FileRecord } from './file-record.ts'

test("a failed test's kernel log is of its time, also where much comes after it, or comes late", () => {
  const log = new KernelLog()
  let next = 0
  const said = (...texts: readonly string[]) => {
    for (const text of texts) log.push(Buffer.from(`4,${next++},${next}000000,-;${text}\n`))
    return next
  }
  const record = new FileRecord({ root: '/project', name: 'debian-6.1' })
  const failed = (id: string) => [id, { state: 'fail' }, {}]
  record.remember({ t: 'q', m: 'onTaskUpdate', a: [[failed('a'), failed('b'), failed('c')], []] })
  record.testStarted('a', said('before'))
  record.testMarkedAsEnded('a', said('one', 'two'))
  record.keepKernelLog('a', log)
  said('after', ...Array<string>(6000).fill('a flood'))
  // What has not come yet when its test ends.
  record.testStarted('b', next)
  record.testMarkedAsEnded('b', next + 1)
  record.keepKernelLog('b', log)
  said('late')
  record.testStarted('c', next)
  record.testMarkedAsEnded('c', next)
  record.keepKernelLog('c', log)
  const logs = record.withKernelLogs(log).map(([id, , meta]) => [id, meta.kernelLog])
  expect(logs).toEqual([
    ['a', '[    2.000000] one\n[    3.000000] two'],
    ['b', '[ 6005.000000] late'],
  ])
})

test('a record whose logs are compared has them whole, with levels', () => {
  const record = new FileRecord({ root: '/project', name: 'debian-6.1' }, true)
  const log = new KernelLog()
  for (let sequence = 0; sequence < 300; sequence++)
    log.push(Buffer.from(`4,${sequence},1000000,-;line ${sequence}\n`))
  record.remember({ t: 'q', m: 'onTaskUpdate', a: [[['a', { state: 'pass' }, {}]], []] })
  record.testStarted('a', 0)
  record.testMarkedAsEnded('a', 200)
  const [[, , { kernelLog = '' }] = ['', undefined, {}]] = record.withKernelLogs(log)
  expect(kernelLog.split('\n')).toHaveLength(200)
  expect(kernelLog).toMatch(/^<4>\[ {4}1\.000000\] line 0\n/)
  record.testStarted('b', 100)
  record.testMarkedAsEnded('b', 400)
  record.remember({ t: 'q', m: 'onTaskUpdate', a: [[['b', { state: 'pass' }, {}]], []] })
  expect(record.withKernelLogs(log)[1]?.[2]).toEqual({ kernelLog: missingRecords })
})
