// SPDX-License-Identifier: MIT
/** Events by themselves, of families that tell groups what was asked for, whether they keep it or not. */
import { NetworkNamespace } from '../../namespaces.ts'
import { isTimeShort } from '../allowance.ts'
import { askFamily } from '../family.ts'
import { isToldSoon, told } from '../hearing.ts'
import { type Life, supply } from '../life.ts'
import type { Shape, Told } from '../shape.ts'
import type { Requester } from '../subject.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** What changes by itself is not judged. */
const TIMES = 2

export async function tellEvents(life: Life): Promise<void> {
  const { subject, explored } = life
  const groups = [...subject.family.groups.values()]
  if (groups.length === 0) return
  using listener = subject.open({ memberships: groups }).withRoom()
  const telling: Shape[] = []
  for (const shape of explored.working.values())
    if (!isTimeShort() && (await isHeard(life, life.requester, shape, listener))) telling.push(shape)
  for (const { shape, key } of explored.growers) {
    await supply(life)
    const variant = nextVariant()
    const attributes = shape.attributes(type => (type === key ? FIRST : variant))
    await life.requester.ask(shape.operation, attributes)
    told(subject, listener, life.faults)
  }
  await tellElsewhere(life, telling, listener)
}

/** Whether something is told of a request. */
async function isHeard(
  { subject, faults }: Life,
  requester: Requester,
  shape: Shape,
  listener: Requester,
): Promise<boolean> {
  told(subject, listener, faults)
  const { code } = await requester.ask(shape.operation, shape.attributes(FIRST))
  return code === undefined && (await isToldSoon(subject, listener, faults, entries => entries.length > 0))
}

/**
 * Where each network namespace has what is its own, as is said by GENL_UNS_ADMIN_PERM, the one that asks is told,
 * and not only another one.
 */
async function tellElsewhere(life: Life, telling: readonly Shape[], listener: Requester): Promise<void> {
  const { subject, faults } = life
  if (subject.commands.every(({ privilege }) => privilege !== 'namespace admin')) return
  using elsewhere = new NetworkNamespace()
  const isThere = await askFamily(subject.name, { namespace: elsewhere.fd }).then(
    () => true,
    () => false,
  )
  if (!isThere) return
  const memberships = [...subject.family.groups.values()]
  using requester = subject.open({ namespace: elsewhere.fd }).withRoom()
  using there = subject.open({ namespace: elsewhere.fd, memberships }).withRoom()
  const any = (entries: readonly Told[]) => entries.length > 0
  for (const shape of telling) {
    let isWrong = true
    for (let time = 0; isWrong && time < TIMES && !isTimeShort(); time++) {
      // What comes by itself, or of earlier requests, is over.
      if (await isToldSoon(subject, listener, faults, any)) return
      const isHere = await isHeard(life, requester, shape, listener)
      isWrong = isHere && !any(told(subject, there, faults))
    }
    if (isWrong && !isTimeShort())
      faults.add(shape.words, [
        'what is asked in one network namespace is told in another one, and not there',
      ])
  }
}
