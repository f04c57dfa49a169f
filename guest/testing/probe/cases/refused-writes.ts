// SPDX-License-Identifier: MIT
/** What is refused writes nothing: nothing that is told afterwards depends on the values that it had. */
import { setTimeout } from 'node:timers/promises'
import type { AttributePolicy } from '../../../netlink/index.ts'
import { isTimeShort } from '../allowance.ts'
import { type Answer, isTransient, wordsOf } from '../answer.ts'
import { inTurn } from '../in-turn.ts'
import { ENTRIES, type Life, startAfresh, supply } from '../life.ts'
import { variations } from '../nests.ts'
import type { Shape, Told } from '../shape.ts'
import { type State, TICKS } from '../state.ts'
import type { Subject } from '../subject.ts'
import { integer } from '../values.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** Bytes of payloads that are tried here. */
const LONGEST = 4096
/** Refusals of a command that are looked into: each takes several fresh modules. */
const SUSPECTS = 3
/** Requests that differ in one value: as many different states come of them, each of them again. */
const VALUES = 3
const TIMES = 2
/** A variant of values; those of explore.ts are others. */
const ANOTHER = 82
/** Milliseconds after which no more refusals of a command are looked for. */
const ENOUGH = 2500
/** Requests of a kind of which some are refused. */
const MOST = 6

/** A request whose attribute `type` has a value of its own. */
export interface Trial {
  readonly type: number
  readonly what: string
  readonly payload: Buffer
}

interface Refused extends Trial {
  /** The refusal. */
  readonly words: string
  /** Whether something else was told afterwards. */
  readonly isSuspect: boolean
}

export async function writeRefused(life: Life): Promise<void> {
  for (const { command } of life.subject.commands) {
    const shape = life.explored.working.get(command)
    if (shape === undefined || shape.types.length === 0 || isTimeShort()) continue
    // Others may have removed what there was.
    await startAfresh(life)
    await addAnother(life)
    await refuse(life, shape)
  }
}

/** Another entry beside those of the first values: what it has, they may not have as well. */
async function addAnother({ explored, requester }: Life): Promise<void> {
  for (const { shape } of explored.writers.filter(({ adds }) => adds))
    await requester.ask(shape.operation, shape.attributes(ANOTHER))
}

/** Looks what is told before and after each refusal. */
async function refuse(life: Life, shape: Shape): Promise<void> {
  const { subject, explored, requester, state, faults } = life
  const refused: Refused[] = []
  const isAdder = explored.writers.some(each => each.adds && each.shape.operation === shape.operation)
  let made = 0
  let before: string | undefined
  const end = performance.now() + ENOUGH
  for (const trial of inTurn(trialsOf(subject, shape, FIRST), ({ type }) => type)) {
    if (isTimeShort() || performance.now() > end) break
    before ??= await told(state)
    const answer = await requester.ask(shape.operation, withValue(shape, trial))
    if (answer.code === undefined) {
      before = undefined
      await supply(life)
    }
    if (answer.code === undefined && isAdder && ++made % ENTRIES === 0) {
      await startAfresh(life)
      await addAnother(life)
    }
    if (answer.code === undefined || isTransient(answer.code)) continue
    const after = await told(state)
    refused.push({ ...trial, words: reasonOf(answer), isSuspect: after !== before })
    before = after
  }
  for (const suspect of refused.filter(({ isSuspect }) => isSuspect).slice(0, SUSPECTS)) {
    const request = { life, shape, request: withValue(shape, suspect) }
    for (const [step, how] of [
      [lost, 'something is gone that was told before'],
      [countedDown, 'a number that is told goes down each time'],
    ] as const) {
      const words = await lessensTold(request, step)
      if (words === undefined) continue
      faults.add(`${shape.words}, attribute ${suspect.type}: ${suspect.what}`, [
        `refused with ${words}, and yet ${how}`,
      ])
      return
    }
    for (const requests of alike(subject, shape, suspect, refused)) {
      const words = await statesDiffer(life, shape, requests)
      if (words === undefined) continue
      faults.add(`${shape.words}, attribute ${suspect.type}: ${suspect.what}`, [
        `refused with ${words}, and yet what is told afterwards depends on the values that it had`,
      ])
      return
    }
  }
}

/**
 * The refusal, if each time what is told was the same for a while, and then is less.
 * @param step 0 for the same, less than 0 where it has become less
 */
async function lessensTold(
  { life, shape, request }: { life: Life; shape: Shape; request: Buffer },
  step: (before: readonly Told[], after: readonly Told[]) => number,
): Promise<string | undefined> {
  const { requester, state } = life
  let words: string | undefined
  for (let time = 0; time < TIMES; time++) {
    if (isTimeShort()) return undefined
    await startAfresh(life)
    await addAnother(life)
    const before = await state.entries([FIRST])
    await setTimeout(TICKS)
    const later = await state.entries([FIRST])
    const answer = await requester.ask(shape.operation, request)
    const after = await state.entries([FIRST])
    if (answer.code === undefined || isTransient(answer.code)) return undefined
    if (step(before, later) !== 0 || step(later, after) >= 0) return undefined
    words = reasonOf(answer)
  }
  return words
}

/** How many attributes and entries fewer are told. */
function lost(before: readonly Told[], after: readonly Told[]): number {
  return attributesOf(after) - attributesOf(before)
}

/** Whether integers have gone down by one, and nothing else has changed: who counts refusals counts up. */
function countedDown(before: readonly Told[], after: readonly Told[]): number {
  const steps = differences(before, after)
  if (steps.length === 0) return 0
  return steps.every(step => step === -1n) ? -1 : 1
}

