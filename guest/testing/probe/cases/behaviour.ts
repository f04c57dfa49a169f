// SPDX-License-Identifier: MIT
/** What operations do to each other: what is written is read, told, dumped and removed. */
import { it } from 'vitest'
import { NLM_F_ACK } from '../../../netlink/index.ts'
import { drain } from '../../exchange.ts'
import { NetworkNamespace } from '../../namespaces.ts'
import { isTimeShort } from '../allowance.ts'
import { wordsOf } from '../answer.ts'
import { creations } from '../creation.ts'
import { Explorer } from '../explore.ts'
import { askFamily } from '../family.ts'
import { Faults } from '../faults.ts'
import type { Explored, Writer } from '../found.ts'
import { isToldSoon, told } from '../hearing.ts'
import type { Life } from '../life.ts'
import { Shape, type Told } from '../shape.ts'
import { State } from '../state.ts'
import type { Requester, Subject } from '../subject.ts'
import { askUntold } from '../untold.ts'
import { FIRST, nextVariant } from '../variants.ts'
import { askInThreads, interleave, removeWhileDumped } from './concurrency.ts'
import { compareDumps } from './dumps.ts'
import { tellEvents } from './events.ts'
import { askWithFlags } from './flags.ts'
import { handOn } from './handed-on.ts'
import { hearWhileAsking } from './heard-while-asking.ts'
import { changeUnprivileged } from './privileges.ts'
import { readBack } from './read-back.ts'
import { makeAfterRefusal, refuseInTurn } from './refused-in-turn.ts'
import { writeRefused } from './refused-writes.ts'
import { answerAsRemoval, removeOften, removeOther, removeTwice, vanish } from './removal.ts'
import { leaveNothing } from './side-effects.ts'
import { compareSlots } from './slots.ts'
import { tellChanges } from './telling.ts'

/** Ways to ask for a part of a dump that are tried. */
const FILTERS = 8
/** A variant of values; those of explore.ts are others. */
const ONE = 80
/** Milliseconds for hundreds of requests, on kernels with checks that slow them down. */
const LIMIT = 30_000

