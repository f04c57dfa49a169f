// SPDX-License-Identifier: MIT
/** Notifications of what is written: of the values that are there now, and of none that were refused. */
import { NLM_F_ACK } from '../../../netlink/index.ts'
import { wordsOf } from '../answer.ts'
import type { Writer } from '../found.ts'
import { told } from '../hearing.ts'
import type { Life } from '../life.ts'
import type { Requester } from '../subject.ts'
import { FIRST, nextVariant } from '../variants.ts'

export async function compareNotifications(life: Life): Promise<void> {
  const { subject, explored } = life
  using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
  for (const writer of explored.writers) await listen(life, writer, listener)
}

async function listen(life: Life, writer: Writer, listener: Requester): Promise<void> {
  const { subject, requester, faults } = life
  const { shape, key, stored } = writer
  const [earlier, now] = [nextVariant(), nextVariant()]
  const send = async (variant: number) => {
    const variantOf = (each: number) => (each === key ? FIRST : variant)
    const answer = await requester.ask(shape.operation, shape.attributes(variantOf))
    return { answer, heard: told(subject, listener, faults) }
  }
  await send(earlier)
  const { answer, heard } = await send(now)
  for (const type of stored.filter(each => each !== key)) {
    const [before, wanted] = [shape.payload(type, earlier), shape.payload(type, now)]
    if (answer.code !== undefined || before.equals(wanted)) continue
    if (shape.isTold(heard, type, before) && !shape.isTold(heard, type, wanted))
      faults.add(shape.words, [stale(type, wanted, before)])
  }
  await changeOne(life, writer, listener, now)
  // The same again with other values, which may be refused for its key.
  for (const fixed of shape.types) {
    const variant = nextVariant()
    const variantOf = (each: number) => (each === fixed ? now : variant)
    const refused = await requester.ask(shape.operation, shape.attributes(variantOf), { flags: NLM_F_ACK })
    const notified = told(subject, listener, faults)
    if (refused.code === undefined) continue
    const leaked = shape
      .distinct(now, variant)
      .filter(type => type !== fixed && shape.isTold(notified, type, shape.payload(type, variant)))
    if (leaked.length > 0)
      faults.add(shape.words, [
        `refused with ${wordsOf(refused)}, and yet a group is told its attribute ${leaked.join(', ')}`,
      ])
  }
}

/** Changes one value of what is there alone, for an entry may be named by several of its values. */
async function changeOne(
  { subject, requester, state, faults }: Life,
  { shape, key, stored }: Writer,
  listener: Requester,
  now: number,
): Promise<void> {
  for (const type of stored.filter(each => each !== key)) {
    const variant = nextVariant()
    const [before, wanted] = [shape.payload(type, now), shape.payload(type, variant)]
    if (before.equals(wanted)) continue
    const variantOf = (each: number) => (each === key ? FIRST : each === type ? variant : now)
    const { code } = await requester.ask(shape.operation, shape.attributes(variantOf))
    const heard = told(subject, listener, faults)
    if (code !== undefined || !shape.isTold(heard, type, before)) continue
    if (shape.isTold(heard, type, wanted)) continue
    // Some requests leave what is there as it is.
    if (shape.isTold(await state.entries([FIRST, now]), type, wanted))
      faults.add(shape.words, [stale(type, wanted, before)])
  }
}

function stale(type: number, wanted: Buffer, before: Buffer): string {
  return `attribute ${type} is ${hex(wanted)} now, and the notification still tells ${hex(before)}`
}

function hex(bytes: Buffer): string {
  return bytes.length > 40
    ? `${bytes.subarray(0, 40).toString('hex')}... (${bytes.length} bytes)`
    : bytes.toString('hex') || 'nothing'
}
