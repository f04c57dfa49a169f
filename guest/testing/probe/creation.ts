// SPDX-License-Identifier: MIT
/**
 * Commands that make nothing without NLM_F_CREATE, as routes and sets have it, and change nothing without
 * NLM_F_REPLACE: nlctrl does not tell of them, so they are tried.
 */
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/index.ts'
import type { Operation } from './family.ts'
import { Shape } from './shape.ts'
import type { Requester, Subject } from './subject.ts'
import { FIRST } from './variants.ts'

/** Of requests that succeed with them alone. */
const MAKES = NLM_F_CREATE
const MAKES_OR_CHANGES = NLM_F_CREATE | NLM_F_REPLACE
/** Of requests that are refused where something is there. */
const MAKES_ONLY = NLM_F_CREATE | NLM_F_EXCL

/** Tries a command that has not succeeded, and notes the flags with which it does. */
export async function tryCreation(
  subject: Subject,
  requester: Requester,
  operation: Operation,
): Promise<void> {
  const succeeds = async (shape: Shape, creation: number) =>
    (await requester.ask(operation, shape.attributes(FIRST), { flags: NLM_F_ACK, creation })).code ===
    undefined
  for (const shape of Shape.all(subject, operation)) {
    if ((await succeeds(shape, 0)) || !(await succeeds(shape, MAKES))) continue
    // What is there now is only changed with the other flag.
    const isKept = !(await succeeds(shape, MAKES)) && (await succeeds(shape, MAKES_OR_CHANGES))
    subject.noteCreation(operation, isKept ? MAKES_OR_CHANGES : MAKES)
    return
  }
}

/** The flags that are worth a try beside each other: the first ones are those that succeed. */
export function creations(subject: Subject, operation: Operation): number[] {
  const noted = subject.creation(operation)
  return noted === 0 ? [0] : [...new Set([noted, MAKES, MAKES_ONLY, 0])]
}
