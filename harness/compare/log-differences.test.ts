// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { Comparison } from './comparison.ts'
import { lineOf } from './finding.ts'
import { logDifferences } from './log-differences.ts'
import type { RecordedFile, RecordedTest } from './recorded.ts'

/** A test that asks this, in whose time these lines come. */
const logging = (name: string, log: readonly string[] | undefined, key = 'k'): RecordedTest => {
  const exchange = {
    socket: 'socket 1',
    key,
    operation: 'get',
    request: 'get',
    answers: [],
    datagrams: 0,
    told: [],
  }
  return { name, state: 'passed', failures: [], said: [{ missed: 0, exchanges: [exchange] }], log }
}
const file = (...tests: RecordedTest[]): RecordedFile => ({ file: 'a.test.ts', tests, modules: [] })
const told = (base: RecordedFile, head: RecordedFile) =>
  logDifferences(base, head).map(
    ({ finding }) => `${lineOf({ ...finding, kernel: undefined })}; ${finding.show}`,
  )

test('a line that one side logs, and the other one does not', () => {
  const [one, two] = [file(logging('x', ['a', 'size 4'])), file(logging('x', ['size 8', 'b', 'c']))]
  expect(told(one, one)).toEqual([])
  expect(told(one, two)).toEqual([
    "log: the kernel no longer logs 'a'; in a.test.ts > x",
    "log: the kernel logs 'size 8', was 'size 4'; in a.test.ts > x",
    "log: the kernel now logs 'b'; in a.test.ts > x",
    "log: the kernel now logs 'c'; in a.test.ts > x",
  ])
})

test('a test that fails may do more of what is logged; another line is told', () => {
  const passed = file(logging('x', ['loaded']))
  const failed = (...log: string[]) => file({ ...logging('x', log), state: 'failed' })
  expect(told(passed, failed('loaded', 'loaded'))).toEqual([])
  expect(told(failed('loaded', 'loaded'), passed)).toEqual([])
  expect(told(passed, failed('loaded', 'lost'))).toEqual([
    "log: the kernel now logs 'lost'; in a.test.ts > x",
  ])
  expect(told(failed('loaded'), failed('loaded', 'loaded'))).toHaveLength(1)
})

test('the only line that is another one has changed; of a long line the beginning and the end are shown', () => {
  const line = (text: string) => file(logging('x', ['a', text]))
  expect(told(line('Hello world'), line('Hello, world'))).toEqual([
    "log: the kernel logs 'Hello, world', was 'Hello world'; in a.test.ts > x",
  ])
  const [long] = told(line('short'), line(`${'x'.repeat(5000)}end`))
  expect(long).toMatch(/^log: the kernel logs 'x{100} \.\.\. x{37}end \(5003 characters\)', was 'short'; /)
})

test('a line that comes more or less often, or in other tests', () => {
  expect(told(file(logging('x', ['a'])), file(logging('x', ['a', 'a', 'a'])))).toEqual([
    "log: the kernel logs 'a' 3 times, was once; in a.test.ts > x",
  ])
  const [quiet, loud] = [logging('y', []), logging('y', ['a'])]
  expect(told(file(logging('x', ['a']), loud), file(logging('x', ['a']), quiet))).toEqual([
    "log: the kernel no longer logs 'a'; in a.test.ts > y",
  ])
})

test('a line that is logged at another level, where both sides know', () => {
  const at = (...logLevels: number[]) => file({ ...logging('x', ['a', 'a', 'b']), logLevels })
  expect(told(at(6, 6, 4), at(6, 6, 4))).toEqual([])
  expect(told(at(6, 6, 4), at(4, 4, 4))).toEqual([
    "log: the kernel logs 'a' at level warning, was info; in a.test.ts > x",
  ])
  expect(told(at(6, 6, 4), at(6, 4, 4))).toEqual([
    "log: the kernel logs 'a' at level warning and info, was info; in a.test.ts > x",
  ])
  expect(told(at(6, 6, 4), at())).toEqual([])
  // What comes more often is told as that, unless its level is another one.
  const more = file({ ...logging('x', ['a', 'a', 'a', 'b']), logLevels: [6, 6, 6, 4] })
  expect(told(at(6, 6, 4), more)).toEqual(["log: the kernel logs 'a' 3 times, was 2 times; in a.test.ts > x"])
})

