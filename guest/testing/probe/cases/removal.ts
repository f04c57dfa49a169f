// SPDX-License-Identifier: MIT
/** What is removed is gone, and there is room again. */

import { setTimeout } from 'node:timers/promises'
import { drain } from '../../exchange.ts'
import { isTimeShort } from '../allowance.ts'
import { isMinusOne, isPassing, minusOne, wordsOf } from '../answer.ts'
import type { Remover, Writer } from '../found.ts'
import { type Life, startAfresh } from '../life.ts'
import { entryOf, namesOf, payloadsOf } from '../names.ts'
import { lineOf, Shape, toldBy } from '../shape.ts'
import { TICKS } from '../state.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** A variant of values that are removed; those of explore.ts are others. */
const ONE = 80
/** Ways to look up one entry that are tried. */
const LOOKUPS = 4
/** How often an entry comes and goes: more than numbers of eight bits, and in one datagram. */
const OFTEN = 300
const AT_ONCE = 20
/** The first variant of those that come and go together. */
const SEVERAL = 500

/** What is removed is gone for those that get it as well, and cannot be removed once more. */
export async function removeTwice(life: Life, remover: Remover): Promise<void> {
  const { shape, adder } = remover
  const { explored, requester, state, faults } = life
  const refusedFirst: Shape[] = []
  const { lookups, silent } = await lookupsOf(life, remover)
  for (const lookup of lookups) {
    const { code } = await requester.ask(lookup.operation, lookup.attributes(ONE))
    if (code !== undefined) refusedFirst.push(lookup)
  }
  await requester.ask(adder.shape.operation, adder.shape.attributes(ONE))
  const found: Shape[] = []
  for (const lookup of refusedFirst) {
    const { code } = await requester.ask(lookup.operation, lookup.attributes(ONE))
    if (code === undefined) found.push(lookup)
  }
  if (found.length > 0 && (await isTwiceThere(life, adder))) {
    faults.add(adder.shape.words, [
      `accepted twice, and the dump tells the same entry twice, though ${found[0]?.words} gets one`,
    ])
    return
  }
  const own = await namesOf(state, remover, ONE)
  const first = await requester.ask(shape.operation, shape.attributes(ONE, own))
  if (first.code !== undefined) return
  const dumped = await state.dumped()
  const isDumped = shape.types.some(type => shape.isTold(dumped, type, shape.payload(type, ONE)))
  for (const lookup of isDumped ? [] : found) {
    const { code } = await requester.ask(lookup.operation, lookup.attributes(ONE))
    if (code === undefined)
      faults.add(lookup.words, [
        `success, though ${shape.words} has removed it, and the dump tells it no more`,
      ])
  }
  const second = await requester.ask(shape.operation, shape.attributes(ONE, own))
  if (isMinusOne(second)) faults.add(shape.words, [minusOne])
  const { message } = second.extendedAck ?? {}
  if (second.code === undefined && message !== undefined && message !== first.extendedAck?.message)
    faults.add(shape.words, [
      `success the second time too, though it says "${message}": does it return 0 in place of an error?`,
    ])
  if (second.code !== undefined) {
    if (second.code === 'EINVAL') await compareRefusals(life, shape, found)
    for (const lookup of isPassing(second.code) ? [] : silent)
      faults.add(lookup.words, [
        `acknowledged without an answer for what is not there, where ${shape.words} says ${second.code}`,
      ])
    return
  }
  // Removing what is not there may be no error, unless changing it is one.
  for (const changer of explored.writers.filter(({ key }) => key !== undefined)) {
    const changed = await requester.ask(changer.shape.operation, changer.shape.attributes(ONE))
    if (changed.code === undefined || isPassing(changed.code)) continue
    faults.add(shape.words, [
      `success the second time too, though nothing is left to remove, and ${changer.shape.words} says ${changed.code}`,
    ])
    return
  }
  await useGone(life, remover)
}

/** Errnos of what is not there. */
const ABSENT: readonly string[] = ['ENOENT', 'ESRCH', 'ENODEV', 'ENXIO']

/** The values are good: who names the same by them says that it is not there. */
async function compareRefusals(
  { requester, faults }: Life,
  remover: Shape,
  lookups: readonly Shape[],
): Promise<void> {
  for (const lookup of lookups) {
    if (lookup.types.join() !== remover.types.join()) continue
    const { code } = await requester.ask(lookup.operation, lookup.attributes(ONE))
    if (code === undefined || !ABSENT.includes(code)) continue
    faults.add(remover.words, [`EINVAL for what is not there, where ${lookup.words} says ${code}`])
    return
  }
}

