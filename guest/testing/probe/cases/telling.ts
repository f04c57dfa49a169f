// SPDX-License-Identifier: MIT
/** Groups hear of each change once, of what is then, and of whoever changes what they are told of. */
import type { AttributePolicy, Message } from '../../../netlink/index.ts'
import { isTimeShort } from '../allowance.ts'
import type { Remover } from '../found.ts'
import { hearSoon } from '../hearing.ts'
import { type Life, startAfresh } from '../life.ts'
import { isBeyond } from '../misread.ts'
import { namesOf } from '../names.ts'
import { type Shape, toldBy } from '../shape.ts'
import { findSettings, type Reaction, react, type Setting } from '../telling.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** Values with which a request must be told twice, each time: another number of events may be what it asks for. */
const VARIANTS = [FIRST + 1, FIRST + 2, FIRST + 3]
/** Times that it must be so: what changes by itself is not judged. */
const TIMES = 2
/** Bytes of the longest text that is tried. */
const MOST = 1024

export async function tellChanges(life: Life): Promise<void> {
  const { subject, faults } = life
  const { groups, headerSize } = subject.family
  if (groups.size === 0) return
  const effects = new Map<Setting, Effect>()
  for (const [setting, reaction] of await findSettings(life)) {
    effects.set(setting, effectOf(reaction, headerSize))
    if (isTwice(reaction.heard) && (await isAlwaysTwice(life, setting, [...groups.keys()])))
      faults.add(setting.shape.words, ['a group is told the same event twice'])
    if (reaction.heard.length > 0) await tellLongest(life, setting)
  }
  for (const [setting, effect] of effects) {
    const again = async () => {
      const control = effectOf(await react(life, setting, { isLeftOut: true }), headerSize)
      const { changed, ...rest } = effectOf(await react(life, setting), headerSize)
      return { ...rest, changed: new Map([...changed].filter(([type]) => !control.changed.has(type))) }
    }
    for (const [judgement, types] of judgements(effect, [...effects.values()])) {
      let still = types
      for (let time = 0; still.length > 0 && time < TIMES && !isTimeShort(); time++) {
        const now = judgements(await again(), [...effects.values()])
        still = still.filter(type => now.get(judgement)?.includes(type))
      }
      if (still.length > 0 && !isTimeShort())
        faults.add(setting.shape.words, [`it changes attribute ${still.join(', ')}, and ${judgement}`])
    }
  }
}

/** Times that what is added, changed and removed is told, or is not. */
const LIVES = 2

/** Where groups are told what is changed, they are told what is added and removed as well. */
export async function tellLives(life: Life): Promise<void> {
  if (life.subject.family.groups.size === 0) return
  for (const remover of life.explored.removers) {
    const lives: Map<Shape, boolean>[] = []
    for (let time = 0; time < LIVES && !isTimeShort(); time++) lives.push(await live(life, remover))
    if (lives.length < LIVES) return
    const shapes = [...(lives[0]?.keys() ?? [])]
    const told = shapes.filter(shape => lives.every(each => each.get(shape) === true))
    for (const shape of [remover.adder.shape, remover.shape])
      if (told.length > 1 && lives.every(each => each.get(shape) === false))
        life.faults.add(shape.words, [
          `no group is told, though they are told of ${told.map(({ words }) => words).join(', and of ')}`,
        ])
  }
}

/** An entry is added, others are changed, and it is removed. @returns of which steps that succeeded groups hear */
async function live(life: Life, remover: Remover): Promise<Map<Shape, boolean>> {
  const { subject, explored, requester, state, faults } = life
  await startAfresh(life)
  using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
  const heard = new Map<Shape, boolean>()
  const step = async (shape: Shape, attributes: Buffer) => {
    await hearSoon(subject, listener, faults)
    const { code } = await requester.ask(shape.operation, attributes)
    if (code === undefined) heard.set(shape, (await hearSoon(subject, listener, faults)).length > 0)
  }
  const variant = nextVariant()
  await step(remover.adder.shape, remover.adder.shape.attributes(variant))
  for (const { shape, key } of explored.writers.filter(({ adds }) => !adds))
    await step(
      shape,
      shape.attributes(type => (type === key ? FIRST : variant)),
    )
  const own = await namesOf(state, remover, variant)
  await step(remover.shape, remover.shape.attributes(variant, own))
  return heard
}

