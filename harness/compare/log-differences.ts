// SPDX-License-Identifier: MIT
/** What the kernel logs while tests run, on one side only, or more often. */
import type { Difference } from './difference.ts'
import { levelName } from './log-levels.ts'
import type { RecordedFile, RecordedTest } from './recorded.ts'

/** A line, and how often it comes. */
type Counted = ReadonlyMap<string, number>

/** Of tests that ask the same on both sides. */
export function logDifferences(base: RecordedFile, head: RecordedFile): Difference[] {
  const others = new Map(head.tests.map(test => [test.name, test]))
  return base.tests.flatMap(test => {
    const other = others.get(test.name)
    if (!test.log || !other?.log || !isAlike(test, other)) return []
    const place = `${base.file} > ${test.name}`
    const changes = [
      ...changesOf(counted(test.log), counted(other.log)),
      ...levelChanges(levelsOf(test), levelsOf(other)),
    ]
    return changes.map(change => difference(base.file, place, change))
  })
}

/** Whether they ask the same: a test that fails may end before it has. */
function isAlike(base: RecordedTest, head: RecordedTest): boolean {
  const asked = ({ said }: RecordedTest) =>
    JSON.stringify(said.map(({ exchanges }) => exchanges.map(({ key }) => key).sort()))
  return asked(base) === asked(head)
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
}

function changesOf(base: Counted, head: Counted): LogChange[] {
  const gone = [...base.keys()].filter(line => !head.has(line))
  const left = new Set([...head.keys()].filter(line => !base.has(line)))
  const changes = gone.map((was): LogChange => {
    // The same words with other numbers are one line that has changed, and so is the only one.
    const isOnly = gone.length === 1 && left.size === 1
    const is = [...left].find(line => isOnly || wordsOf(line) === wordsOf(was))
    if (is === undefined) return { line: was, was, is, text: `the kernel no longer logs '${shown(was)}'` }
    left.delete(is)
    return { line: was, was, is, text: `the kernel logs '${shown(is)}', was '${shown(was)}'` }
  })
  const fresh = [...left].map(
    (is): LogChange => ({ line: is, was: undefined, is, text: `the kernel now logs '${shown(is)}'` }),
  )
  const repeated = [...base].flatMap(([line, before]): LogChange[] => {
    const after = head.get(line) ?? before
    if (after === before) return []
    const [was, is] = [times(before), times(after)]
    return [{ line, was, is, text: `the kernel logs '${shown(line)}' ${is}, was ${was}` }]
  })
  return [...changes, ...fresh, ...repeated]
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
    return is === was
      ? []
      : [
          {
            line: `level of ${line}`,
            was,
            is,
            text: `the kernel logs '${shown(line)}' at level ${is}, was ${was}`,
          },
        ]
  })
}

/** Numbers may say which of many things it is about. */
function wordsOf(line: string): string {
  return line.replace(/\d+/g, '…')
}

/** A line of which people read the beginning and the end. */
function shown(line: string): string {
  return line.length > 200 ? `${line.slice(0, 100)} ... ${line.slice(-40)} (${line.length} characters)` : line
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

function difference(file: string, test: string, { line, was, is, text }: LogChange): Difference {
  return {
    ...{ test, isValue: false },
    // What comes by chance (printk_ratelimit) may come in another test.
    point: JSON.stringify([file, 'log', line]),
    fold: JSON.stringify(['log', wordsOf(text)]),
    finding: {
      ...{ kind: 'log', where: 'while tests run', was, is, text, matters: true },
      show: `in ${test}`,
    },
  }
}
