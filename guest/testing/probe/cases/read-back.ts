// SPDX-License-Identifier: MIT
/** What is written comes back as it was, at each limit; and so does what is echoed. */
import {
  type Attribute,
  type AttributePolicy,
  findAttribute,
  GENL_HDRLEN,
  type Message,
  parseAttributes,
} from '../../../netlink/index.ts'
import { isTimeShort } from '../allowance.ts'
import { isMinusOne, minusOne } from '../answer.ts'
import { widths } from '../core-rules.ts'
import type { Writer } from '../found.ts'
import { inTurn } from '../in-turn.ts'
import { ENTRIES, type Life, startAfresh } from '../life.ts'
import { misread, Surplus } from '../misread.ts'
import { elementsOf } from '../nest-told.ts'
import { EACH_LIMIT, type NestTrial, variations } from '../nests.ts'
import type { Shape, Told } from '../shape.ts'
import { isList as isListOfNests, isOfMany, lineOf, toldBy } from '../shape.ts'
import type { Subject } from '../subject.ts'
import { FIRST, nextVariant } from '../variants.ts'

export async function readBack(life: Life): Promise<void> {
  const { explored, faults } = life
  for (const writer of explored.writers) await readNumbers(life, writer)
  for (const shape of explored.working.values()) await readBits(life, shape)
  for (const shape of explored.working.values()) await readByNumber(life, shape)
  for (const shape of explored.working.values())
    if (!explored.readers.includes(shape)) await readMade(life, shape)
  const trials: (Written & { readonly trial: NestTrial })[] = []
  for (const writer of explored.writers)
    for (const type of writer.stored)
      if (await isReadAlone(life, writer, type)) trials.push(...trialsOf(life, writer, type))
  let made = 0
  for (const { writer, type, trial, surplus } of inTurn(trials, each => each.surplus)) {
    if (writer.adds && ++made % ENTRIES === 0) await startAfresh(life)
    await readLimit(life, writer, type, trial, surplus)
  }
  for (const { writer, type, surplus } of new Map(trials.map(each => [each.surplus, each])).values()) {
    if (surplus.isConstant && !isNest(writer.shape.policyOf(type)))
      await fillObjects(life, writer, type, surplus)
    faults.add(writer.shape.words, surplus.faults)
  }
  for (const shape of explored.readers) await readEcho(life, shape)
}

/** An attribute that is written and read. */
interface Written {
  readonly writer: Writer
  readonly type: number
  /** What it comes back with, or that one does which is varied inside of it. */
  readonly surplus: Surplus
}

function trialsOf({ subject }: Life, writer: Writer, type: number) {
  const surpluses = new Map<number | undefined, Surplus>()
  return limitsOf(writer.shape, type, subject).map(trial => {
    const surplus = surpluses.get(trial.inside?.type) ?? new Surplus(writer.adds)
    surpluses.set(trial.inside?.type, surplus)
    return { writer, type, trial, surplus }
  })
}

/** Sizes of objects in the kernel's memory: what is behind such a binary is another object. */
const SIZES = [8, 16, 32, 64, 128]
/** Binaries of a size, beside each other: zeros behind all of them are a value's own. */
const OF_A_SIZE = 16

/** Writes binaries that fill their objects, where all came back with more than was sent. */
async function fillObjects(life: Life, writer: Writer, type: number, surplus: Surplus): Promise<void> {
  const { minimumLength = 0, maximumLength = Infinity } = writer.shape.policyOf(type) ?? {}
  for (const size of SIZES.filter(each => each >= minimumLength && each <= maximumLength))
    for (let count = 0; count < OF_A_SIZE; count++) {
      const payload = Buffer.alloc(size, 1 + count)
      await readLimit(life, writer, type, { what: `${size} bytes`, payload }, surplus)
    }
}

/** The variant of what is inside of nests. */
const ANY = 80
/** Bytes that any message has room for. */
const SHORT = 64
/** Longer ones are tried elsewhere. */
const LONGEST_READ = 1025

function limitsOf(shape: Shape, type: number, subject: Subject): NestTrial[] {
  return variations(type, shape.policyOf(type), subject.making(ANY, EACH_LIMIT)).filter(
    ({ payload }) => payload.length > 0 && payload.length < LONGEST_READ,
  )
}

