// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { Comparison } from './comparison.ts'
import { lineOf } from './finding.ts'
import type { RecordedFile } from './recorded.ts'
import { leastTimes, TIMED_RUNS, type Times, timeChanges } from './times.ts'

const times = (...all: number[]) => all.map((get): Times => ({ get }))

test('the least time of an operation, where there are many requests of it', () => {
  const samples = [3, 9, 0.4, 7, 80, 2, 5, 6].map(took => ['get', took] as const)
  expect(leastTimes([...samples, ['set', 1]])).toEqual({ get: 0.4 })
  expect(leastTimes(samples.slice(1))).toEqual({})
})

test('runs that overlap, or lie near each other, say nothing', () => {
  // Series of a busy machine, of one version.
  expect(
    timeChanges(times(0.31, 0.42, 0.35, 2.9, 0.33, 0.36), times(0.35, 0.3, 0.9, 0.41, 5.2, 0.38)),
  ).toEqual([])
  expect(timeChanges(times(0.2, 0.2), times(0.9, 1.1))).toEqual([]) // less than a millisecond
  expect(timeChanges(times(20, 21), times(39, 40))).toEqual([]) // less than twice
  expect(timeChanges(times(0.2), [{}])).toEqual([])
  expect(timeChanges([], times(20))).toEqual([])
})

test('what all runs of a side have is slower, or faster', () => {
  const [quick, slow] = [times(0.3, 2.9, 0.4), times(20.4, 20.2, 31)]
  expect(timeChanges(quick, slow)).toEqual([
    { operation: 'get', isSlower: true, base: [0.3, 2.9], head: [20.2, 31] },
  ])
  expect(timeChanges(slow, quick)).toMatchObject([{ operation: 'get', isSlower: false }])
})

const unit = { kernel: 'debian-6.1', file: 'a.test.ts' }
const file = (get: number): RecordedFile => ({
  ...{ file: 'a.test.ts', modules: [], times: { get } },
  tests: [{ name: 'x', state: 'passed', failures: [], said: [] }],
})

test('a suspicion runs both sides in turn, until it is certain or gone', () => {
  const comparison = new Comparison(['debian-6.1'])
  // Another comparison has run it, perhaps on a machine with less to do.
  comparison.add(unit, 'base', file(0.2), { isKnown: true })
  comparison.add(unit, 'head', file(20))
  for (let run = 1; run <= TIMED_RUNS; run++) {
    const isMissing = run < TIMED_RUNS ? ['base', 'head'] : ['base']
    expect(comparison.undecided()).toEqual([{ unit, sides: isMissing }])
    expect(comparison.undecided(() => false)).toEqual([])
    expect(comparison.result().findings).toEqual([])
    comparison.add(unit, 'base', file(0.2 + run / 10))
    if (run < TIMED_RUNS) comparison.add(unit, 'head', file(20 + run))
  }
  expect(comparison.undecided()).toEqual([])
  const { findings } = comparison.result()
  expect(findings.map(lineOf)).toEqual(['time: get: a request takes longer'])
  expect(findings[0]).toMatchObject({
    ...{ was: '0.3 ms', is: '20.0 ms', matters: true },
    show: 'the shortest of each run, 6 of each side: 0.3 to 0.8 ms, now 20.0 to 25.0 ms',
  })
})

test('of files that show the same suspicion the one runs again in which the least is said', () => {
  const comparison = new Comparison(['debian-6.1'])
  const said = (...keys: string[]) => ({
    missed: 0,
    exchanges: keys.map(key => ({
      ...{ key, socket: 'socket 1', operation: 'get', request: 'get', answers: [], datagrams: 0, told: [] },
    })),
  })
  const saying = (name: string, get: number, more: Times, ...keys: string[]): RecordedFile => ({
    ...{ file: name, modules: [], times: { get, ...more } },
    tests: [{ name: 'x', state: 'passed', failures: [], said: [said(...keys)] }],
  })
  for (const [name, keys, more] of [
    ['long.test.ts', ['1', '2', '3'], { set: 30 }],
    ['short.test.ts', ['1'], {}],
    ['middle.test.ts', ['1', '2'], {}],
  ] as const) {
    comparison.add({ ...unit, file: name }, 'base', saying(name, 0.2, more.set ? { set: 0.2 } : {}, ...keys))
    comparison.add({ ...unit, file: name }, 'head', saying(name, 20, more, ...keys))
  }
  // The other operation is in the long one only.
  expect(comparison.undecided().map(each => each.unit.file)).toEqual(['short.test.ts', 'long.test.ts'])
})

test('a suspicion that the next run does not share is gone; faster is told, and does not matter', () => {
  const gone = new Comparison(['debian-6.1'])
  gone.add(unit, 'base', file(0.2))
  gone.add(unit, 'head', file(20))
  expect(gone.undecided()).toHaveLength(1)
  gone.add(unit, 'base', file(20))
  gone.add(unit, 'head', file(20))
  expect(gone.undecided()).toEqual([])
  expect(gone.result().findings).toEqual([])

  const faster = new Comparison(['debian-6.1'])
  for (let run = 0; run < TIMED_RUNS; run++) {
    faster.add(unit, 'base', file(20))
    faster.add(unit, 'head', file(1))
  }
  expect(faster.result().findings).toMatchObject([{ text: 'get: a request takes less time', matters: false }])
})

test('a time has a request that took it, where that is known', () => {
  const exchange = (operation: string, request: string, ...answers: string[]) => ({
    ...{ key: request, socket: 'socket 1', operation, request, datagrams: 1, told: [] },
    answers: answers.map(what => ({ what, parts: [] })),
  })
  const exchanges = [
    exchange('set', 'set 1', 'EINVAL'),
    exchange('get', 'get 1', 'x'),
    exchange('get', 'get 2', 'EINVAL'),
  ]
  const timed = (took: number): RecordedFile => ({
    ...{ file: 'a.test.ts', modules: [], times: { 'get: EINVAL': took, 'del: EINVAL': took } },
    tests: [{ name: 'x', state: 'passed', failures: [], said: [{ missed: 0, exchanges }] }],
  })
  const comparison = new Comparison(['debian-6.1'])
  for (let run = 0; run < TIMED_RUNS; run++) {
    comparison.add(unit, 'base', timed(1))
    comparison.add(unit, 'head', timed(20))
  }
  expect(comparison.result().findings.map(({ where, request }) => [where, request])).toEqual([
    ['del: EINVAL', undefined],
    ['get: EINVAL', 'get 2'],
  ])
})