/** Nor is it one unless those are refused that do something with what is there, and tell nothing. */
async function useGone({ explored, requester, state, faults }: Life, remover: Remover): Promise<void> {
  const { shape, adder } = remover
  const known = [shape.operation.command, adder.shape.operation.command]
  for (const user of explored.working.values()) {
    if (known.includes(user.operation.command) || !shape.types.every(type => user.types.includes(type)))
      continue
    await requester.ask(adder.shape.operation, adder.shape.attributes(ONE))
    const own = await namesOf(state, remover, ONE)
    const use = () => requester.ask(user.operation, user.attributes(ONE, own))
    const there = await use()
    if (there.code !== undefined || there.replies.length > 0) continue
    const removed = await requester.ask(shape.operation, shape.attributes(ONE, own))
    const { code } = await use()
    if (removed.code !== undefined || code === undefined || isPassing(code)) continue
    faults.add(shape.words, [`success where nothing is left to remove, and ${user.words} says ${code} then`])
    return
  }
}

/** Who only looks does not answer by the number of a command that makes what it tells unknown. */
export async function answerAsRemoval({ subject, explored, requester, faults }: Life): Promise<void> {
  const { headerSize } = subject.family
  for (const reader of explored.readers) {
    const look = () => requester.ask(reader.operation, reader.attributes(FIRST))
    const [reply, ...more] = (await look()).replies
    const number = reply?.payload[0]
    const operation = subject.commands.find(({ command }) => command === number)
    if (!reply || more.length > 0 || !operation || operation.command === reader.operation.command) continue
    const entry = toldBy(reply, headerSize)
    const known = explored.working.get(operation.command)
    for (const shape of [...(known ? [known] : []), ...Shape.all(subject, operation)].slice(0, LOOKUPS)) {
      const own = payloadsOf(entry, shape.types)
      const { code } = await requester.ask(operation, shape.attributes(FIRST, own))
      if (code !== undefined) continue
      const after = await look()
      if (after.code !== undefined && !isPassing(after.code))
        faults.add(reader.words, [
          `answers by the number of ${subject.commandWords(operation.command)}, which removes`,
        ])
      break
    }
  }
}

/** Whether the same request once more makes the same entry once more. */
async function isTwiceThere({ requester, state }: Life, adder: Writer): Promise<boolean> {
  const again = await requester.ask(adder.shape.operation, adder.shape.attributes(ONE))
  if (again.code !== undefined) return false
  const lines = (await state.dumped()).filter(each => entryOf(adder, [each], ONE) !== undefined).map(lineOf)
  return new Set(lines).size < lines.length
}

interface Lookups {
  /** The readers that get what is there, and refuse what never was. */
  readonly lookups: readonly Shape[]
  /** Those that have one answer for what is there, and none for what never was, but say that all is well. */
  readonly silent: readonly Shape[]
}

async function lookupsOf(
  { subject, explored, requester }: Life,
  { adder, learned }: Remover,
): Promise<Lookups> {
  const lookups: Shape[] = []
  const silent: Shape[] = []
  const telling = [...adder.stored, ...learned]
  // Some are got by one attribute or by another one: by each that tells which.
  const shapes = explored.readers.flatMap(({ operation }) => Shape.all(subject, operation))
  for (const reader of shapes) {
    if (reader.types.length === 0 || !reader.types.every(type => telling.includes(type))) continue
    const never = await requester.ask(reader.operation, reader.attributes(nextVariant()))
    const there = await requester.ask(reader.operation, reader.attributes(FIRST))
    if (there.code !== undefined) continue
    if (never.code !== undefined) lookups.push(reader)
    else if (never.replies.length === 0 && there.replies.length === 1) silent.push(reader)
    if (lookups.length === LOOKUPS) break
  }
  return { lookups, silent }
}

/** The parts of an entry's name that a command needs are all looked at: who differs in one of them alone stays. */
export async function removeOther(life: Life, { shape, adder }: Remover): Promise<void> {
  const { requester, state, faults } = life
  const named = shape.types.filter(type => adder.stored.includes(type))
  for (const type of named) {
    const rest = Shape.all(life.subject, shape.operation).find(
      ({ types }) => types.length === shape.types.length - 1 && !types.includes(type),
    )
    if (isTimeShort() || rest === undefined || rest.types.length === 0) continue
    const others = nextVariant()
    const [first, second] = [nextVariant(), nextVariant()]
    const of = (variant: number) => (each: number) => (each === type ? variant : others)
    if (shape.payload(type, first).equals(shape.payload(type, second))) continue
    const count = await state.count(adder.dump)
    await requester.ask(adder.shape.operation, adder.shape.attributes(of(first)))
    await requester.ask(adder.shape.operation, adder.shape.attributes(of(second)))
    if ((await state.count(adder.dump)) !== count + 2) continue
    // Where it does without it, it may well remove the first of several.
    if ((await requester.ask(rest.operation, rest.attributes(others))).code === undefined) continue
    if ((await state.count(adder.dump)) !== count + 2) continue
    const { code } = await requester.ask(shape.operation, shape.attributes(of(second)))
    const left = await state.dumped(adder.dump)
    const isThere = (variant: number) =>
      left.some(entry =>
        adder.stored.every(each =>
          adder.shape.isTold([entry], each, adder.shape.payload(each, of(variant)(each))),
        ),
      )
    if (code === undefined && left.length === count + 1 && isThere(second) && !isThere(first))
      faults.add(shape.words, [
        `removes an entry with another attribute ${type} than it was asked to, which it does not do without`,
      ])
  }
}