/** Whether it is this attribute that is read, and not one inside a nest that has the same value. */
async function isReadAlone(
  { requester, state }: Life,
  { shape, key }: Writer,
  type: number,
): Promise<boolean> {
  const [others, own] = [nextVariant(), nextVariant()]
  const wanted = shape.payload(type, own)
  if (type === key || wanted.equals(shape.payload(type, others))) return true
  const variantOf = (each: number) => (each === key ? FIRST : each === type ? own : others)
  const { code } = await requester.ask(shape.operation, shape.attributes(variantOf))
  if (code !== undefined || shape.isTold(await state.entry([FIRST, others, own]), type, wanted)) return true
  return shape.isTold(await state.dumped(), type, wanted)
}

async function readLimit(
  life: Life,
  { shape, key, stored, adds }: Writer,
  type: number,
  { what, payload, inside }: NestTrial,
  surplus: Surplus,
): Promise<void> {
  if (isTimeShort()) return
  const { subject, requester, state, faults } = life
  const variant = nextVariant()
  const variantOf = (each: number) => (each === key ? FIRST : variant)
  const own = new Map([[type, payload]])
  const request = subject.encode(shape.operation, shape.attributes(variantOf, own), {
    sequence: requester.socket.nextSequence(),
  })
  const others = stored.filter(each => each !== type && each !== key)
  // Without another attribute to know it by, it is the only new entry of the dumps.
  const isNew = others.length === 0 && adds
  const before = isNew ? await state.dumped() : []
  const isList = (inside?.count ?? 1) > 1
  const unchanged = isList ? await linesOf(life) : undefined
  const { code, faults: wrong } = await requester.send(request)
  faults.add(`${shape.words}: ${what}`, wrong)
  if (code !== undefined) return
  if (isList && !adds && unchanged === (await linesOf(life)))
    faults.add(`${shape.words}: ${what}`, await unwritten(life, { shape, key }, own, unchanged))
  const candidates = isNew
    ? newOf(before, await state.dumped())
    : await entriesAbout(life, adds ? [variant] : [FIRST, variant], own, entry =>
        isAbout(entry, shape, others, variant),
      )
  if (payload.length > SHORT) faults.add(`${shape.words}: ${what}`, await tooLong(life, shape, key, variant))
  const policy = shape.policyOf(type)
  const told = candidates.flatMap(entry => entry.get(type) ?? [])
  const read = isListOfNests(policy) ? told.flatMap(elementsOf) : told
  if (!isNest(policy)) surplus.note({ type, payload, policy, request }, read)
  else if (inside) surplus.note({ ...inside, request }, insideOf(read, inside.type))
  // Others may have changed by themselves.
  if (isNew && candidates.length > 1) return
  const wrongly = isNest(policy)
    ? inside && (misreadList(inside, read) ?? misread({ ...inside, request }, insideOf(read, inside.type)))
    : misread({ type, payload, policy, request }, read)
  if (wrongly !== undefined) faults.add(`${shape.words}: ${what}`, [wrongly])
}

/** All that is told. */
async function linesOf({ state }: Life): Promise<string> {
  const messages = await state.messages([FIRST])
  return messages.map(({ payload }) => payload.toString('hex')).join()
}

/** A list that was accepted, and of which nothing is told, nor of what was written with it. */
async function unwritten(
  life: Life,
  { shape, key }: { readonly shape: Shape; readonly key: number | undefined },
  own: ReadonlyMap<number, Uint8Array>,
  unchanged: string,
): Promise<string[]> {
  const write = async (payloads?: ReadonlyMap<number, Uint8Array>) => {
    const variant = nextVariant()
    // What has few values may be the place, of which the first one is looked at.
    const isPlace = (each: number) => each === key || !isOfMany(shape.policyOf(each))
    const variantOf = (each: number) => (isPlace(each) ? FIRST : variant)
    const { code } = await life.requester.ask(shape.operation, shape.attributes(variantOf, payloads))
    return code === undefined ? await linesOf(life) : undefined
  }
  if ((await write(own)) !== unchanged) return []
  const changed = await write()
  if (changed === undefined || changed === unchanged || (await write(own)) !== changed) return []
  return ['accepted, and nothing of it is told, nor of what was written with it']
}

/** Readers that cannot tell what was written, because it is long: another entry they tell. */
async function tooLong(
  { explored, requester }: Life,
  shape: Shape,
  key: number | undefined,
  variant: number,
): Promise<string[]> {
  const unable = async (each: number) => {
    const readers: Shape[] = []
    for (const reader of explored.readers) {
      const { code } = await requester.ask(reader.operation, reader.attributes(each))
      if (code === 'EMSGSIZE') readers.push(reader)
    }
    return readers
  }
  const readers = await unable(key === undefined ? variant : FIRST)
  if (readers.length === 0) return []
  const control = nextVariant()
  const variantOf = (type: number) => (type === key ? FIRST : control)
  const { code } = await requester.ask(shape.operation, shape.attributes(variantOf))
  const usual = await unable(key === undefined ? control : FIRST)
  if (code !== undefined) return []
  return readers
    .filter(reader => !usual.includes(reader))
    .map(reader => `accepted, and ${reader.words} says EMSGSIZE: its message has no room for that`)
}

