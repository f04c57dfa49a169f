// SPDX-License-Identifier: MIT
/** What is refused in one state only, and what is refused for a part of it, changes nothing for those that come after. */
import { setTimeout } from 'node:timers/promises'
import { isTimeShort } from '../allowance.ts'
import { isPassing, wordsOf } from '../answer.ts'
import type { Writer } from '../found.ts'
import { inTurn } from '../in-turn.ts'
import type { Life } from '../life.ts'
import type { Shape } from '../shape.ts'
import { TICKS } from '../state.ts'
import { FIRST, nextVariant } from '../variants.ts'
import { trialsOf } from './refused-writes.ts'
import { wholes } from './side-effects.ts'

/** Comparisons that must all have the same result: what changes by itself, now and then, is not judged. */
const COMPARISONS = 5
/** Milliseconds after which no more refusals are looked for: in one state, and by a command. */
const ENOUGH_STATES = 6000
const ENOUGH = 2500

/**
 * A request is refused by what others have made, as EBUSY is: those that come after it are answered as without it.
 * Commands come in the order of a life: what adds, what changes, what removes; and again with the changes backwards.
 */
export async function refuseInTurn(life: Life): Promise<void> {
  const { subject, explored, faults } = life
  const all = wholes(subject, explored)
  const adds = explored.writers.filter(({ adds }) => adds).map(({ shape }) => shape.operation.command)
  const removes = explored.removers.map(({ shape }) => shape.operation.command)
  const [adding, removing] = [adds, removes].map(commands =>
    all.filter(({ operation }) => commands.includes(operation.command)),
  )
  if (!adding?.length || !removing?.length) return
  const others = all.filter(shape => ![...adding, ...removing].includes(shape))
  const sequence = [...adding, ...others, ...removing, ...adding, ...others.toReversed(), ...removing]
  const end = performance.now() + ENOUGH_STATES
  const { codes: usual } = await outcomes(life, sequence)
  const { codes: slowly } = await outcomes(life, sequence, { pause: TICKS })
  // What goes by itself soon is not judged.
  if (usual.join() !== slowly.join()) return
  for (const refused of all)
    for (let at = 1; at < sequence.length; at++) {
      if (isTimeShort() || performance.now() > end) return
      // What was refused has made no other state.
      if (usual[at - 1] !== success) continue
      const changed = await changedBy(life, sequence, usual, { refused, at })
      if (changed === undefined) continue
      const before = sequence.slice(0, at).map(({ operation }) => subject.commandWords(operation.command))
      faults.add(refused.words, [`after ${before.join(', ')} it is ${changed}`])
      break
    }
}

const success = 'success'

interface Inserted {
  readonly refused: Shape
  /** How many requests come before it. */
  readonly at: number
}

async function changedBy(
  life: Life,
  sequence: readonly Shape[],
  usual: readonly string[],
  inserted: Inserted,
): Promise<string | undefined> {
  let first: string | undefined
  for (let time = 0; time < COMPARISONS; time++) {
    const after = await outcomes(life, sequence, { inserted })
    if (after.refusal === undefined) return undefined
    const at = usual.findIndex((code, index) => code !== after.codes[index])
    const next = sequence[at]
    if (next === undefined) return undefined
    const who = life.subject.commandWords(next.operation.command)
    const words = `refused with ${after.refusal}, and yet afterwards ${who} is answered with ${after.codes[at]}, not ${usual[at]}`
    first ??= words
    if (words !== first) return undefined
    const without = await outcomes(life, sequence)
    if (without.codes.join() !== usual.join()) return undefined
  }
  return first
}

/**
 * How a fresh module answers the requests; those after an inserted one only if that is refused.
 * @param options `pause`: milliseconds before each
 */
async function outcomes(
  { subject }: Life,
  sequence: readonly Shape[],
  { inserted, pause }: { readonly inserted?: Inserted; readonly pause?: number } = {},
): Promise<{ codes: string[]; refusal?: string }> {
  await subject.reload()
  using requester = subject.open()
  const codes: string[] = []
  let refusal: string | undefined
  for (const [index, shape] of sequence.entries()) {
    if (pause !== undefined) await setTimeout(pause)
    if (index === inserted?.at) {
      const { operation } = inserted.refused
      const answer = await requester.ask(operation, inserted.refused.attributes(FIRST))
      // EBUSY is what others have made; other passing ones may have begun something.
      if (answer.code === undefined || (isPassing(answer.code) && answer.code !== 'EBUSY')) return { codes }
      refusal = wordsOf(answer)
    }
    const { code = success } = await requester.ask(shape.operation, shape.attributes(FIRST))
    codes.push(code)
  }
  return { codes, ...(refusal !== undefined && { refusal }) }
}

/** What was refused can be made: nothing of it is there. */
export async function makeAfterRefusal(life: Life): Promise<void> {
  for (const writer of life.explored.writers.filter(({ adds }) => adds)) await makeRefused(life, writer)
}

async function makeRefused(life: Life, { shape }: Writer): Promise<void> {
  const { subject, requester, faults } = life
  const end = performance.now() + ENOUGH
  for (const { type, what, payload } of inTurn(trialsOf(subject, shape, FIRST), each => each.type)) {
    if (isTimeShort() || performance.now() > end) return
    const variant = nextVariant()
    const bad = shape.attributes(variant, new Map([[type, payload]]))
    const answer = await requester.ask(shape.operation, bad)
    if (answer.code === undefined || isPassing(answer.code)) continue
    const { code } = await requester.ask(shape.operation, shape.attributes(variant))
    if (code === undefined) continue
    const made = await madeLater(life, shape, variant, bad)
    if (made === undefined) continue
    faults.add(`${shape.words}, attribute ${type}: ${what}`, [
      `refused with ${wordsOf(answer)}, and yet afterwards it cannot be made: ${made}`,
    ])
    return
  }
}

/** The refusal of what fresh modules make, unless the bad request came before. */
async function madeLater(
  { subject, explored }: Life,
  shape: Shape,
  variant: number,
  bad: Buffer,
): Promise<string | undefined> {
  let first: string | undefined
  for (let time = 0; time < COMPARISONS; time++)
    for (const isBad of [false, true]) {
      await subject.reload()
      using requester = subject.open()
      for (const writer of explored.writers)
        await requester.ask(writer.shape.operation, writer.shape.attributes(FIRST))
      if (isBad && (await requester.ask(shape.operation, bad)).code === undefined) return undefined
      const { code } = await requester.ask(shape.operation, shape.attributes(variant))
      if ((code !== undefined) !== isBad || isPassing(code)) return undefined
      first ??= code
      if (isBad && code !== first) return undefined
    }
  return first
}
