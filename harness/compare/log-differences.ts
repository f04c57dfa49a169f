// SPDX-License-Identifier: MIT
/** What the kernel logs while tests run, on one side only, or more often. */
import type { Difference } from './difference.ts'
import { firstLoadChanges, withoutFirstLoad } from './first-load.ts'
import { levelName } from './log-levels.ts'
import type { RecordedFile, RecordedTest } from './recorded.ts'

/** A line, and how often it comes. */
type Counted = ReadonlyMap<string, number>

/** Of tests that ask the same on both sides, or less of that before they fail. */
export function logDifferences(base: RecordedFile, head: RecordedFile): Difference[] {
  const others = new Map(head.tests.map(test => [test.name, test]))
  const placeOf = (test: string) => `${base.file} > ${test}`
  const { gone, come } = firstLoadChanges(base, head)
  return [
    ...gone.map(({ line, test }) => difference(base.file, placeOf(test), noLonger(line))),
    ...come.map(({ line, test }) => difference(base.file, placeOf(test), now(line))),
    ...base.tests.flatMap(test => {
      const other = others.get(test.name)
      if (!other) return []
      const changes = testChanges(withoutFirstLoad(test), withoutFirstLoad(other))
      return changes.map(change => difference(base.file, placeOf(test.name), change))
    }),
  ]
}

function testChanges(base: RecordedTest, head: RecordedTest): LogChange[] {
  if (!base.log || !head.log) return []
  const [before, after] = [askedIn(base), askedIn(head)]
  if (isWithin(before, after) && isWithin(after, before)) {
    const changes = changesOf(counted(base.log), counted(head.log))
    // Where not all is kept, they may ask more often, and a test that fails may do more to be certain.
    const isWhole = [base, head].every(({ said }) => said.every(({ missed }) => missed === 0))
    const isCounted = isWhole && base.state === head.state
    return [
      ...(isCounted ? changes : changes.filter(change => !change.isMore)),
      ...levelChanges(levelsOf(base), levelsOf(head)),
    ]
  }
  const isHead = head.state === 'failed' && isWithin(after, before)
  const isBase = base.state === 'failed' && isWithin(before, after)
  if (isHead === isBase) return []
  const [own, all] = isHead ? [head.log, base.log] : [base.log, head.log]
  const [failed, whole] = [counted(own), counted(all)]
  const hooks = commonEnd(own, all)
  const until = own.slice(0, own.length - hooks)
  // What comes after that is not known.
  const meanwhile = all.slice(0, all.length - hooks).slice(0, until.length)
  const fresh = counted(until.filter(line => !whole.has(line)))
  const missing = counted(meanwhile.filter(line => !failed.has(line)))
  const repeated = [...failed].filter(([line, count]) => count > (whole.get(line) ?? count))
  const usual = new Map(repeated.map(([line]) => [line, whole.get(line) ?? 0]))
  const [its, others] = [new Map([...fresh, ...repeated]), new Map([...missing, ...usual])]
  const changes = isHead ? changesOf(others, its) : changesOf(its, others)
  return changes.filter(({ was, is, isMore }) => isMore || (isHead ? is : was) !== undefined)
}

/** How many lines both end with: those of hooks, which come after a test has failed, too. */
function commonEnd(some: readonly string[], others: readonly string[]): number {
  let length = 0
  while (length < some.length && some.at(-1 - length) === others.at(-1 - length)) length++
  return length
}

/** How often each thing is asked, conversation by conversation. */
function askedIn({ said }: RecordedTest): Counted {
  const keys = said.flatMap(({ exchanges }, at) =>
    exchanges.flatMap(({ key }) => (key === '' ? [] : [`${at} ${key}`])),
  )
  return counted(keys)
}

function isWithin(some: Counted, all: Counted): boolean {
  return [...some].every(([key, count]) => count <= (all.get(key) ?? 0))
}

function counted(lines: readonly string[]): Counted {
  const groups = Map.groupBy(lines, line => line)
  return new Map([...groups].map(([line, { length }]) => [line, length]))
}

interface LogChange {
  readonly line: string
  readonly was: string | undefined
  readonly is: string | undefined
  readonly text: string
  /** Whether both sides log the line, one of them more often. */
  readonly isMore?: true
  /** What it has in common with those that differ in the numbers of their lines alone. */
  readonly fold: readonly (string | undefined)[]
}

