// SPDX-License-Identifier: MIT
/** Forgotten privileges: what some commands keep from anybody, and others do not. */
import { drain } from '../../exchange.ts'
import { asUser, nobody } from '../../user.ts'
import type { Operation } from '../family.ts'
import type { Life } from '../life.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** Some of a family's changes need privileges, and one does not: it was forgotten. */
export async function changeUnprivileged(life: Life): Promise<void> {
  const { subject, explored, requester, state, faults } = life
  const { writers, removers } = explored
  const operations = [...writers.map(({ shape }) => shape), ...removers.map(({ shape }) => shape)].map(
    ({ operation }) => operation,
  )
  const open = operations.map(({ command }) => subject.commandWords(command)).join(', ')
  if (operations.length > 0 && operations.every(({ privilege }) => privilege === 'none'))
    life.skip(`anybody may change what the family tells, by ${open}: is that meant?`)
  const sendAsNobody = async (operation: Operation, attributes: Buffer) => {
    const sequence = requester.socket.nextSequence()
    const request = subject.encode(operation, attributes, { sequence })
    asUser(nobody, () => requester.socket.send(request))
    drain(requester.socket)
  }
  for (const { shape, key, stored } of writers) {
    if (shape.operation.privilege !== 'none') continue
    const variant = nextVariant()
    await sendAsNobody(
      shape.operation,
      shape.attributes(type => (type === key ? FIRST : variant)),
    )
    const entries = await state.entries([FIRST, variant])
    const written = stored.filter(
      type => type !== key && shape.isTold(entries, type, shape.payload(type, variant)),
    )
    if (written.length > 0) faults.add(shape.words, [forgotten])
  }
  for (const { shape, adder } of removers) {
    if (shape.operation.privilege !== 'none') continue
    const variant = nextVariant()
    await requester.ask(adder.shape.operation, adder.shape.attributes(variant))
    const count = await state.count()
    await sendAsNobody(shape.operation, shape.attributes(variant))
    if ((await state.count()) === count - 1) faults.add(shape.words, [forgotten])
  }
}

const forgotten =
  'anybody may do that, though other changes need CAP_NET_ADMIN: it lacks GENL_ADMIN_PERM, or GENL_UNS_ADMIN_PERM'
