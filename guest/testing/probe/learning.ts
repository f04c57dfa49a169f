// SPDX-License-Identifier: MIT
/**
 * Values that only the kernel knows, as the path of a root or the number of what was made: a command that takes
 * nothing else is tried with those that answers and dumps have told.
 */
import { isTimeShort } from './allowance.ts'
import type { Answer } from './answer.ts'
import type { Operation } from './family.ts'
import { Shape } from './shape.ts'
import type { Requester, Subject } from './subject.ts'
import { FIRST } from './variants.ts'

/**
 * Tries a command that nobody got to succeed, and notes the value with which it does.
 * @returns the request, and its answer: what it names may be gone soon
 */
export async function tryLearned(
  subject: Subject,
  requester: Requester,
  operation: Operation,
): Promise<{ readonly shape: Shape; readonly answer: Answer } | undefined> {
  for (const dump of subject.dumps) await requester.ask(dump)
  const shapes = Shape.all(subject, operation)
  const [whole] = shapes
  // The youngest first: what was there from the beginning can do less.
  for (const type of whole?.types ?? [])
    for (const payload of subject.toldValues(type).toReversed()) {
      if (isTimeShort()) return undefined
      for (const shape of shapes.filter(({ types }) => types.includes(type))) {
        const attributes = shape.attributes(FIRST, new Map([[type, payload]]))
        const answer = await requester.ask(operation, attributes)
        if (answer.code !== undefined) continue
        subject.noteLearned(operation, type, payload)
        return { shape, answer }
      }
    }
  return undefined
}
