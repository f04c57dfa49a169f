// SPDX-License-Identifier: MIT
/** What is removed is gone, and there is room again. */
import { drain } from '../../exchange.ts'
import { isTimeShort } from '../allowance.ts'
import { isMinusOne, isPassing, minusOne, wordsOf } from '../answer.ts'
import type { Remover, Writer } from '../explore.ts'
import type { Life } from '../life.ts'
import { Shape } from '../shape.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** A variant of values that are removed; those of explore.ts are others. */
const ONE = 80
/** Ways to look up one entry that are tried. */
const LOOKUPS = 4
/** How often an entry comes and goes: more than numbers of eight bits, and in one datagram. */
const OFTEN = 300
const AT_ONCE = 20

/** What is removed is gone for those that get it as well, and cannot be removed once more. */
export async function removeTwice(life: Life, { shape, adder }: Remover): Promise<void> {
  const { explored, requester, state, faults } = life
  const refusedFirst: Shape[] = []
  for (const lookup of await lookupsOf(life, adder)) {
    const { code } = await requester.ask(lookup.operation, lookup.attributes(ONE))
    if (code !== undefined) refusedFirst.push(lookup)
  }
  await requester.ask(adder.shape.operation, adder.shape.attributes(ONE))
  const found: Shape[] = []
  for (const lookup of refusedFirst) {
    const { code } = await requester.ask(lookup.operation, lookup.attributes(ONE))
    if (code === undefined) found.push(lookup)
  }
  const first = await requester.ask(shape.operation, shape.attributes(ONE))
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
  const second = await requester.ask(shape.operation, shape.attributes(ONE))
  if (isMinusOne(second)) faults.add(shape.words, [minusOne])
  if (second.code !== undefined) return
  // Removing what is not there may be no error, unless changing it is one.
  for (const changer of explored.writers.filter(({ key }) => key !== undefined)) {
    const changed = await requester.ask(changer.shape.operation, changer.shape.attributes(ONE))
    if (changed.code === undefined || isPassing(changed.code)) continue
    faults.add(shape.words, [
      `success the second time too, though nothing is left to remove, and ${changer.shape.words} says ${changed.code}`,
    ])
    break
  }
}

/** The readers that get what is there, and refuse what never was. */
async function lookupsOf({ subject, explored, requester }: Life, adder: Writer): Promise<Shape[]> {
  const lookups: Shape[] = []
  // Some are got by one attribute or by another one: by each that tells which.
  const shapes = explored.readers.flatMap(({ operation }) => Shape.all(subject, operation))
  for (const reader of shapes) {
    if (reader.types.length === 0 || !reader.types.every(type => adder.stored.includes(type))) continue
    const never = await requester.ask(reader.operation, reader.attributes(nextVariant()))
    const there = await requester.ask(reader.operation, reader.attributes(FIRST))
    if (never.code !== undefined && there.code === undefined) lookups.push(reader)
    if (lookups.length === LOOKUPS) break
  }
  return lookups
}

/** An entry that comes and goes many times can come once more. */
export async function removeOften(
  { subject, requester, faults }: Life,
  { shape, adder }: Remover,
): Promise<void> {
  const add = () => requester.ask(adder.shape.operation, adder.shape.attributes(ONE))
  const remove = () => requester.ask(shape.operation, shape.attributes(ONE))
  await remove()
  if ((await add()).code !== undefined || (await remove()).code !== undefined) return
  const both = Buffer.concat(
    [adder.shape, shape].map(each => subject.encode(each.operation, each.attributes(ONE), { flags: 0 })),
  )
  for (let count = 0; count < OFTEN; count += AT_ONCE) {
    if (isTimeShort()) return
    requester.socket.send(Buffer.concat(Array<Buffer>(AT_ONCE).fill(both)))
    drain(requester.socket)
  }
  const last = await add()
  if (last.code === undefined) return
  faults.add(adder.shape.words, [
    `${wordsOf(last)} when the same entry has come and gone ${OFTEN} times: ${shape.words} gives something not back`,
  ])
}
