// SPDX-License-Identifier: MIT
/** What the kernel logs while tests run, on one side only. */
import type { Difference } from './difference.ts'
import type { RecordedFile, RecordedTest } from './recorded.ts'

/** A line, and the first test that has it. */
type Lines = ReadonlyMap<string, string>

/**
 * Lines that tests of one side log and none of the other one: which of several tests logs a line first may
 * depend on the time (printk_ratelimit). Tests count that ask the same on both sides.
 */
export function logDifferences(base: RecordedFile, head: RecordedFile): Difference[] {
  const others = new Map(head.tests.map(test => [test.name, test]))
  const both = base.tests.flatMap(test => {
    const other = others.get(test.name)
    return test.log && other?.log && isAlike(test, other) ? [[test, other] as const] : []
  })
  const without = (tests: readonly RecordedTest[], all: readonly RecordedTest[]): Lines => {
    const known = new Set(all.flatMap(({ log = [] }) => log))
    const found = new Map<string, string>()
    for (const { name, log = [] } of tests)
      for (const line of log)
        if (!known.has(line) && !found.has(line)) found.set(line, `${base.file} > ${name}`)
    return found
  }
  const gone = without(
    both.map(([test]) => test),
    head.tests,
  )
  const come = without(
    both.map(([, test]) => test),
    base.tests,
  )
  return [...pairs(gone, come)].map(([was, is]) => difference(base.file, [was, is], gone, come))
}

/** Whether they ask the same, and end alike: a test that fails does less, or looks closer. */
function isAlike(base: RecordedTest, head: RecordedTest): boolean {
  if (base.state !== head.state) return false
  const asked = ({ said }: RecordedTest) =>
    JSON.stringify(said.map(({ exchanges }) => exchanges.map(({ key }) => key).sort()))
  return asked(base) === asked(head)
}

/** The same words with other numbers are one line that has changed. */
function* pairs(gone: Lines, come: Lines): Generator<[was: string | undefined, is: string | undefined]> {
  const words = (line: string) => line.replace(/\d+/g, '…')
  const left = new Set(come.keys())
  for (const was of gone.keys()) {
    const is = [...left].find(line => words(line) === words(was))
    if (is !== undefined) left.delete(is)
    yield [was, is]
  }
  for (const is of left) yield [undefined, is]
}

function difference(
  file: string,
  [was, is]: readonly [string | undefined, string | undefined],
  gone: Lines,
  come: Lines,
): Difference {
  const test = (is === undefined ? undefined : come.get(is)) ?? gone.get(was ?? '') ?? ''
  const [before, after] = [was, is].map(line => line && `'${line}'`)
  const text =
    before === undefined
      ? `the kernel now logs ${after}`
      : after === undefined
        ? `the kernel no longer logs ${before}`
        : `the kernel logs ${after}, was ${before}`
  return {
    ...{ test, isValue: false },
    // Of two runs of one side, too, another test may be the first to log a line.
    point: JSON.stringify([file, 'log', was ?? null, is ?? null]),
    fold: JSON.stringify(['log', was ?? null, is ?? null]),
    finding: {
      ...{ kind: 'log', where: 'while tests run', was, is, text, matters: true },
      show: `in ${test}`,
    },
  }
}