/** Bits that a bitfield's selector does not name stay as they are (NLA_BITFIELD32, include/uapi/linux/netlink.h). */
async function readBits(life: Life, shape: Shape): Promise<void> {
  const { requester, state, faults } = life
  for (const type of shape.types) {
    const mask = shape.policyOf(type)?.bitfieldMask ?? 0
    const lowest = (mask & -mask) >>> 0
    const rest = (mask & ~lowest) >>> 0
    if (rest === 0) continue
    const write = async (value: number, selector: number): Promise<(number | undefined)[]> => {
      const payload = Buffer.alloc(8)
      payload.writeUInt32LE(value)
      payload.writeUInt32LE(selector, 4)
      await requester.ask(shape.operation, shape.attributes(FIRST, new Map([[type, payload]])))
      return (await state.entries([FIRST])).map(entry => bitsIn(entry.get(type)))
    }
    let lost: number | undefined
    for (let time = 0; time < BITS && !isTimeShort(); time++) {
      const [none, all, fewer] = [await write(0, mask), await write(mask, mask), await write(0, lowest)]
      const at = all.findIndex((bits, index) => bits === mask && none[index] === 0)
      const isSame = none.length === all.length && all.length === fewer.length
      const left = isSame && at >= 0 ? fewer[at] : undefined
      lost = left !== undefined && (left & rest) >>> 0 !== rest ? left : undefined
      if (lost === undefined) break
    }
    if (lost !== undefined)
      faults.add(shape.words, [
        `attribute ${type} was ${bitsOf(mask)}; with the value 0 and the selector ${bitsOf(lowest)} it becomes ${bitsOf(lost)}, and bits are gone that were not selected`,
      ])
  }
}

/** Times that bits must be lost. */
const BITS = 2

/** The value of struct nla_bitfield32. */
function bitsIn(payload: Buffer | undefined): number | undefined {
  return payload !== undefined && payload.length >= 4 ? payload.readUInt32LE() : undefined
}

function bitsOf(bits: number): string {
  return `0x${bits.toString(16)}`
}

/**
 * Commands that look up by a number that another one has answered with: they answer with that number, and not with its
 * bytes in reverse order.
 */
async function readByNumber(life: Life, maker: Shape): Promise<void> {
  const { subject, requester, explored, faults } = life
  const { headerSize } = subject.family
  const told = async (shape: Shape, variant: number, own?: ReadonlyMap<number, Buffer>) => {
    const { code, replies } = await requester.ask(shape.operation, shape.attributes(variant, own))
    return code === undefined && replies.length === 1 && replies[0]
      ? toldBy(replies[0], headerSize)
      : undefined
  }
  const made = [await told(maker, nextVariant()), await told(maker, nextVariant())]
  for (const [type, payload] of made[0] ?? []) {
    const numbers = made.flatMap(entry => entry?.get(type) ?? [])
    if (!isReversible(payload) || new Set(numbers.map(hex)).size < 2 || !numbers.every(isReversible)) continue
    const lookups = [...explored.working.values()].filter(
      shape => shape !== maker && shape.types.includes(type),
    )
    for (const lookup of lookups) {
      let isSwapped = true
      for (const number of numbers) {
        if (isTimeShort()) return
        const entry = await told(lookup, FIRST, new Map([[type, number]]))
        isSwapped &&= entry?.get(type)?.equals(Buffer.from(number).reverse()) ?? false
      }
      if (isSwapped)
        faults.add(lookup.words, [
          `attribute ${type}, as ${maker.words} has told it, comes back in the other byte order`,
        ])
    }
  }
}

/** Whether it may be an integer that differs in the other byte order. */
function isReversible(payload: Buffer): boolean {
  return [2, 4, 8].includes(payload.length) && !Buffer.from(payload).reverse().equals(payload)
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex')
}

/** The entries that are meant, as readers tell them; or dumps, where readers do not get them. */
async function entriesAbout(
  { state }: Life,
  variants: readonly number[],
  own: ReadonlyMap<number, Uint8Array>,
  isMeant: (entry: Told) => boolean,
): Promise<Told[]> {
  const looked = (await state.entry(variants, own)).filter(isMeant)
  return looked.length > 0 ? looked : (await state.dumped()).filter(isMeant)
}

