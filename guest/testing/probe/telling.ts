// SPDX-License-Identifier: MIT
/** Which requests a family's groups hear of, and what they do to what is told at the same time. */
import type { Message } from '../../netlink/index.ts'
import { isTimeShort } from './allowance.ts'
import { limitsOf } from './fitting.ts'
import { hearSoon } from './hearing.ts'
import type { Life } from './life.ts'
import { Shape, type Told } from './shape.ts'
import { integer } from './values.ts'
import { FIRST } from './variants.ts'

/** Milliseconds after which no more requests are tried before others. */
const ENOUGH = 3000
/** Milliseconds that are waited for what is told of earlier requests, where it is only tried. */
const HASTY = 20

/** Ways to ask a command that has not succeeded. */
const SHAPES = 3

/** A request in a fresh module, where others were asked before it. */
export interface Setting {
  readonly shape: Shape
  /** What is asked right before it, with values of the first variant. */
  readonly earlier?: Shape
  /** Payloads by type that the earlier one has instead: what it begins may be over soon else. */
  readonly lasting?: ReadonlyMap<number, Uint8Array>
  /** The attribute by which it names what the earlier one has begun, as that is told. */
  readonly named?: number
}

/** Another way to ask in a setting. */
export interface Asking {
  /** Of values that are not those of what is there. */
  readonly variant?: number
  /** Of the one group that listens; all listen if it is not given. */
  readonly group?: string
  /** Payloads by type that it has instead. */
  readonly payloads?: ReadonlyMap<number, Uint8Array>
  /** Whether it is asked before all is told that was asked for earlier. */
  readonly isHasty?: boolean
  /** Whether the request is left out, to see what changes by itself. */
  readonly isLeftOut?: boolean
}

/** What came of such a request. */
export interface Reaction {
  readonly code: string | undefined
  /** What was told before it, and afterwards. */
  readonly before: readonly Told[]
  readonly after: readonly Told[]
  readonly heard: readonly Message[]
}

/**
 * For each command that does more than answer: where it succeeds, and groups hear of it if there is such a setting. Some
 * hear only of what was enabled, so that it is not judged by what they do not hear elsewhere.
 */
export async function findSettings(life: Life): Promise<Map<Setting, Reaction>> {
  const { explored } = life
  const shapes = [...explored.working.values()].filter(shape => !explored.readers.includes(shape))
  const found = new Map<Shape, readonly [Setting, Reaction]>()
  const isHeard = (shape: Shape) => (found.get(shape)?.[1].heard.length ?? 0) > 0
  const look = async (setting: Setting) => {
    const reaction = await react(life, setting, { isHasty: true })
    const isBetter = !found.has(setting.shape) || reaction.heard.length > 0
    if (reaction.code === undefined && isBetter) found.set(setting.shape, [setting, reaction])
  }
  for (const shape of shapes) if (!isTimeShort()) await look({ shape })
  const end = performance.now() + ENOUGH
  for (const shape of shapes)
    for (const earlier of shapes)
      if (!isHeard(shape) && !isTimeShort() && performance.now() < end) await look({ shape, earlier })
  for (const setting of lastingSettings(life))
    if (!isTimeShort() && performance.now() < end + ENOUGH) await look(setting)
  return new Map(found.values())
}

/** Commands that have not succeeded may do so as long as something lasts that another one begins. */
function lastingSettings({ subject, explored }: Life): Setting[] {
  const { working, writers } = explored
  const begins = writers
    .filter(({ adds }) => adds)
    .flatMap(({ shape }) => greatestOf(shape).map(lasting => ({ earlier: shape, lasting })))
  return subject.commands
    .filter(({ command }) => !working.has(command))
    .flatMap(operation => Shape.all(subject, operation).slice(0, SHAPES))
    .flatMap(shape => shape.types.map(named => ({ shape, named })))
    .flatMap(each => begins.map(begin => ({ ...each, ...begin })))
}

/** One attribute at its greatest value, for each that has such. */
function greatestOf(shape: Shape): ReadonlyMap<number, Buffer>[] {
  return limitsOf(shape).filter(own =>
    [...own].every(([type, payload]) => {
      const { maximum } = shape.policyOf(type) ?? {}
      return maximum !== undefined && integer(maximum, payload.length).equals(payload)
    }),
  )
}

/**
 * Asks in a fresh module, where what others make is there. Who changes an entry writes other values than those that it
 * has.
 */
export async function react(
  { subject, explored, requester, state, faults }: Life,
  { shape, earlier, lasting, named }: Setting,
  { variant = FIRST + 1, group, payloads, isHasty = false, isLeftOut = false }: Asking = {},
): Promise<Reaction> {
  await subject.reload()
  // Groups have other numbers each time.
  const { groups } = subject.family
  const memberships = [...groups]
    .filter(([name]) => group === undefined || name === group)
    .map(([, id]) => id)
  using listener = subject.open({ memberships }).withRoom()
  const { command } = shape.operation
  const own = explored.writers.find(each => each.shape.operation.command === command)
  for (const writer of explored.writers)
    if (writer !== own && !(lasting && writer.shape === earlier))
      await requester.ask(writer.shape.operation, writer.shape.attributes(FIRST))
  if (earlier !== undefined) await requester.ask(earlier.operation, earlier.attributes(FIRST, lasting))
  await hearSoon(subject, listener, faults, isHasty ? HASTY : undefined)
  const before = await state.entries([FIRST])
  const variantOf = (type: number) => (own === undefined || type === own.key ? FIRST : variant)
  const name = named === undefined ? undefined : subject.toldValues(named).at(-1)
  const others = new Map([...(payloads ?? []), ...(named && name ? [[named, name] as const] : [])])
  const request = shape.attributes(variantOf, others)
  const { code } = isLeftOut ? {} : await requester.ask(shape.operation, request)
  if (code !== undefined) return { code, before, heard: [], after: [] }
  const heard = await hearSoon(subject, listener, faults)
  return { code, before, heard, after: await state.entries([FIRST]) }
}