/** By how much integers differ; 0 for what differs otherwise. */
function differences(before: readonly Told[], after: readonly Told[]): bigint[] {
  if (before.length !== after.length) return [0n]
  return before.flatMap((entry, at) =>
    [...entry].flatMap(([type, payload]) => {
      const now = after[at]?.get(type)
      if (now?.equals(payload)) return []
      const isInteger = now?.length === payload.length && [1, 2, 4, 8].includes(payload.length)
      return [isInteger ? integerOf(now) - integerOf(payload) : 0n]
    }),
  )
}

function integerOf(payload: Buffer): bigint {
  return BigInt(`0x${Buffer.from(payload).reverse().toString('hex')}`)
}

/** How many attributes are told that have a payload. */
function attributesOf(entries: readonly Told[]): number {
  return entries.reduce(
    (sum, entry) => sum + [...entry.values()].filter(({ length }) => length > 0).length,
    0,
  )
}

/** A payload of each kind for each attribute, and integers within their limits. */
export function trialsOf(subject: Subject, shape: Shape, variant: number): Trial[] {
  const making = subject.making(variant)
  return shape.types.flatMap(type => {
    const policy = shape.policyOf(type)
    const { minimum, maximum } = policy ?? {}
    const width = shape.payload(type, variant).length
    const within =
      minimum === undefined || maximum === undefined || policy?.mask !== undefined
        ? []
        : [1n, 2n, 3n].map(quarter => {
            const value = minimum + ((maximum - minimum) * quarter) / 4n
            return { what: `the value ${value}`, payload: integer(value, width) }
          })
    const taken = { what: 'that of another entry', payload: shape.payload(type, ANOTHER) }
    return [taken, ...within, ...pairsOf(subject, shape, type, variant), ...variations(type, policy, making)]
      .filter(({ payload }) => payload.length < LONGEST)
      .map(({ what, payload }) => ({ type, what, payload }))
  })
}

/** Lists of two in both orders: what is there before one that is refused may be written. */
function pairsOf(subject: Subject, shape: Shape, type: number, variant: number): Omit<Trial, 'type'>[] {
  const policy = shape.policyOf(type)
  const inner =
    policy?.policyIndex === undefined ? undefined : subject.family.policies.get(policy.policyIndex)
  const isList = policy?.type === 'NESTED_ARRAY' || [...(inner ?? [])].some(([, own]) => isNest(own))
  if (!isList) return []
  const [one, another] = [FIRST, variant === FIRST ? nextVariant() : variant].map(each =>
    shape.payload(type, each),
  ) as [Buffer, Buffer]
  return [
    { what: 'two elements', payload: Buffer.concat([one, another]) },
    { what: 'two elements in the other order', payload: Buffer.concat([another, one]) },
  ]
}

function isNest(policy: AttributePolicy | undefined): boolean {
  return policy?.type === 'NESTED' || policy?.type === 'NESTED_ARRAY'
}

function withValue(shape: Shape, { type, payload }: Trial): Buffer {
  return shape.attributes(FIRST, new Map([[type, payload]]))
}

/** Requests that differ from a refused one in the same attribute, in what is inside of it, or in another one. */
function* alike(
  subject: Subject,
  shape: Shape,
  { type, what, payload, words }: Refused,
  refused: readonly Refused[],
): Generator<Buffer[]> {
  const variants = Array.from({ length: VALUES }, nextVariant)
  const same = refused.filter(each => each.type === type && each.words === words)
  yield same.map(each => withValue(shape, each))
  const inside = variants.flatMap(
    variant => trialsOf(subject, shape, variant).find(each => each.type === type && each.what === what) ?? [],
  )
  yield inside.map(each => withValue(shape, each))
  for (const other of shape.types.filter(each => each !== type))
    yield variants.map(variant =>
      shape.attributes(each => (each === other ? variant : FIRST), new Map([[type, payload]])),
    )
}

/**
 * The refusal, if requests that are refused in the same way each leave another state, and that state again.
 * Counters of what was refused have no such states, and what changes by itself has not the same one.
 */
async function statesDiffer(
  life: Life,
  shape: Shape,
  requests: readonly Buffer[],
): Promise<string | undefined> {
  const states = new Map<string, Set<string>>()
  for (const request of requests.slice(0, MOST)) {
    const results: { words: string; state: string }[] = []
    for (let time = 0; time < TIMES; time++) {
      if (isTimeShort()) return undefined
      const result = await afterRefusal(life, shape, request, time * TICKS)
      if (result === undefined) break
      results.push(result)
    }
    const [first, again] = results
    if (first === undefined || again === undefined) continue
    if (first.state !== again.state) return undefined
    const own = states.get(first.words) ?? new Set()
    states.set(first.words, own.add(first.state))
    if (own.size >= VALUES) return first.words
  }
  return undefined
}

/** What a fresh module tells when it has refused a request, some milliseconds later. */
async function afterRefusal(
  life: Life,
  shape: Shape,
  request: Buffer,
  later: number,
): Promise<{ words: string; state: string } | undefined> {
  const { requester, state } = life
  await startAfresh(life)
  await addAnother(life)
  const answer = await requester.ask(shape.operation, request)
  if (answer.code === undefined || isTransient(answer.code)) return undefined
  // What is told of time is not the same then.
  await setTimeout(later)
  return { words: reasonOf(answer), state: await told(state) }
}

/** Without the offset, which depends on the lengths of values. */
function reasonOf(answer: Answer): string {
  const { message } = answer.extendedAck ?? {}
  const extendedAck = { attributes: [], ...(message !== undefined && { message }) }
  return wordsOf({ ...answer, replies: [], extendedAck })
}

async function told(state: State): Promise<string> {
  const messages = await state.messages([FIRST])
  return messages.map(({ payload }) => payload.toString('hex')).join(' ')
}
