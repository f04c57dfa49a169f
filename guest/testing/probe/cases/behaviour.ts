// SPDX-License-Identifier: MIT
/** What operations do to each other: what is written is read, told, dumped and removed. */
import { it } from 'vitest'
import { drain } from '../../exchange.ts'
import { isTimeShort } from '../allowance.ts'
import { creations } from '../creation.ts'
import { exploreFamily } from '../explore-family.ts'
import { Faults } from '../faults.ts'
import type { Explored } from '../found.ts'
import { type Life, startAfresh, supply } from '../life.ts'
import { Shape } from '../shape.ts'
import { State } from '../state.ts'
import type { Subject } from '../subject.ts'
import { askUntold } from '../untold.ts'
import { FIRST, nextVariant } from '../variants.ts'
import { askInThreads, interleave, removeWhileDumped } from './concurrency.ts'
import { compareDumps, tellRemains } from './dumps.ts'
import { changeElsewhere } from './elsewhere.ts'
import { tellEvents } from './events.ts'
import { filterDumps } from './filters.ts'
import { askWithFlags } from './flags.ts'
import { handOn } from './handed-on.ts'
import { hearWhileAsking } from './heard-while-asking.ts'
import { writeIgnored } from './ignored.ts'
import { tellWork } from './late-events.ts'
import { leaveOut } from './left-out.ts'
import { answerAsDumped, findNothing, lookUp } from './lookups.ts'
import { startEmpty } from './new-entries.ts'
import { compareNotifications } from './notifications.ts'
import { removeParents } from './parents.ts'
import { changeUnprivileged } from './privileges.ts'
import { readBack } from './read-back.ts'
import { makeAfterRefusal, refuseInTurn } from './refused-in-turn.ts'
import { writeRefused } from './refused-writes.ts'
import { answerAsRemoval, removeOften, removeOther, removeTwice, vanish } from './removal.ts'
import { leaveNothing } from './side-effects.ts'
import { compareSlots } from './slots.ts'
import { tellChanges, tellLives } from './telling.ts'
import { readWindows } from './windows.ts'

/** Ways to ask for a part of a dump that are tried. */
const FILTERS = 8
/** A variant of values; those of explore.ts are others. */
const ONE = 80
/** Milliseconds for hundreds of requests, on kernels with checks that slow them down. */
const LIMIT = 30_000

export function behaviour(subject: Subject): void {
  let found: Explored | undefined
  let isTried = false
  const explore = async (): Promise<Faults> => {
    isTried = true
    await subject.reload()
    for (const operation of subject.family.all)
      subject.noteUntold(operation, await askUntold(subject, operation))
    using requester = subject.open().withRoom()
    const faults = new Faults('exploring', subject.told)
    found = await exploreFamily(subject, requester, faults)
    return faults
  }
  /** What operations do; the test that tells of it may be filtered out. */
  const known = async (): Promise<Explored> => {
    if (!isTried) await explore()
    if (found === undefined) throw new Error('what operations do is not known: see the first test')
    return found
  }
  const test = (title: string, work: (life: Life) => Promise<void>) =>
    it(title, { timeout: LIMIT }, async ({ skip }) => {
      const explored = await known()
      await subject.reload()
      using requester = subject.open().withRoom()
      const faults = new Faults(title, subject.told)
      const state = new State(subject, requester, faults, () => explored)
      await supply({ explored, requester })
      await work({ subject, explored, requester, state, faults, skip })
      faults.end()
    })

  it('operations one after the other', { timeout: LIMIT }, async () => {
    const faults = await explore()
    faults.end()
  })

  it('each request where there is something to get, to change and to remove', {
    timeout: LIMIT,
  }, async () => {
    const explored = await known()
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
    await tellRemains(life)
    for (const operation of subject.family.all.filter(({ kind }) => kind === 'dump'))
      await compareDumps(life, operation)
  })

  test('what is written is read, up to the limits', readBack)

  test('what is accepted is not told as if it had never been written', writeIgnored)

  test('what is put in by one command comes out of another one as it was', handOn)

  test('notifications tell what is now, and nothing of what was refused', compareNotifications)

  test('events tell what was asked for, where it was asked for', tellEvents)

  test('groups are told of each change once, of what is then, and by all who make it', async life => {
    await tellChanges(life)
    await tellLives(life)
    await tellWork(life)
  })

  test('what is gone cannot be removed again, nor got', async life => {
    await answerAsRemoval(life)
    for (const remover of life.explored.removers) {
      await removeTwice(life, remover)
      await removeOften(life, remover)
      await startAfresh(life)
      await removeOther(life, remover)
    }
    for (const adder of life.explored.writers.filter(({ adds }) => adds)) await vanish(life, adder)
    await startAfresh(life)
    await removeParents(life)
  })

  test('what is refused, and what only asks, leaves nothing behind', leaveNothing)

  test('what is refused writes nothing', writeRefused)

  test('what is refused in one state leaves that as it is', refuseInTurn)

  test('what is refused can be made afterwards', makeAfterRefusal)

  test('what is got by its number is dumped', compareSlots)

  test('bytes are read and written up to the end, and not beyond', readWindows)

  test('what is looked up is what was asked for', async life => {
    await lookUp(life)
    await findNothing(life)
    await answerAsDumped(life)
  })

  test('dumps tell what was asked for', filterDumps)

  test('what a new entry was not given is not that of another one', async life => {
    await leaveOut(life)
    await startEmpty(life)
  })

  test('dumps that take turns', interleave)

  test('entries that go while they are dumped', removeWhileDumped)

  test('all requests from several threads at once', askInThreads)

  test('some changes need privileges, and so do the others', changeUnprivileged)

  test('what changes in another network namespace is told there', changeElsewhere)
}
