// SPDX-License-Identifier: MIT
/** What is made in another network namespace is told, dumped and got there, and only there, or everywhere. */
import { NetworkNamespace } from '../../namespaces.ts'
import { isTimeShort } from '../allowance.ts'
import { askFamily } from '../family.ts'
import type { Explored, Remover, Writer } from '../found.ts'
import { isToldSoon, told } from '../hearing.ts'
import type { Life } from '../life.ts'
import { entryOf, namesOf } from '../names.ts'
import { lineOf, type Shape, type Told } from '../shape.ts'
import { State } from '../state.ts'
import type { Requester } from '../subject.ts'
import { FIRST, nextVariant } from '../variants.ts'

export async function changeElsewhere(life: Life): Promise<void> {
  using elsewhere = new NetworkNamespace()
  const isThere = await askFamily(life.subject.name, { namespace: elsewhere.fd }).then(
    () => true,
    () => false,
  )
  if (!isThere) return
  for (const writer of life.explored.writers) await change(life, writer, elsewhere)
  for (const writer of life.explored.writers.filter(({ adds }) => adds))
    await getElsewhere(life, writer, elsewhere)
  for (const remover of life.explored.removers) await removeElsewhere(life, remover, elsewhere)
  await changeThere(life, elsewhere)
}

/** Times that it must be so: what changes by itself, now and then, is not judged. */
const TIMES = 3

/** Where a command changes what the own network namespace tells and nothing in others, so do the others. */
async function changeThere(life: Life, elsewhere: NetworkNamespace): Promise<void> {
  const { subject, requester, explored, state, faults } = life
  using other = subject.open({ namespace: elsewhere.fd }).withRoom()
  const there = new State(subject, other, faults, () => explored)
  const asking = [...explored.working.values()].filter(shape => !explored.readers.includes(shape))
  const ask = async (who: Requester, shape: Shape) =>
    (await who.ask(shape.operation, shape.attributes(FIRST))).code
  const linesOf = async (where: State) => (await where.entries([FIRST])).map(lineOf).join(' ')
  /** Where it has changed something; undefined if that may have come by itself. */
  const changed = async (shape: Shape): Promise<'here' | 'there' | undefined> => {
    for (const each of asking)
      for (const who of each === shape ? [] : [requester, other]) await ask(who, each)
    const before = [await linesOf(state), await linesOf(there)]
    const still = [await linesOf(state), await linesOf(there)]
    if (before.join() !== still.join() || (await ask(other, shape)) !== undefined) return undefined
    const [isHere, isThere] = [(await linesOf(state)) !== before[0], (await linesOf(there)) !== before[1]]
    if (isHere === isThere) return undefined
    return isHere ? 'here' : 'there'
  }
  let isApart = false
  const suspects: Shape[] = []
  for (const shape of asking) {
    const where = new Set<'here' | 'there' | undefined>()
    for (let time = 0; time < TIMES && !where.has(undefined) && where.size < 2; time++) {
      if (isTimeShort()) return
      where.add(await changed(shape))
    }
    if (where.size > 1 || where.has(undefined)) continue
    if (where.has('here')) suspects.push(shape)
    else isApart = true
  }
  for (const { words } of isApart ? suspects : [])
    faults.add(words, [
      'asked in another network namespace it changes what is told in the first one, and nothing there, unlike others',
    ])
}

