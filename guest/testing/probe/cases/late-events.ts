// SPDX-License-Identifier: MIT
/** Work goes on when a command has returned: what groups are told of it then is what is then. */
import { setTimeout } from 'node:timers/promises'
import { isTimeShort } from '../allowance.ts'
import { widths } from '../core-rules.ts'
import { told } from '../hearing.ts'
import { type Life, startAfresh } from '../life.ts'
import { lineOf, Shape, type Told } from '../shape.ts'
import { TICKS } from '../state.ts'
import { integer } from '../values.ts'
import { nextVariant } from '../variants.ts'

/** Times that it must be so: what changes by itself is not judged. */
const TIMES = 3
/** Milliseconds that work may be asked to take, so that it is seen before it ends; and in which it has told something. */
const DELAY = 20
const SOON = 120

export async function tellWork(life: Life): Promise<void> {
  if (life.subject.family.groups.size === 0 || life.explored.dumps.length === 0) return
  // Work with great values may still be going on.
  await startAfresh(life)
  for (const { operation } of life.explored.working.values()) {
    // How long it takes may be said by an attribute that the command does without.
    const [shape] = Shape.all(life.subject, operation)
    for (const type of shape?.types ?? []) {
      const width = widths[shape?.policyOf(type)?.type ?? '']
      if (shape === undefined || width === undefined) continue
      await compare(life, shape, new Map([[type, integer(BigInt(DELAY), width)]]))
    }
  }
}

async function compare(life: Life, shape: Shape, own: ReadonlyMap<number, Buffer>): Promise<void> {
  let stale: readonly number[] | undefined
  for (let time = 0; time < TIMES && stale?.length !== 0; time++) {
    if (isTimeShort()) return
    const types = await staleOf(life, shape, own)
    stale = stale?.filter(type => types.includes(type)) ?? types
  }
  if (stale === undefined || stale.length === 0) return
  life.faults.add(shape.words, [
    `the event of its work tells attribute ${stale.join(', ')} as it was before, and the dump what is then`,
  ])
}

/** The types of which an event that comes later tells what an entry told until then. */
async function staleOf(life: Life, shape: Shape, own: ReadonlyMap<number, Buffer>): Promise<number[]> {
  const { subject, requester, state, faults } = life
  using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
  const { code } = await requester.ask(shape.operation, shape.attributes(nextVariant(), own))
  if (code !== undefined) return []
  told(subject, listener, faults)
  let before = await state.dumped()
  let events: readonly Told[] = []
  for (const end = performance.now() + SOON; performance.now() < end; ) {
    events = told(subject, listener, faults)
    if (events.length > 0) break
    before = await state.dumped()
  }
  const [event, ...more] = events
  if (event === undefined || more.length > 0) return []
  const after = await state.dumped()
  await setTimeout(TICKS)
  const later = await state.dumped()
  if (before.length !== after.length || after.map(lineOf).join() !== later.map(lineOf).join()) return []
  return after.flatMap((now, at) => changedBehind(event, before[at] ?? new Map(), now))
}

/** The types that an entry tells otherwise than before, where an event tells all as it was, and something that is as it was. */
function changedBehind(event: Told, before: Told, now: Told): number[] {
  const types = [...event.keys()].filter(type => before.has(type))
  const isAsBefore = types.every(type => event.get(type)?.equals(before.get(type) as Buffer))
  const changed = types.filter(type => !now.get(type)?.equals(event.get(type) as Buffer))
  return isAsBefore && changed.length > 0 && changed.length < types.length ? changed : []
}