function changesOf(base: Counted, head: Counted): LogChange[] {
  const gone = [...base.keys()].filter(line => !head.has(line))
  const fresh = [...head.keys()].filter(line => !base.has(line))
  const { pairs, kept } = pairedLines(gone, fresh)
  const changes = gone.map((was): LogChange => {
    const is = pairs.get(was)
    return is === undefined
      ? noLonger(was)
      : { ...noLonger(was), is, text: `the kernel logs '${shown(is)}', was '${shown(was)}'` }
  })
  const paired = new Set(pairs.values())
  const left = fresh.filter(line => !paired.has(line))
  // What is said in the place of other words, with more numbers than those were.
  const [its] = kept
  const begun = left.map((is): LogChange => (its === undefined ? now(is) : { ...now(is), fold: its }))
  const repeated = [...base].flatMap(([line, before]): LogChange[] => {
    const after = head.get(line) ?? before
    if (after === before) return []
    const [was, is] = [times(before), times(after)]
    const fold = [wordsOf(line), was, is]
    const text = `the kernel logs '${shown(line)}' ${is}, was ${was}`
    return [{ line, was, is, fold, text, isMore: true }]
  })
  return [...changes, ...begun, ...repeated]
}

/** What it is now may be another line in each run. */
function noLonger(was: string): LogChange {
  const fold = [wordsOf(was), undefined]
  return { line: was, was, is: undefined, fold, text: `the kernel no longer logs '${shown(was)}'` }
}

function now(is: string): LogChange {
  const fold = [undefined, wordsOf(is)]
  return { line: is, was: undefined, is, fold, text: `the kernel now logs '${shown(is)}'` }
}

/**
 * Lines that have changed: the same words with other numbers, or under the name of another module, and those that
 * are the only ones.
 */
function pairedLines(
  gone: readonly string[],
  fresh: readonly string[],
): { readonly pairs: ReadonlyMap<string, string>; readonly kept: readonly LogChange['fold'][] } {
  const pairs = new Map<string, string>()
  const left = new Set(fresh)
  const pair = (isAlike: (was: string, is: string) => boolean) => {
    for (const was of gone) {
      const is = pairs.has(was) ? undefined : [...left].find(line => isAlike(was, line))
      if (is === undefined) continue
      pairs.set(was, is)
      left.delete(is)
    }
  }
  pair((was, is) => wordsOf(was) === wordsOf(is))
  pair((was, is) => prefixOf(was) !== '' && prefixOf(is) !== '' && unprefixed(was) === unprefixed(is))
  const open = gone.filter(line => !pairs.has(line))
  const [before, after] = [open, [...left]].map(all => new Set(all.map(wordsOf)))
  if (before?.size !== 1 || after?.size !== 1) return { pairs, kept: [] }
  pair((was, is) => numbersOf(was) === numbersOf(is))
  pair(() => true)
  return { pairs, kept: open.slice(0, 1).map(line => noLonger(line).fold) }
}

/** By line; none where a side does not know them. */
function levelsOf({ log = [], logLevels = [] }: RecordedTest): ReadonlyMap<string, string> {
  if (log.length !== logLevels.length) return new Map()
  const groups = Map.groupBy(log.keys(), at => log[at] ?? '')
  const named = (at: number) => logLevels[at] ?? 0
  return new Map(
    [...groups].map(([line, places]) => [
      line,
      [...new Set(places.map(named))].sort().map(levelName).join(' and '),
    ]),
  )
}

function levelChanges(base: ReadonlyMap<string, string>, head: ReadonlyMap<string, string>): LogChange[] {
  return [...base].flatMap(([line, was]): LogChange[] => {
    const is = head.get(line) ?? was
    if (is === was) return []
    const [about, fold] = [`level of ${line}`, ['level', wordsOf(line), was, is]]
    return [
      { line: about, was, is, fold, text: `the kernel logs '${shown(line)}' at level ${is}, was ${was}` },
    ]
  })
}

/** The name of a module before what it logs. */
export function prefixOf(line: string): string {
  return /^[\w-]+: /.exec(line)?.[0] ?? ''
}

function unprefixed(line: string): string {
  return line.slice(prefixOf(line).length)
}

function numbersOf(line: string): string {
  return (line.match(/\d+/g) ?? []).join()
}

/** Numbers may say which of many things it is about. */
export function wordsOf(line: string): string {
  return line.replace(/\d+/g, '…')
}

/** A line of which people read the beginning and the end. */
function shown(line: string): string {
  return line.length > 200 ? `${line.slice(0, 100)} ... ${line.slice(-40)} (${line.length} characters)` : line
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

function difference(file: string, test: string, { line, was, is, text, fold }: LogChange): Difference {
  return {
    ...{ test, isValue: false },
    // What comes by chance (printk_ratelimit) may come in another test.
    point: JSON.stringify([file, 'log', wordsOf(line)]),
    fold: JSON.stringify(['log', ...fold]),
    finding: {
      ...{ kind: 'log', where: 'while tests run', was, is, text, matters: true },
      show: `in ${test}`,
    },
  }
}