/** What a command has made unknown to those that look it up is not dumped any longer as if nothing were. */
export async function vanish(life: Life, adder: Writer): Promise<void> {
  const { subject, explored, faults } = life
  const isKnown = ({ operation }: Shape) =>
    [...explored.writers.map(({ shape }) => shape), ...explored.readers].some(
      each => each.operation.command === operation.command,
    ) || explored.removers.some(each => each.shape.operation.command === operation.command)
  const byName = (shape: Shape) =>
    Shape.all(subject, shape.operation).filter(
      ({ types }) => types.length > 0 && types.every(type => adder.stored.includes(type)),
    )
  for (const working of explored.working.values()) {
    if (isKnown(working)) continue
    for (const ender of byName(working).slice(0, LOOKUPS))
      for (const lookup of explored.readers.flatMap(byName).slice(0, LOOKUPS)) {
        let isLeft = true
        for (let time = 0; isLeft && time < TIMES; time++)
          isLeft = await isLeftBehind(life, adder, ender, lookup)
        if (!isLeft) continue
        faults.add(ender.words, [
          `${lookup.words} does not find it any more, and the dump tells it as before`,
        ])
        return
      }
  }
}

/** Times that it must be so. */
const TIMES = 2

async function isLeftBehind(
  { requester, state }: Life,
  adder: Writer,
  ender: Shape,
  lookup: Shape,
): Promise<boolean> {
  if (isTimeShort()) return false
  const variant = nextVariant()
  const ask = async (shape: Shape) => (await requester.ask(shape.operation, shape.attributes(variant))).code
  const entry = async () => entryOf(adder, await state.dumped(), variant)
  const never = await ask(lookup)
  if (never === undefined || isPassing(never)) return false
  if ((await ask(adder.shape)) !== undefined || (await ask(lookup)) !== undefined) return false
  const before = await entry()
  await setTimeout(TICKS)
  const later = await entry()
  if ((await ask(ender)) !== undefined || (await ask(lookup)) !== never) return false
  const after = await entry()
  if (before === undefined || later === undefined || after === undefined) return false
  const stable = [...before].filter(([type, payload]) => later.get(type)?.equals(payload))
  return stable.every(([type, payload]) => after.get(type)?.equals(payload))
}

/** An entry that comes and goes many times can come once more. */
export async function removeOften(life: Life, remover: Remover): Promise<void> {
  const { subject, requester, state, faults } = life
  const { shape, adder, learned } = remover
  const add = () => requester.ask(adder.shape.operation, adder.shape.attributes(ONE))
  const remove = async () => {
    const own = await namesOf(state, remover, ONE)
    return await requester.ask(shape.operation, shape.attributes(ONE, own))
  }
  // What others set may leave more room than there is at first.
  await subject.reload()
  if ((await add()).code !== undefined) {
    await startAfresh(life)
    if ((await add()).code !== undefined) return
  }
  if ((await remove()).code !== undefined) return
  const usual = await state.count(adder.dump)
  const variants = Array.from({ length: AT_ONCE }, (_, at) => (learned.length > 0 ? SEVERAL + at : ONE))
  const additions = variants.map(variant =>
    subject.encode(adder.shape.operation, adder.shape.attributes(variant), { flags: 0 }),
  )
  for (let count = 0; count < OFTEN; count += AT_ONCE) {
    if (isTimeShort()) return
    if (learned.length > 0) {
      // What they are named by is known when they are there.
      requester.socket.send(Buffer.concat(additions))
      drain(requester.socket)
    }
    const there = learned.length > 0 ? await state.dumped() : []
    const removals = variants.map(variant => {
      const own = payloadsOf(entryOf(adder, there, variant), learned)
      return subject.encode(shape.operation, shape.attributes(variant, own), { flags: 0 })
    })
    const both = learned.length > 0 ? removals : additions.flatMap((each, at) => [each, removals[at] ?? each])
    requester.socket.send(Buffer.concat(both))
    drain(requester.socket)
  }
  const last = await add()
  // What is still there has not gone.
  if (last.code === undefined || (await state.count(adder.dump)) > usual) return
  faults.add(adder.shape.words, [
    `${wordsOf(last)} when the same entry has come and gone ${OFTEN} times: ${shape.words} gives something not back`,
  ])
}
