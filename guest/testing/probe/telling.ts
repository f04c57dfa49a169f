// SPDX-License-Identifier: MIT
/** Which requests a family's groups hear of, and what they do to what is told at the same time. */
import type { Message } from '../../netlink/index.ts'
import { isTimeShort } from './allowance.ts'
import { hearSoon } from './hearing.ts'
import type { Life } from './life.ts'
import type { Shape, Told } from './shape.ts'
import { FIRST } from './variants.ts'

/** Milliseconds after which no more requests are tried before others. */
const ENOUGH = 3000
/** Milliseconds that are waited for what is told of earlier requests, where it is only tried. */
const HASTY = 20

/** A request in a fresh module, where others were asked before it. */
export interface Setting {
  readonly shape: Shape
  /** What is asked right before it, with values of the first variant. */
  readonly earlier?: Shape
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
  return new Map(found.values())
}

/**
 * Asks in a fresh module, where what others make is there. Who changes an entry writes other values than those that it
 * has.
 */
export async function react(
  { subject, explored, requester, state, faults }: Life,
  { shape, earlier }: Setting,
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
    if (writer !== own) await requester.ask(writer.shape.operation, writer.shape.attributes(FIRST))
  if (earlier !== undefined) await requester.ask(earlier.operation, earlier.attributes(FIRST))
  await hearSoon(subject, listener, faults, isHasty ? HASTY : undefined)
  const before = await state.entries([FIRST])
  const variantOf = (type: number) => (own === undefined || type === own.key ? FIRST : variant)
  const request = shape.attributes(variantOf, payloads)
  const { code } = isLeftOut ? {} : await requester.ask(shape.operation, request)
  if (code !== undefined) return { code, before, heard: [], after: [] }
  const heard = await hearSoon(subject, listener, faults)
  return { code, before, heard, after: await state.entries([FIRST]) }
}
