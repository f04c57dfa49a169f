// SPDX-License-Identifier: MIT
/** Requests that are answered by something else: which of these changes are one. */
import { type Finding, isOfMany, messageOf } from './finding.ts'

/** Messages of a list that are looked at. */
const MOST = 5000

const acknowledgement = 'acknowledgement'

/** A change of answers. */
interface Outcome {
  readonly was: readonly string[]
  readonly is: readonly string[]
}

/** What was and is answered, message by message; undefined for what is no such change. */
function outcomeOf({ kind, where, was = '', is = '', text = '' }: Finding): Outcome | undefined {
  const isOutcome =
    text === `${where}: ${was} became ${is}` ||
    text === `${where}: no answer, was ${was}` ||
    text === `${where}: is answered by ${is}, was not answered`
  if (kind !== 'behaviour' || !isOutcome) return undefined
  const [before, after] = [was, is].map(messagesIn)
  return before && after && { was: before, is: after }
}

function messagesIn(summary: string): string[] | undefined {
  const runs = summary.split(', ').map(each => /^(?:(\d+) x )?(.*)$/s.exec(each) ?? [])
  const total = runs.reduce((sum, [, count = '1']) => sum + Number(count), 0)
  if (summary === '' || total > MOST) return summary === '' ? [] : undefined
  return runs.flatMap(([, count = '1', what = '']) => Array<string>(Number(count)).fill(what))
}

/** A change of answers without the names of operations, and without acknowledgements beside what they ask for. */
export function anyOutcome(change: string, where: string): string {
  const [was, is, ...more] = change.replace(/^: /, '').split(' became ')
  if (was === undefined || is === undefined || more.length > 0) return change
  const own = messageOf(where)
  const [before, after] = [was, is].map(list => {
    const all = list
      .split(', ')
      .map(each => (each.replace(/^\d+ x /, '') === own ? each.replace(own, 'its own') : each))
    return { all, others: all.filter(each => each !== acknowledgement) }
  })
  if (!before || !after) return change
  const [shorter, its] = [before.others.join(), after.others.join()]
  const isSame = shorter === '' || its === '' || shorter === its
  return isSame ? `: ${before.all.join()} became ${after.all.join()}` : `: ${shorter} became ${its}`
}

/** The change of single requests from which that of a datagram of many follows. */
export function causeOfMany(finding: Finding, all: readonly Finding[]): Finding | undefined {
  if (!isOfMany(finding) || finding.follows) return undefined
  const outcome = outcomeOf(finding)
  if (!outcome) return undefined
  const names = finding.where.replace(/^\d+ requests: /, '').split(', ')
  const isAmong = ({ where }: Finding) => names.includes(where) || /^\d+ others$/.test(names.at(-1) ?? '')
  return all.find(each => {
    if (isOfMany(each) || each.follows || each.kernel !== finding.kernel || !isAmong(each)) return false
    const single = outcomeOf(each)
    return single !== undefined && isMadeOf(outcome, variantsOf(single))
  })
}

/** With and without acknowledgements, which not every request asks for. */
function variantsOf({ was, is }: Outcome): Outcome[] {
  const lists = (all: readonly string[]) => [all, all.filter(each => each !== acknowledgement)]
  return lists(was).flatMap(before => lists(is).map(after => ({ was: before, is: after })))
}

/** Whether one list becomes the other one where some of its parts change so, and nothing else does. */
function isMadeOf({ was, is }: Outcome, changes: readonly Outcome[]): boolean {
  const isAt = (all: readonly string[], at: number, part: readonly string[]) =>
    part.every((each, index) => each === all[at + index])
  // Places in both lists that can be reached.
  const reached = new Set(['0 0'])
  for (const place of reached) {
    const [at = 0, other = 0] = place.split(' ').map(Number)
    if (at === was.length && other === is.length) return true
    if (reached.size > MOST) return false
    if (at < was.length && was[at] === is[other]) reached.add(`${at + 1} ${other + 1}`)
    for (const change of changes)
      if (isAt(was, at, change.was) && isAt(is, other, change.is))
        reached.add(`${at + change.was.length} ${other + change.is.length}`)
  }
  return false
}