/** Whether an entry has the values of the other attributes that were written, as far as it tells them. */
function isAbout(entry: Told, shape: Shape, others: readonly number[], variant: number): boolean {
  const told = others.filter(type => entry.has(type))
  if (told.length === 0) return others.length === 0
  return told.every(type => shape.isTold([entry], type, shape.payload(type, variant)))
}

/** The entries that were not there before. */
function newOf(before: readonly Told[], after: readonly Told[]): Told[] {
  const known = new Set(before.map(lineOf))
  return after.filter(entry => !known.has(lineOf(entry)))
}

async function readNumbers(
  { subject, requester, state, faults }: Life,
  { shape, key }: Writer,
): Promise<void> {
  const variant = nextVariant()
  const variantOf = (type: number) => (type === key ? FIRST : variant)
  const { code } = await requester.ask(shape.operation, shape.attributes(variantOf))
  if (code !== undefined) return
  const messages = await state.messages([FIRST, variant])
  faults.add(shape.words, misnumbered(subject, shape, variantOf, messages))
  const another = nextVariant()
  const anotherOf = (type: number) => (type === key ? FIRST : another)
  const again = await requester.ask(shape.operation, shape.attributes(anotherOf))
  if (again.code !== undefined) return
  const later = await state.messages([FIRST, another])
  const isNarrow = (type: number) =>
    narrowed(subject, shape, type, variantOf, messages) && narrowed(subject, shape, type, anotherOf, later)
  const told = (each: readonly Message[]) => each.map(message => toldBy(message, subject.family.headerSize))
  const isAlwaysReversed = (type: number) =>
    isReversed(told(messages), type, shape.payload(type, variant)) &&
    isReversed(told(later), type, shape.payload(type, another)) &&
    !shape.isTold(told(messages), type, shape.payload(type, variant))
  for (const type of shape.distinct(variant, another).filter(each => each !== key && isAlwaysReversed(each)))
    faults.add(shape.words, [`attribute ${type} comes back in the other byte order`])
  for (const type of shape.distinct(variant, another).filter(each => each !== key && isNarrow(each)))
    faults.add(shape.words, [
      `attribute ${type} has ${shape.payload(type, variant).length} bytes where it is written, and is told in fewer`,
    ])
}

/** Whether an integer is told by the first of its bytes alone, wherever it is told. */
function narrowed(
  { family }: Subject,
  shape: Shape,
  type: number,
  variantOf: (type: number) => number,
  messages: readonly Message[],
): boolean {
  const width = widths[shape.policyOf(type)?.type ?? '']
  const sent = shape.payload(type, variantOf(type))
  if (width === undefined || sent.length !== width) return false
  const told = messages.flatMap(message =>
    message
      .attributes(GENL_HDRLEN + family.headerSize)
      .filter(each => each.type === type)
      .map(({ payload }) => payload),
  )
  return (
    told.every(({ length }) => length > 0 && length < width) &&
    told.some(payload => payload.equals(sent.subarray(0, payload.length)))
  )
}

/** Attributes that are told by the number of another one, which is told as well. */
function misnumbered(
  { family }: Subject,
  shape: Shape,
  variantOf: (type: number) => number,
  messages: readonly Message[],
): string[] {
  return messages.flatMap(message => {
    const told = message.attributes(GENL_HDRLEN + family.headerSize)
    const is = (payload: Buffer, type: number) =>
      shape.isTold([new Map([[type, payload]])], type, shape.payload(type, variantOf(type)))
    const absent = shape.types.filter(type => !told.some(each => each.type === type))
    return told.flatMap(each => {
      const twins = told.filter(other => other !== each && other.type === each.type)
      if (!shape.types.includes(each.type) || is(each.payload, each.type)) return []
      if (!twins.some(twin => is(twin.payload, twin.type))) return []
      return absent
        .filter(type => is(each.payload, type))
        .map(type => `attribute ${type} is told as a second attribute ${each.type}`)
    })
  })
}

/** Who tells as many of it as were written tells the same. */
function misreadList(
  { type, payload, count = 1 }: NonNullable<NestTrial['inside']>,
  nests: readonly Buffer[],
): string | undefined {
  const lists = nests
    .map(nest => allInside(nest).filter(each => each.type === type))
    .filter(({ length }) => length === count)
  if (count < 2 || lists.length === 0) return undefined
  if (lists.some(list => list.every(each => each.payload.equals(payload)))) return undefined
  const other = lists[0]?.find(each => !each.payload.equals(payload))?.payload
  return `${count} of attribute ${type} were accepted, each as ${payload.toString('hex')}, and one of them is read as ${other?.toString('hex')}`
}