test('lines that differ in numbers alone are one change; how often they come is not', () => {
  const unit = { kernel: 'debian-6.1', file: 'a.test.ts' }
  const foundIn = (before: readonly string[], ...after: readonly (readonly string[])[]) => {
    const comparison = new Comparison(['debian-6.1'])
    for (const lines of after) {
      comparison.add(unit, 'base', file(logging('x', before)))
      comparison.add(unit, 'head', file(logging('x', lines)))
    }
    return comparison.result().findings.map(each => [lineOf(each), each.count])
  }
  const loud = ['got 1', 'got 2', 'gave 2']
  expect(foundIn([], loud, loud, loud)).toEqual([
    ["log: the kernel now logs 'got 1'", 2],
    ["log: the kernel now logs 'gave 2'", undefined],
  ])
  expect(foundIn(['a', 'a'], ['a'], ['a', 'a', 'a'], ['a'])).toEqual([])
  // It is another line each time, but never that of BASE.
  const good = ['\u{1}', '\u{2}', '\u{3}', '\u{1}', '\u{2}', '\u{4}'].map(end => [`got good${end}`])
  expect(foundIn(['got good'], ...good)).toEqual([
    ["log: the kernel logs 'got good\u{1}', was 'got good'", undefined],
  ])
  const cycles = [17, 5, 9, 5, 17, 3].map(count => [`took ${count} cycles`])
  expect(foundIn([], ...cycles)).toEqual([["log: the kernel now logs 'took 17 cycles'", undefined]])
})

test('how often a line comes says nothing where not all that was asked is known', () => {
  const long = (...log: readonly string[]) => {
    const test = logging('x', log)
    return file({ ...test, said: test.said.map(each => ({ ...each, missed: 1 })) })
  }
  expect(told(long('a'), long('a', 'a', 'b'))).toEqual(["log: the kernel now logs 'b'; in a.test.ts > x"])
})

test('what tests log that ask otherwise, or in whose time there was a report, says nothing', () => {
  const quiet = file(logging('x', []))
  expect(told(quiet, file(logging('x', ['a'], 'another')))).toEqual([])
  expect(told(quiet, file(logging('x', undefined)))).toEqual([])
  expect(told(quiet, file(logging('another', ['a'])))).toEqual([])
})