/** Texts that have all that they can have are told as that. */
async function tellLongest(life: Life, setting: Setting): Promise<void> {
  const { subject, faults } = life
  const { shape } = setting
  for (const type of shape.types) {
    const payload = longestText(shape.policyOf(type))
    if (payload === undefined || isTimeShort()) continue
    const { heard } = await react(life, setting, { payloads: new Map([[type, payload]]) })
    if (heard.some(message => isBeyond(payload, toldBy(message, subject.family.headerSize).get(type))))
      faults.add(shape.words, [
        `attribute ${type} has the longest text, and an event tells it with bytes that are behind it`,
      ])
  }
}

/** The longest text that is taken, without a NUL where none is needed. */
function longestText({ type, maximumLength = 0 }: AttributePolicy = {}): Buffer | undefined {
  if (maximumLength === 0 || maximumLength > MOST) return undefined
  if (type === 'STRING') return Buffer.alloc(maximumLength, 'x')
  return type === 'NUL_STRING' ? Buffer.from(`${'x'.repeat(maximumLength)}\0`) : undefined
}

/** Whether some message is told twice. */
function isTwice(heard: readonly Message[]): boolean {
  const counts = new Map<string, number>()
  for (const { payload } of heard) {
    const line = payload.toString('hex')
    counts.set(line, (counts.get(line) ?? 0) + 1)
  }
  return Math.max(0, ...counts.values()) === 2
}

/** Whether one group hears an event twice, with each of the values. */
async function isAlwaysTwice(life: Life, setting: Setting, groups: readonly string[]): Promise<boolean> {
  for (const group of groups) {
    let isAlways = true
    for (const variant of VARIANTS) {
      if (isTimeShort()) return false
      isAlways &&= isTwice((await react(life, setting, { variant, group })).heard)
      if (!isAlways) break
    }
    if (isAlways) return true
  }
  return false
}

/** What a request does to what is told. */
interface Effect {
  /** The attributes that an entry tells otherwise than before. */
  readonly changed: ReadonlyMap<number, { readonly before: Buffer; readonly after: Buffer }>
  /** What groups were told, by attribute; undefined if they were told nothing. */
  readonly told: ReadonlyMap<number, readonly Buffer[]> | undefined
}

function effectOf({ before, after, heard }: Reaction, headerSize: number): Effect {
  const changed = new Map<number, { before: Buffer; after: Buffer }>()
  // Where entries come or go, it is not known which is which.
  for (const [at, entry] of before.length === after.length ? before.entries() : [])
    for (const [type, payload] of entry) {
      const now = after[at]?.get(type)
      if (now !== undefined && !now.equals(payload)) changed.set(type, { before: payload, after: now })
    }
  const told = new Map<number, Buffer[]>()
  for (const message of heard)
    for (const [type, payload] of toldBy(message, headerSize))
      told.set(type, [...(told.get(type) ?? []), payload])
  return { changed, told: heard.length > 0 ? told : undefined }
}

/** What is wrong with what groups are told of a request, with the attributes that show it. */
function judgements({ changed, told }: Effect, others: readonly Effect[]): Map<string, number[]> {
  const isTold = (type: number, effect: Effect) => {
    const now = effect.changed.get(type)?.after
    return now !== undefined && (effect.told?.get(type) ?? []).some(payload => payload.equals(now))
  }
  const stale = [...changed].filter(([type, { before, after }]) => {
    // Who tells what it was and what it is has an attribute for each.
    const isNow = [...(told?.values() ?? [])].flat().some(each => each.equals(after))
    return !isNow && told?.get(type)?.some(each => each.equals(before))
  })
  const untold =
    told === undefined ? [...changed].filter(([type]) => others.some(each => isTold(type, each))) : []
  return new Map([
    ['a group is told what it was before', stale.map(([type]) => type)],
    ['no group is told, though others that change it tell what it is then', untold.map(([type]) => type)],
  ])
}
