// SPDX-License-Identifier: MIT
/**
 * Complete requests with the flags that each family gives a meaning of its own: no rule says what they do, but every
 * answer is one, and two versions of a module can be compared in it.
 */
import {
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  NLM_F_REPLACE,
} from '../../../netlink/index.ts'
import { drain } from '../../exchange.ts'
import { isTimeShort } from '../allowance.ts'
import type { Life } from '../life.ts'
import { Shape } from '../shape.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** NLM_F_REPLACE and NLM_F_EXCL together are NLM_F_DUMP. */
const COMBINATIONS = [
  ...[NLM_F_EXCL, NLM_F_REPLACE, NLM_F_CREATE, NLM_F_APPEND],
  ...[NLM_F_CREATE | NLM_F_EXCL, NLM_F_CREATE | NLM_F_REPLACE, NLM_F_CREATE | NLM_F_APPEND],
]

/** Of what is there, and of what is new. */
export async function askWithFlags({ subject, explored, requester, faults }: Life): Promise<void> {
  using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
  for (const operation of subject.commands) {
    const shape = explored.working.get(operation.command) ?? Shape.all(subject, operation)[0]
    if (shape === undefined) continue
    const usual = subject.creation(operation)
    const kinds = [
      ...COMBINATIONS.map(creation => ({ creation, flags: 0 })),
      { creation: usual, flags: NLM_F_ECHO },
    ]
    for (const isNew of [false, true])
      for (const { creation, flags } of kinds) {
        if (isTimeShort()) return
        for (const writer of explored.writers)
          await requester.ask(writer.shape.operation, writer.shape.attributes(FIRST))
        const attributes = shape.attributes(isNew ? nextVariant() : FIRST)
        const answer = await requester.ask(operation, attributes, { flags: NLM_F_ACK | flags, creation })
        faults.add(shape.words, answer.faults)
        drain(listener.socket)
      }
  }
}