test('of a test that fails before it has asked or heard all, the lines that it has are compared', () => {
  const asking = (log: readonly string[], state: 'passed' | 'failed', ...keys: readonly string[]) => {
    const test = logging('x', log)
    const [{ exchanges: [exchange] = [] } = { exchanges: [] }] = test.said
    const exchanges = exchange ? keys.map(key => ({ ...exchange, key })) : []
    return file({ ...test, state, said: [{ missed: 0, exchanges }] })
  }
  // It has not read what came unasked.
  expect(told(asking(['a', 'b'], 'passed', 'k', ''), asking(['a', 'c'], 'failed', 'k'))).toEqual([
    "log: the kernel logs 'c', was 'b'; in a.test.ts > x",
  ])
  const whole = asking(['a', 'b', 'a', 'd'], 'passed', 'k', 'l')
  expect(told(whole, asking(['a', 'c'], 'failed', 'k'))).toEqual([
    "log: the kernel logs 'c', was 'b'; in a.test.ts > x",
  ])
  expect(told(asking(['a', 'c'], 'failed', 'k'), whole)).toEqual([
    "log: the kernel logs 'b', was 'c'; in a.test.ts > x",
  ])
  expect(told(whole, asking(['a', 'b'], 'failed', 'k'))).toEqual([])
  expect(told(whole, asking(['a', 'x', 'b'], 'failed', 'k'))).toEqual([
    "log: the kernel now logs 'x'; in a.test.ts > x",
  ])
  // Its hooks have their lines all the same.
  const closed = asking(['a', 'b', 'gone'], 'passed', 'k', 'l')
  expect(told(closed, asking(['a', 'gone'], 'failed', 'k'))).toEqual([])
  expect(told(asking(['gone'], 'failed', 'k'), closed)).toEqual([])
  expect(told(closed, asking(['a', 'gone', 'late'], 'failed', 'k'))).toEqual([
    "log: the kernel logs 'late', was 'b'; in a.test.ts > x",
  ])
  expect(told(closed, asking(['a', 'c', 'gone'], 'failed', 'k'))).toEqual([
    "log: the kernel logs 'c', was 'b'; in a.test.ts > x",
  ])
  expect(told(closed, asking(['b', 'gone', 'gone'], 'failed', 'k'))).toEqual([
    "log: the kernel logs 'gone' 2 times, was once; in a.test.ts > x",
  ])
  expect(told(whole, asking(['a', 'c'], 'failed', 'another'))).toEqual([])
  expect(told(whole, asking(['a', 'c'], 'passed', 'k'))).toEqual([])
})

test('lines that come by chance are not told', () => {
  const unit = { kernel: 'debian-6.1', file: 'a.test.ts' }
  const [quiet, loud] = [file(logging('x', [])), file(logging('x', ['took 3 ms']))]
  const later = file(logging('x', []), logging('y', ['took 3 ms']))
  const both = file(logging('x', ['took 3 ms']), logging('y', []))
  const lines = (base: readonly RecordedFile[], head: readonly RecordedFile[]) => {
    const comparison = new Comparison(['debian-6.1'])
    for (const each of base) comparison.add(unit, 'base', each)
    for (const each of head) comparison.add(unit, 'head', each)
    return comparison.result().findings.map(lineOf)
  }
  expect(lines([quiet, quiet, quiet], [loud, loud, loud])).toHaveLength(1)
  expect(lines([quiet, quiet, quiet], [loud, quiet, loud])).toEqual([])
  expect(lines([file(logging('x', []), logging('y', [])), later, later], [both, both, both])).toEqual([])
})

test('a line under the name of another module is the same line', () => {
  const base = file(logging('x', ['nctab: loaded', 'nctab: gone', 'nctab: full (32)', 'other: x']))
  const head = file(logging('x', ['nctable: loaded', 'nctable: gone', 'nctable: full (32)', 'other: x']))
  expect(told(base, head)).toEqual([
    "log: the kernel logs 'nctable: loaded', was 'nctab: loaded'; in a.test.ts > x",
    "log: the kernel logs 'nctable: gone', was 'nctab: gone'; in a.test.ts > x",
    "log: the kernel logs 'nctable: full (32)', was 'nctab: full (32)'; in a.test.ts > x",
  ])
})

test('other words for a line with numbers are one change, with however many numbers', () => {
  const [was, is] = ['flushing', 'removing'].map(word => (count: number) => `nctab: ${word} ${count} entries`)
  if (!was || !is) throw new Error('unreachable')
  const unit = { kernel: 'debian-6.1', file: 'a.test.ts' }
  const comparison = new Comparison(['debian-6.1'])
  for (let times = 0; times < 3; times++) {
    comparison.add(unit, 'base', file(logging('x', ['a', was(2), was(32)])))
    comparison.add(unit, 'head', file(logging('x', ['a', is(1), is(32), is(2)])))
  }
  expect(comparison.result().findings.map(each => [lineOf(each), each.count])).toEqual([
    ["log: the kernel logs 'nctab: removing 2 entries', was 'nctab: flushing 2 entries'", 3],
  ])
})
