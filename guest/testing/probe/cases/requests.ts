// SPDX-License-Identifier: MIT
/** Requests of good attributes: all of them, each left out, each alone, and the same again. */
import { it } from 'vitest'
import { wordsOf } from '../answer.ts'
import type { Operation } from '../family.ts'
import { Faults } from '../faults.ts'
import { Shape } from '../shape.ts'
import type { Subject } from '../subject.ts'
import { type RequestTrial, tryAll } from '../trial.ts'

export function requests(subject: Subject, operation: Operation): void {
  it('good attributes: all, each left out, each alone', async () => {
    await tryAll(subject, operation, goodTrials(subject, operation))
  })

  it('what is refused is refused again, in the same way', async () => {
    using requester = subject.open()
    const faults = new Faults('repeated', subject.told)
    for (const { what, attributes } of goodTrials(subject, operation)) {
      const first = await requester.ask(operation, attributes)
      if (first.code === undefined) continue
      const second = await requester.ask(operation, attributes)
      if (second.code !== first.code) faults.add(what, [`first ${wordsOf(first)}, then ${wordsOf(second)}`])
    }
    faults.end()
  })
}

/** Requests that policies let through, some of which a module must refuse. */
export function goodTrials(subject: Subject, operation: Operation, variant = 0): RequestTrial[] {
  return Shape.all(subject, operation).map(shape => ({
    what: shape.words,
    attributes: shape.attributes(variant),
  }))
}