export function behaviour(subject: Subject): void {
  let found: Explored | undefined
  const test = (title: string, work: (life: Life) => Promise<void>) =>
    it(title, { timeout: LIMIT }, async ({ skip }) => {
      const explored = found
      if (explored === undefined) throw new Error('what operations do is not known: see the first test')
      await subject.reload()
      using requester = subject.open().withRoom()
      const faults = new Faults(title, subject.told)
      const state = new State(subject, requester, faults, () => explored)
      for (const { shape } of explored.writers) await requester.ask(shape.operation, shape.attributes(FIRST))
      await work({ subject, explored, requester, state, faults, skip })
      faults.end()
    })

  it('operations one after the other', { timeout: LIMIT }, async () => {
    await subject.reload()
    for (const operation of subject.family.all)
      subject.noteUntold(operation, await askUntold(subject, operation))
    using requester = subject.open().withRoom()
    const explorer = new Explorer(subject, requester)
    found = await explorer.explore()
    explorer.faults.end()
  })

  it('each request where there is something to get, to change and to remove', {
    timeout: LIMIT,
  }, async () => {
    const explored = found
    if (explored === undefined) return
    await subject.reload()
    using requester = subject.open().withRoom()
    // What is told is not judged here, but seen where two versions are compared.
    using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
    const faults = new Faults('populated', subject.told)
    for (const operation of subject.family.all.filter(({ kind }) => kind === 'do'))
      for (const shape of Shape.all(subject, operation))
        for (const [variant, creation] of [FIRST, FIRST, ONE].flatMap(variant =>
          creations(subject, operation).map(creation => [variant, creation] as const),
        )) {
          if (isTimeShort()) break
          for (const writer of explored.writers)
            await requester.ask(writer.shape.operation, writer.shape.attributes(FIRST))
          for (const earlier of subject.before(operation))
            await requester.ask(earlier, Shape.all(subject, earlier)[0]?.attributes(FIRST))
          const answer = await requester.ask(operation, shape.attributes(variant), { creation })
          faults.add(shape.words, [...answer.faults, ...subject.unexpected(operation, answer)])
          drain(listener.socket)
        }
    // A dump of what does not match, or of nothing, has an end, too.
    for (const operation of subject.dumps)
      for (const shape of Shape.all(subject, operation).slice(0, FILTERS))
        for (const variant of [FIRST, nextVariant()]) {
          if (isTimeShort() || subject.endless.has(operation.command)) break
          using other = subject.open()
          faults.add(shape.words, (await other.ask(operation, shape.attributes(variant))).faults)
        }
    await hearWhileAsking(subject, requester, explored)
    faults.end()
  })

  test('NLM_F_EXCL, NLM_F_REPLACE, NLM_F_CREATE, NLM_F_APPEND and NLM_F_ECHO are answered', askWithFlags)

  test('a dump tells each entry once, however it is cut into datagrams', async life => {
    for (const operation of subject.family.all.filter(({ kind }) => kind === 'dump'))
      await compareDumps(life, operation)
  })

  test('what is written is read, up to the limits', readBack)

  test('what is put in by one command comes out of another one as it was', handOn)

  test('notifications tell what is now, and nothing of what was refused', async life => {
    using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
    for (const writer of life.explored.writers) await listen(life, writer, listener)
  })

  test('events tell what was asked for, where it was asked for', tellEvents)

  test('groups are told of each change once, of what is then, and by all who make it', tellChanges)

  test('what is gone cannot be removed again, nor got', async life => {
    await answerAsRemoval(life)
    for (const remover of life.explored.removers) {
      await removeTwice(life, remover)
      await removeOften(life, remover)
      await removeOther(life, remover)
    }
    for (const adder of life.explored.writers.filter(({ adds }) => adds)) await vanish(life, adder)
  })

  test('what is refused, and what only asks, leaves nothing behind', leaveNothing)

  test('what is refused writes nothing', writeRefused)

  test('what is refused in one state leaves that as it is', refuseInTurn)

  test('what is refused can be made afterwards', makeAfterRefusal)

  test('what is got by its number is dumped', compareSlots)

  test('dumps that take turns', interleave)

  test('entries that go while they are dumped', removeWhileDumped)

  test('all requests from several threads at once', askInThreads)

  test('some changes need privileges, and so do the others', changeUnprivileged)

  test('what changes in another network namespace is told there', async life => {
    using elsewhere = new NetworkNamespace()
    const isThere = await askFamily(subject.name, { namespace: elsewhere.fd }).then(
      () => true,
      () => false,
    )
    if (!isThere) return
    for (const writer of life.explored.writers) await changeElsewhere(life, writer, elsewhere)
  })
}

function hex(bytes: Buffer): string {
  return bytes.length > 40
    ? `${bytes.subarray(0, 40).toString('hex')}... (${bytes.length} bytes)`
    : bytes.toString('hex') || 'nothing'
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

interface Elsewhere {
  readonly shape: Shape
  readonly stored: readonly number[]
  /** What is told in another network namespace, where the entry of that variant was made. */
  readonly there: State
  readonly variant: number
}

/** Where dumps tell each network namespace its own, so do lookups. */
async function getElsewhere(
  { requester, explored, state, faults }: Life,
  { shape, stored, there, variant }: Elsewhere,
): Promise<void> {
  const here = nextVariant()
  await requester.ask(shape.operation, shape.attributes(here))
  const tellsOf = (each: number) => (entries: readonly Told[]) =>
    stored.every(type => shape.isTold(entries, type, shape.payload(type, each)))
  const [ofHere, ofThere] = [tellsOf(here), tellsOf(variant)]
  const [dumpedHere, dumpedThere] = [await state.dumped(), await there.dumped()]
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

function wordsOfReaders({ readers }: Explored): string {
  return readers.map(({ words }) => words).join('; ')
}

/** What one namespace changes, others see or do not; who may change it, and who is told, must fit to that. */
async function changeElsewhere(
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
  const types = stored.filter(type => type !== key)
  const tells = (entries: readonly Told[]) =>
    types.some(type => shape.isTold(entries, type, shape.payload(type, variant)))
  const ofFirst = (entries: readonly Told[]) =>
    types.some(type => shape.isTold(entries, type, shape.payload(type, FIRST)))
  const isMade = key === undefined && answer.code === undefined
  if (isMade && ofFirst(await state.dumped()) && !tells(await there.dumped()))
    faults.add(shape.words, [
      'what it makes is dumped in the first network namespace, and not in another one, where it was made',
    ])
  if (isMade) await getElsewhere(life, { shape, stored, there, variant })
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