function allInside(nest: Buffer): Attribute[] {
  try {
    return parseAttributes(nest)
  } catch {
    return []
  }
}

/** One attribute of each of the nests. */
function insideOf(nests: readonly Buffer[], type: number): Buffer[] {
  return nests.flatMap(nest => findAttribute(allInside(nest), type)?.payload ?? [])
}

function isNest(policy: AttributePolicy | undefined): boolean {
  return policy?.type === 'NESTED' || policy?.type === 'NESTED_ARRAY'
}

/** A command that answers with what it has made: integers of two requests come back as they were. */
async function readMade({ subject, requester, faults }: Life, shape: Shape): Promise<void> {
  const { headerSize } = subject.family
  const variants = [nextVariant(), nextVariant()] as const
  const told: Told[][] = []
  for (const variant of variants) {
    const { code, replies } = await requester.ask(shape.operation, shape.attributes(variant))
    if (code !== undefined || replies.length === 0) return
    told.push(replies.map(reply => toldBy(reply, headerSize)))
  }
  for (const type of shape.distinct(...variants))
    if (variants.every((variant, at) => isReversed(told[at] ?? [], type, shape.payload(type, variant))))
      faults.add(shape.words, [`attribute ${type} comes back in the other byte order`])
}

/** A reader that answers with its own attributes: a lookup, or an echo. */
async function readEcho({ subject, requester, faults }: Life, shape: Shape): Promise<void> {
  const { headerSize } = subject.family
  const never = await requester.ask(shape.operation, shape.attributes(nextVariant()))
  if (isMinusOne(never) && shape.types.length > 0) faults.add(shape.words, [minusOne])
  const ask = async (attributes: Buffer): Promise<Told[]> => {
    const answer = await requester.ask(shape.operation, attributes)
    return answer.code === undefined ? answer.replies.map(reply => toldBy(reply, headerSize)) : []
  }
  // Nobody has written these: what is there already is no echo.
  const variants = [nextVariant(), nextVariant()] as const
  const [one] = variants
  const told = [await ask(shape.attributes(one)), await ask(shape.attributes(variants[1]))]
  for (const type of shape.distinct(...variants)) {
    const isEcho = variants.every((variant, at) =>
      shape.isTold(told[at] ?? [], type, shape.payload(type, variant)),
    )
    if (!isEcho) {
      const halves = variants.map((variant, at) => isHalf(told[at] ?? [], type, shape.payload(type, variant)))
      if (halves.every(Boolean))
        faults.add(shape.words, [`attribute ${type} comes back without its upper half`])
      const isSwapped = variants.every((variant, at) =>
        isReversed(told[at] ?? [], type, shape.payload(type, variant)),
      )
      if (isSwapped) faults.add(shape.words, [`attribute ${type} comes back in the other byte order`])
      continue
    }
    if (isNest(shape.policyOf(type))) continue
    for (const { what, payload } of limitsOf(shape, type, subject)) {
      if (isTimeShort()) break
      const attributes = shape.attributes(one, new Map([[type, payload]]))
      const read = (await ask(attributes)).flatMap(each => each.get(type) ?? [])
      const sent = { type, payload, policy: shape.policyOf(type), request: attributes }
      const wrongly = misread(sent, read)
      if (wrongly !== undefined) faults.add(`${shape.words}: ${what}`, [wrongly])
    }
  }
}

/** Whether only the lower half of an integer is told, which has bits in its upper one. */
function isHalf(told: readonly Told[], type: number, sent: Buffer): boolean {
  const half = sent.length / 2
  if (![2, 4, 8].includes(sent.length) || isZero(sent.subarray(half))) return false
  const lower = Buffer.concat([sent.subarray(0, half), Buffer.alloc(half)])
  return told.some(each => each.get(type)?.equals(lower))
}

/** Whether only an integer's bytes are told in reverse order. */
function isReversed(told: readonly Told[], type: number, sent: Buffer): boolean {
  if (![2, 4, 8].includes(sent.length)) return false
  const reversed = Buffer.from(sent).reverse()
  return !reversed.equals(sent) && told.some(each => each.get(type)?.equals(reversed))
}

function isZero(bytes: Buffer): boolean {
  return bytes.every(byte => byte === 0)
}
