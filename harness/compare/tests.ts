// SPDX-License-Identifier: MIT
/** How two runs of a test file differ. */
import { conversationDifferences, type SaidDifference } from './behaviour.ts'
import type { Difference } from './difference.ts'
import { type FindingKind, isOfNlctrl } from './finding.ts'
import { withoutFirstLoad } from './first-load.ts'
import { logDifferences } from './log-differences.ts'
import type { NormalConversation, RecordedFailure, RecordedFile, RecordedTest } from './recorded.ts'

export function fileDifferences(base: RecordedFile, head: RecordedFile): Difference[] {
  const others = new Map(head.tests.map(test => [test.name, test]))
  const names = new Set(base.tests.map(({ name }) => name))
  const { file } = base
  return [
    ...base.tests.flatMap(test => {
      const other = others.get(test.name)
      return other ? testDifferences(file, test, other) : gone(file, test)
    }),
    ...head.tests.filter(({ name }) => !names.has(name)).flatMap(test => come(file, test)),
    ...logDifferences(base, head),
  ]
}

/** What only one side has is told by its tests. */
export function fileGone({ file, tests }: RecordedFile): Difference[] {
  return tests.flatMap(test => gone(file, test))
}

/** As {@link fileGone}. */
export function fileCome({ file, tests }: RecordedFile): Difference[] {
  return tests.flatMap(test => come(file, test))
}

function placeOf(file: string, { name }: RecordedTest): string {
  return name === '' ? file : `${file} > ${name}`
}

function gone(file: string, test: RecordedTest): Difference[] {
  // Outside of tests nothing has to happen.
  return test.name === ''
    ? []
    : [difference('test', placeOf(file, test), test.state, undefined, { matters: true })]
}

function come(file: string, test: RecordedTest): Difference[] {
  if (test.name === '' && test.state !== 'failed') return []
  const place = placeOf(file, test)
  const failures = newFailures(place, [], test.failures)
  return [
    difference('test', place, undefined, test.state, { matters: test.state === 'failed' }),
    ...failures.filter(({ finding }) => finding.kind !== 'test'),
  ]
}

function testDifferences(file: string, base: RecordedTest, head: RecordedTest): Difference[] {
  const place = placeOf(file, base)
  const failures = newFailures(place, base.failures, head.failures)
  return [
    ...(base.state === head.state
      ? failures
      : [stateChange(place, base, head), ...failures.filter(notOfTest)]),
    ...saidDifferences(base, head, place),
  ]
}

function saidDifferences(base: RecordedTest, head: RecordedTest, place: string): Difference[] {
  const all = base.said.flatMap((said, at) => conversationDifferences(said, head.said[at] ?? silence, place))
  if (base.state === head.state) return all
  // Which of two sides has read less, because it failed, is no behaviour of the module, unless it is all there is.
  const side = head.state === 'passed' ? 'base' : 'head'
  const [failed, other] = side === 'head' ? [head, base] : [base, head]
  const awaited = failed.said.flatMap(each => each.awaited ?? [])
  const isMore = ({ less }: SaidDifference) => less !== side
  const more = all.filter(isMore)
  const isUnread = awaited.length === 0 && logsOtherwise(failed, other)
  const isExplained = more.some(({ finding }) => !isOfNlctrl(finding))
  if (isExplained || isUnread) return more
  // What it waited for in vain is what has failed it.
  const isAwaited = ({ sockets }: SaidDifference) => awaited.includes(sockets[side])
  if (all.some(isAwaited)) return all.filter(each => isMore(each) || isAwaited(each))
  const unread = unreadBy(failed, other)
  const otherSide = side === 'head' ? 'base' : 'head'
  return all.filter(each => isMore(each) || !unread.has(each.sockets[otherSide]))
}

/** The sockets that the other test, which has not failed, used again, or for the first time, after what both did. */
function unreadBy(failed: RecordedTest, other: RecordedTest): ReadonlySet<string> {
  const later = other.said.flatMap(({ turns = [] }, at) => {
    const own = failed.said[at]?.turns
    // The last one may have been found to have less.
    const last = own?.at(-1)
    return own === undefined ? [] : turns.slice(own.length).filter(socket => socket !== last)
  })
  return new Set(later)
}

/** Whether the log has another line, and does not only end earlier. */
function logsOtherwise(failed: RecordedTest, other: RecordedTest): boolean {
  const [{ log: own = [] }, { log }] = [failed, other].map(withoutFirstLoad) as [RecordedTest, RecordedTest]
  return log !== undefined && own.some((line, at) => line !== log[at])
}

/** What a failure says beside the line that tells it. */
function linesBelow({ text, message }: Pick<RecordedFailure, 'text' | 'message'>): string {
  return message.trim() === text ? '' : message
}

const silence: NormalConversation = { exchanges: [], missed: 0 }

function notOfTest({ finding }: Difference): boolean {
  return finding.kind !== 'test'
}

function stateChange(place: string, base: RecordedTest, head: RecordedTest): Difference {
  const [failure] = head.failures
  const why = head.state === 'failed' && failure ? `: ${failure.text}` : ''
  return difference('test', place, base.state, `${head.state}${why}`, {
    // That it is mended breaks nothing.
    matters: head.state !== 'passed',
    // What the kernel reports is a finding of its own.
    ...(failure?.kind === 'test' && head.state === 'failed' ? { show: linesBelow(failure) } : {}),
    // A race may say something else each time.
    change: `${base.state} became ${head.state}`,
  })
}

function newFailures(
  place: string,
  base: readonly RecordedFailure[],
  head: readonly RecordedFailure[],
): Difference[] {
  const without = (all: readonly RecordedFailure[], others: readonly RecordedFailure[]) =>
    all.filter(({ kind, text }) => !others.some(each => each.kind === kind && each.text === text))
  const [ended, begun] = [without(base, head), without(head, base)]
  return [
    ...begun.map(({ kind, text, message }) => {
      const was = ended.find(each => each.kind === kind)?.text
      return difference(kind, place, was, text, {
        ...{ matters: true, show: linesBelow({ text, message }) },
        // What kills a kernel may be something else each time.
        ...(kind === 'loss' ? { change: was === undefined ? 'come' : 'another' } : {}),
      })
    }),
    ...ended
      .filter(({ kind }) => !begun.some(each => each.kind === kind))
      .map(({ kind, text }) => difference(kind, place, text, undefined, { matters: false })),
  ]
}

function difference(
  kind: FindingKind,
  where: string,
  was: string | undefined,
  is: string | undefined,
  more: {
    readonly matters: boolean
    readonly show?: string
    /** What is the same in each run, where words may not be. */
    readonly change?: string
  },
): Difference {
  const { show = '', change } = more
  return {
    ...{ test: where, isValue: false },
    point: JSON.stringify([where, kind]),
    fold: JSON.stringify([kind, where, ...(change === undefined ? [was, is] : [change])]),
    finding: { kind, where, was, is, matters: more.matters, ...(show === '' ? {} : { show }) },
  }
}
