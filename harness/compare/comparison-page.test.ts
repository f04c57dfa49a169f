// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { conversationDifferences } from './behaviour.ts'
import { comparisonPageData, rowsOf } from './comparison-page.ts'
import type { Exchange, NormalMessage } from './recorded.ts'
import { type ComparisonReport, jsonReport } from './report.ts'

const message = (what: string, ...parts: [string, string][]): NormalMessage => ({ what, parts })
const exchange = (key: string, ...answers: NormalMessage[]): Exchange & { socket: string } => ({
  ...{ socket: 'socket 1', key, operation: key, request: key, datagrams: 1, told: [], answers },
})
const sides = (base: Exchange[], head: Exchange[]) => ({ test: 'a.test.ts > x', base, head })
const short = (rows: ReturnType<typeof rowsOf>) =>
  rows.map(({ base, head }) =>
    [base, head].map(each => each && `${each.differs ? '!' : ''}${each.way}: ${each.text}`),
  )

test('both sides row by row: the last exchange in full, those before it in short', () => {
  const ack = message('acknowledgement', ['flags', 'CAPPED'])
  const base = [exchange('set', ack), exchange('get', message('EINVAL', ['flags', '0'], ['message', 'no']))]
  const head = [
    exchange('set', ack),
    exchange('get', message('EINVAL', ['flags', '0'], ['message', 'so']), ack),
  ]
  const rows = rowsOf(sides(base, head))
  expect(short(rows)).toEqual([
    ['request: set', 'request: set'],
    ['answer: acknowledgement', 'answer: acknowledgement'],
    ['request: get', 'request: get'],
    ['!answer: EINVAL', '!answer: EINVAL'],
    [undefined, '!answer: acknowledgement'],
  ])
  expect(rows[1]?.base?.parts).toEqual([])
  expect(rows[3]?.head?.parts).toEqual([
    { name: 'flags', value: '0', differs: false },
    { name: 'message', value: 'so', differs: true },
  ])
})

test('another outcome stands beside the one that it replaces', () => {
  const rows = rowsOf(sides([exchange('get', message('ENOENT'))], [exchange('get', message('EINVAL'))]))
  expect(short(rows)).toEqual([
    ['request: get', 'request: get'],
    ['!answer: ENOENT', '!answer: EINVAL'],
  ])
})

test('of a long dump what differs is shown, and how much is left out', () => {
  const dump = (wrong: number) =>
    exchange(
      'dump',
      ...Array.from({ length: 500 }, (_, at) => message('one', ['at', at === wrong ? 'x' : `${at}`])),
    )
  const rows = rowsOf(sides([dump(-1)], [dump(400)]))
  expect(rows).toHaveLength(41)
  expect(rows.filter(({ head }) => head?.differs).map(({ head }) => head?.parts[0]?.value)).toEqual(['x'])
  expect(rows.at(-1)?.base?.text).toBe('... 461 more')
})

test('whom else the kernel tells is a line of its own', () => {
  const told = [{ whom: 'socket 2 in group nlex/example', messages: [message('nlex command 1')] }]
  const rows = rowsOf(sides([exchange('set')], [{ ...exchange('set'), told }]))
  expect(short(rows)).toEqual([
    ['request: set', 'request: set'],
    [undefined, '!to socket 2 in group nlex/example: nlex command 1'],
  ])
})

test('a finding of behaviour has its conversation on the page, and not in JSON', () => {
  const before = Array.from({ length: 9 }, (_, at) => exchange(`set ${at}`, message('acknowledgement')))
  const said = (what: string) => ({ missed: 0, exchanges: [...before, exchange('get', message(what))] })
  const differences = conversationDifferences(said('ENOENT'), said('EINVAL'), 'a.test.ts > x')
  const findings = differences.map(({ finding }) => ({ ...finding, kernel: 'debian-6.1', count: 3 }))
  const size = {
    kind: 'size',
    where: 'text',
    was: '4 KiB',
    is: '5 KiB',
    matters: false,
    kernel: undefined,
  } as const
  const report: ComparisonReport = {
    ...{
      base: 'main',
      head: 'the work tree',
      kernels: [],
      findings: [...findings, size, size],
      accepted: [],
    },
    ...{
      missing: [],
      runs: { files: 1, both: 1, again: 0 },
      varying: [],
      lost: [],
      notes: ['a note'],
      total: 1,
    },
  }
  const { findings: shown, title, ok, remarks } = comparisonPageData(report, 0)
  expect([title, ok, remarks[0]]).toEqual(['3 changes', false, 'a note'])
  expect(shown[0]).toMatchObject({
    ...{ kind: 'behaviour', text: 'get: ENOENT became EINVAL', seen: 'only on debian-6.1, 3 times' },
    ...{ request: 'get', show: '', conversation: { test: 'a.test.ts > x' } },
  })
  // As many as the answer says.
  const same = findings.map(each => ({ ...each, where: 'del', text: 'del: ENOENT became EINVAL' }))
  const folded = comparisonPageData({ ...report, findings: [...findings, ...same] }, 0)
  expect([folded.title, folded.findings.length]).toEqual(['1 change', 2])
  expect(folded.answer).toMatch(/^1 change that matters, /)
  // Five exchanges before it, with an answer each.
  expect(shown[0]?.conversation?.rows).toHaveLength(12)
  expect(new Set(shown.map(({ id }) => id)).size).toBe(3)
  expect(jsonReport(report, 1)).not.toContain('"sides"')
})
