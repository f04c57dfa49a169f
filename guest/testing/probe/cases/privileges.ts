// SPDX-License-Identifier: MIT
/** Forgotten privileges: what some commands keep from anybody, and others do not. */
import { setTimeout } from 'node:timers/promises'
import { asUser, nobody } from '../../user.ts'
import { isTimeShort } from '../allowance.ts'
import type { Answer } from '../answer.ts'
import type { Operation } from '../family.ts'
import type { Life } from '../life.ts'
import { namesOf } from '../names.ts'
import type { Shape } from '../shape.ts'
import { TICKS } from '../state.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** Some of a family's changes need privileges, and one does not: it was forgotten. */
export async function changeUnprivileged(life: Life): Promise<void> {
  const { subject, explored, requester, state, faults } = life
  const { writers, removers } = explored
  const operations = [...writers.map(({ shape }) => shape), ...removers.map(({ shape }) => shape)].map(
    ({ operation }) => operation,
  )
  const open = operations.map(({ command }) => subject.commandWords(command)).join(', ')
  const closed = subject.commands.filter(({ privilege }) => privilege !== 'none').length
  const isOpenFamily = operations.every(({ privilege }) => privilege === 'none')
  // One of several was forgotten; where many are open, that is meant.
  if (operations.length > 0 && isOpenFamily && operations.length * 2 > closed)
    life.skip(`anybody may change what the family tells, by ${open}: is that meant?`)
  // What belongs to a socket may be open to that one alone: nobody has another one.
  using other = subject.open().withRoom()
  const sendAsNobody = async (operation: Operation, attributes: Buffer) =>
    await other.ask(operation, attributes, {}, bytes => asUser(nobody, () => other.socket.send(bytes)))
  for (const { shape, key, stored } of writers) {
    if (shape.operation.privilege !== 'none') continue
    const variant = nextVariant()
    await sendAsNobody(
      shape.operation,
      shape.attributes(type => (type === key ? FIRST : variant)),
    )
    const entries = await state.entries([FIRST, variant])
    const written = shape
      .telling(stored, FIRST, variant)
      .filter(type => type !== key && shape.isTold(entries, type, shape.payload(type, variant)))
    if (written.length > 0) faults.add(shape.words, [forgotten])
  }
  for (const remover of removers) {
    const { shape, adder } = remover
    if (shape.operation.privilege !== 'none') continue
    const variant = nextVariant()
    await requester.ask(adder.shape.operation, adder.shape.attributes(variant))
    const own = await namesOf(state, remover, variant)
    const count = await state.count(adder.dump)
    await sendAsNobody(shape.operation, shape.attributes(variant, own))
    if ((await state.count(adder.dump)) === count - 1) faults.add(shape.words, [forgotten])
  }
  const isKnown = ({ operation }: Shape) => operations.some(({ command }) => command === operation.command)
  const isReader = ({ operation }: Shape) =>
    explored.readers.some(each => each.operation.command === operation.command)
  const isOpen = ({ operation }: Shape) => operation.privilege === 'none'
  const others = [...explored.working.values()].filter(
    each => isOpen(each) && !isKnown(each) && !isReader(each),
  )
  if (others.length * 2 > closed) return
  for (const shape of others) {
    let changes = true
    for (let time = 0; changes && time < TIMES; time++)
      changes = await isChangedBy(life, shape, () => sendAsNobody(shape.operation, shape.attributes(FIRST)))
    if (changes) faults.add(shape.words, [forgotten])
  }
}

/**
 * Whether what is told of that which the others have made is something else afterwards, and was the same before. Who
 * gets an answer, or takes from what is there with each request, may use or count it: that is a change only if it makes
 * or removes an entry.
 */
async function isChangedBy(
  { subject, explored, requester, state }: Life,
  shape: Shape,
  send: () => Promise<Answer>,
): Promise<boolean> {
  if (isTimeShort()) return false
  await subject.reload()
  const isRemover = ({ operation }: Shape) =>
    explored.removers.some(each => each.shape.operation.command === operation.command)
  for (const each of explored.working.values())
    if (each !== shape && !isRemover(each)) await requester.ask(each.operation, each.attributes(FIRST))
  const tell = async () =>
    (await state.messages([FIRST])).map(({ payload }) => payload.toString('hex')).join(' ')
  const before = await tell()
  await setTimeout(TICKS)
  if (before !== (await tell())) return false
  const count = await state.count()
  const { replies } = await send()
  if (replies.length > 0) return count !== (await state.count())
  const after = await tell()
  if (before === after) return false
  const { code } = await send()
  const isUsed = code === undefined ? after !== (await tell()) : usedUp.has(code)
  return !isUsed || count !== (await state.count())
}

/** By which a request is refused that takes more than is left. */
const usedUp: ReadonlySet<string> = new Set(['EAGAIN', 'ENOSPC', 'EDQUOT', 'ENOBUFS', 'ENODATA'])

/** What changes by itself is not judged. */
const TIMES = 2

const forgotten =
  'anybody may do that, though other changes need CAP_NET_ADMIN: it lacks GENL_ADMIN_PERM, or GENL_UNS_ADMIN_PERM'
