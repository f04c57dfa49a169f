// SPDX-License-Identifier: MIT
/** Requests of good attributes: all of them, each left out, each alone, and the same again. */
import { it } from 'vitest'
import { isTimeShort } from '../allowance.ts'
import { type Answer, isMinusOne, isPassing, wordsOf } from '../answer.ts'
import type { Operation } from '../family.ts'
import { Faults } from '../faults.ts'
import { variations } from '../nests.ts'
import { Shape } from '../shape.ts'
import type { Subject } from '../subject.ts'
import { type RequestTrial, tryAll } from '../trial.ts'

export function requests(subject: Subject, operation: Operation): void {
  /** What has to come before it. */
  const prepare = async () => {
    using requester = subject.open()
    for (const earlier of subject.before(operation)) {
      const [whole] = Shape.all(subject, earlier)
      if (whole) await requester.ask(earlier, whole.attributes(0))
    }
  }

  it('good attributes: all, each left out, each alone', async () => {
    await prepare()
    let whole: Answer | undefined
    await tryAll(subject, operation, goodTrials(subject, operation), answer => {
      whole ??= answer
      const isWrong = isMinusOne(answer) && reaches(whole)
      return [...subject.unexpected(operation, answer), ...(isWrong ? [minusOne] : [])]
    })
  })

  it('complete requests with one attribute at its limits and beyond', async () => {
    await prepare()
    const [whole] = Shape.all(subject, operation)
    if (whole === undefined || whole.types.length === 0) return
    const making = { policies: subject.family.policies, variant: 0 }
    const trials = whole.types.flatMap(type =>
      variations(type, whole.policyOf(type), making).map(({ what, payload }) => ({
        what: `attribute ${type}: ${what}`,
        attributes: whole.attributes(0, new Map([[type, payload]])),
      })),
    )
    await tryAll(subject, operation, trials)
  })

  it('what is refused is refused again, in the same way', async () => {
    await prepare()
    using requester = subject.open()
    const faults = new Faults('repeated', subject.told)
    for (const { what, attributes } of goodTrials(subject, operation)) {
      if (isTimeShort()) break
      const first = await requester.ask(operation, attributes)
      if (first.code === undefined || isPassing(first.code)) continue
      const second = await requester.ask(operation, attributes)
      if (second.code !== first.code && !isPassing(second.code))
        faults.add(what, [`first ${wordsOf(first)}, then ${wordsOf(second)}`])
    }
    faults.end()
  })
}

const minusOne =
  'EPERM for a missing attribute, to one who has all privileges and may do the same with it: does it return -1?'

/** Whether a complete request got as far as to look for what it is about. */
function reaches({ code }: Answer): boolean {
  return code === undefined || ['ENOENT', 'ENODEV', 'EEXIST'].includes(code)
}

/** Requests that policies let through, some of which a module must refuse. */
export function goodTrials(subject: Subject, operation: Operation, variant = 0): RequestTrial[] {
  return Shape.all(subject, operation).map(shape => ({
    what: shape.words,
    attributes: shape.attributes(variant),
  }))
}