/** What one namespace changes, others see or do not; who may change it, and who is told, must fit to that. */
async function change(
  life: Life,
  { shape, key, stored }: Writer,
  elsewhere: NetworkNamespace,
): Promise<void> {
  const { subject, explored, state, faults } = life
  using requester = subject.open({ namespace: elsewhere.fd }).withRoom()
  using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
  const there = new State(subject, requester, faults, () => explored)
  const variant = nextVariant()
  await requester.ask(shape.operation, shape.attributes(FIRST))
  const before = told(subject, listener, faults)
  const answer = await requester.ask(
    shape.operation,
    shape.attributes(type => (type === key ? FIRST : variant)),
  )
  const heard = told(subject, listener, faults)
  const types = shape.telling(
    stored.filter(type => type !== key),
    FIRST,
    variant,
  )
  const tells = (entries: readonly Told[]) =>
    types.some(type => shape.isTold(entries, type, shape.payload(type, variant)))
  const ofFirst = (entries: readonly Told[]) =>
    types.some(type => shape.isTold(entries, type, shape.payload(type, FIRST)))
  const isMade = key === undefined && answer.code === undefined
  // One dump may tell there what another one does not.
  for (const dump of isMade ? explored.dumps : [])
    if (ofFirst(await state.dumped(dump)) && !tells(await there.dumped(dump)))
      faults.add(shape.words, [
        'what it makes is dumped in the first network namespace, and not in another one, where it was made',
      ])
  if (!tells(await there.entry([FIRST, variant])) || tells(before)) return
  const isShared = tells(await state.entry([FIRST, variant]))
  if (isShared && shape.operation.privilege === 'namespace admin')
    faults.add(shape.words, [
      'all network namespaces share what it changes, and yet by GENL_UNS_ADMIN_PERM it is open to the users of any',
    ])
  if (isShared) return
  const misled = 'what it changes in one network namespace is told in another one'
  if (tells(heard)) faults.add(shape.words, [misled])
  // Others may tell of it, and later.
  for (const other of explored.working.values()) {
    await requester.ask(shape.operation, shape.attributes(variant))
    await requester.ask(other.operation, other.attributes(variant))
  }
  if (await isToldSoon(subject, listener, faults, tells))
    faults.add('a notification', [`after ${shape.words}: ${misled}`])
}

/** Where dumps tell each network namespace its own, so do lookups. */
async function getElsewhere(
  { subject, requester, explored, state, faults }: Life,
  { shape, stored, key, dump }: Writer,
  elsewhere: NetworkNamespace,
): Promise<void> {
  using other = subject.open({ namespace: elsewhere.fd }).withRoom()
  const there = new State(subject, other, faults, () => explored)
  const [here, variant] = [nextVariant(), nextVariant()]
  await requester.ask(
    shape.operation,
    shape.attributes(type => (type === key ? FIRST : here)),
  )
  await other.ask(
    shape.operation,
    shape.attributes(type => (type === key ? FIRST : variant)),
  )
  const tellsOf = (each: number) => (entries: readonly Told[]) =>
    stored.every(type => shape.isTold(entries, type, shape.payload(type, each)))
  const [ofHere, ofThere] = [tellsOf(here), tellsOf(variant)]
  const [dumpedHere, dumpedThere] = [await state.dumped(dump), await there.dumped(dump)]
  if (!ofHere(dumpedHere) || ofThere(dumpedHere) || !ofThere(dumpedThere) || ofHere(dumpedThere)) return
  if (ofHere(await there.looked([here])))
    faults.add(wordsOfReaders(explored), [
      'it gets what was made in the first network namespace in another one, where it is not dumped',
    ])
  if (ofHere(await state.looked([here])) && !ofThere(await there.looked([variant])))
    faults.add(wordsOfReaders(explored), [
      'it does not get what was made in another network namespace than the first one, and is dumped there',
    ])
}

/** Where dumps tell each network namespace its own, what is removed in one goes there. */
async function removeElsewhere(
  { subject, requester, explored, state, faults }: Life,
  remover: Remover,
  elsewhere: NetworkNamespace,
): Promise<void> {
  const { shape, adder } = remover
  using other = subject.open({ namespace: elsewhere.fd }).withRoom()
  const there = new State(subject, other, faults, () => explored)
  // The same one in both: it may be named by what has few values.
  const variant = nextVariant()
  const add = adder.shape.attributes(variant)
  await requester.ask(adder.shape.operation, add)
  const isIn = async (where: State) => entryOf(adder, await where.dumped(adder.dump), variant) !== undefined
  if (!(await isIn(state)) || (await isIn(there))) return
  await other.ask(adder.shape.operation, add)
  if (!(await isIn(there))) return
  const own = await namesOf(there, remover, variant)
  const { code } = await other.ask(shape.operation, shape.attributes(variant, own))
  if (code === undefined && (await isIn(there)) && !(await isIn(state)))
    faults.add(shape.words, [
      'what is removed in another network namespace is gone in the first one, and not there',
    ])
}

function wordsOfReaders({ readers }: Explored): string {
  return readers.map(({ words }) => words).join('; ')
}
