// SPDX-License-Identifier: MIT
/** Bytes that are read and written by their place and number, as those of a memory: none is beyond its end. */
import { isTimeShort } from '../allowance.ts'
import { widths } from '../core-rules.ts'
import type { Life } from '../life.ts'
import { Shape, toldBy } from '../shape.ts'
import { integer } from '../values.ts'
import { FIRST } from '../variants.ts'

/** Numbers of bytes that must all be answered with as many. */
const NUMBERS = [2, 3, 5] as const
/** Bytes that are written and read; as many of them as come without the first ones, and as a part. */
const WHOLE = 16
const [SKIPPED, PART, GIVEN] = [3, 4, 8] as const
/** A memory that goes on beyond this place has no end that is looked for. */
const FARTHEST = 1 << 20

/** Attributes of a request that answers with bytes. */
interface Window {
  readonly reader: Shape
  /** The types of the place, the number of bytes, and the bytes. */
  readonly place: number
  readonly count: number
  readonly bytes: number
  /** The first place. */
  readonly start: number
}

/** Writes bytes; in some requests an attribute says how many of them. */
interface Putter {
  readonly shape: Shape
  readonly count?: number
}

export async function readWindows(life: Life): Promise<void> {
  for (const reader of life.explored.readers) {
    const window = await windowOf(life, reader)
    if (window === undefined) continue
    const putters = await puttersOf(life, window)
    const [plain] = putters
    if (plain !== undefined) await put(life, window, plain, 0, pattern(WHOLE, 1))
    if (!(await isContinuous(life, window))) continue
    await readBeyond(life, window, plain)
    for (const putter of putters) await putMore(life, window, putter)
  }
}

async function windowOf(life: Life, reader: Shape): Promise<Window | undefined> {
  const integers = reader.types.filter(type => widthOf(reader, type) !== undefined)
  for (const count of integers)
    for (const place of integers.filter(each => each !== count))
      for (const start of [0, 1]) {
        if (isTimeShort()) return undefined
        const lengths: Map<number, number>[] = []
        for (const number of NUMBERS) {
          const told = await look(life, reader, { place, count }, start, number)
          lengths.push(new Map([...told].map(([type, { length }]) => [type, length])))
        }
        const [first] = lengths
        const bytes = [...(first?.keys() ?? [])].find(type =>
          NUMBERS.every((number, at) => lengths[at]?.get(type) === number),
        )
        if (bytes !== undefined) return { reader, place, count, bytes, start }
      }
  return undefined
}

function widthOf(shape: Shape, type: number): number | undefined {
  return widths[shape.policyOf(type)?.type ?? '']
}

async function look(
  { subject, requester }: Life,
  reader: Shape,
  { place, count }: Pick<Window, 'place' | 'count'>,
  at: number,
  number: number,
): Promise<ReadonlyMap<number, Buffer>> {
  const { replies } = await requester.ask(
    reader.operation,
    reader.attributes(FIRST, valuesOf(reader, [place, at], [count, number])),
  )
  const [reply, ...more] = replies
  return reply === undefined || more.length > 0 ? new Map() : toldBy(reply, subject.family.headerSize)
}

function valuesOf(shape: Shape, ...values: readonly (readonly [number, number])[]): Map<number, Buffer> {
  return new Map(values.map(([type, value]) => [type, integer(BigInt(value), widthOf(shape, type) ?? 4)]))
}

/** @returns undefined if it is refused */
async function read(life: Life, window: Window, at: number, number: number): Promise<Buffer | undefined> {
  return (await look(life, window.reader, window, at, number)).get(window.bytes)
}

/** Different bytes. */
function pattern(length: number, first: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => first + 7 * at))
}

/** The requests after which the bytes are read: without a number, and with one, of which fewer are written. */
async function puttersOf(life: Life, window: Window): Promise<Putter[]> {
  const { subject } = life
  const found: Putter[] = []
  for (const operation of subject.commands.filter(
    ({ command }) => command !== window.reader.operation.command,
  ))
    for (const shape of Shape.all(subject, operation)) {
      if (![window.place, window.bytes].every(type => shape.types.includes(type))) continue
      const integers = shape.types.filter(
        type => ![window.place, window.bytes].includes(type) && widthOf(shape, type) !== undefined,
      )
      for (const count of [undefined, ...integers]) {
        if (isTimeShort()) return found
        const putter = { shape, ...(count !== undefined && { count }) }
        if (!found.some(each => (each.count === undefined) === (count === undefined)))
          if (await puts(life, window, putter)) found.push(putter)
      }
    }
  return found.sort((a, b) => Number(a.count !== undefined) - Number(b.count !== undefined))
}

async function puts(life: Life, window: Window, putter: Putter): Promise<boolean> {
  const [all, others] = [pattern(WHOLE, 1), pattern(WHOLE, 2)]
  if ((await put(life, window, putter, 0, all)) !== undefined) return false
  if ((await read(life, window, window.start, WHOLE))?.equals(all) !== true) return false
  if (putter.count === undefined) return true
  if ((await put(life, window, putter, 0, others, PART)) !== undefined) return false
  const mixed = Buffer.concat([others.subarray(0, PART), all.subarray(PART)])
  return (await read(life, window, window.start, WHOLE))?.equals(mixed) === true
}

/** @returns the errno of a refusal */
async function put(
  { requester }: Life,
  window: Window,
  { shape, count }: Putter,
  at: number,
  bytes: Buffer,
  number = bytes.length,
): Promise<string | undefined> {
  const { start, place } = window
  const own = valuesOf(shape, [place, start + at], ...(count === undefined ? [] : [[count, number] as const]))
  own.set(window.bytes, bytes)
  // What is behind the bytes is then known.
  const attributes = [shape.only(window.bytes), shape.without(window.bytes)].map(each =>
    each.attributes(FIRST, own),
  )
  return (await requester.ask(shape.operation, Buffer.concat(attributes))).code
}

/** Whether a place is that of a byte. */
async function isContinuous(life: Life, window: Window): Promise<boolean> {
  const { start } = window
  const whole = await read(life, window, start, WHOLE)
  const rest = await read(life, window, start + SKIPPED, WHOLE - SKIPPED)
  return (
    whole?.length === WHOLE &&
    new Set(whole.subarray(SKIPPED)).size >= SKIPPED &&
    rest?.equals(whole.subarray(SKIPPED)) === true
  )
}

/** The last place from which a byte is read; undefined without an end. */
async function lastOf(life: Life, window: Window): Promise<number | undefined> {
  const isThere = async (at: number) => (await read(life, window, at, 1))?.length === 1
  return await greatest(window.start, isThere)
}

/** The greatest number for which something is so, as it is for all smaller ones. */
async function greatest(
  from: number,
  isSo: (value: number) => Promise<boolean>,
): Promise<number | undefined> {
  let [low, high] = [from, from + 1]
  while (await isSo(high)) {
    if (isTimeShort() || high > FARTHEST) return undefined
    ;[low, high] = [high, 2 * high]
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (await isSo(middle)) low = middle
    else high = middle
  }
  return low
}

/**
 * More bytes than there are from the last place. That it is the end is certain where it is the end for writing, or
 * where from the first place not one byte more is read.
 */
async function readBeyond(life: Life, window: Window, putter: Putter | undefined): Promise<void> {
  const { faults } = life
  const { reader, start, place, count } = window
  const last = await lastOf(life, window)
  if (last === undefined || last - start < WHOLE) return
  const beyond = await read(life, window, last, WHOLE)
  if (beyond?.length !== WHOLE) return
  const isAgain = (await read(life, window, start, WHOLE - 1))?.equals(beyond.subarray(1))
  if (isAgain) return
  const isEndForWriting =
    putter !== undefined &&
    (await put(life, window, putter, last - start, beyond.subarray(0, 1))) === undefined &&
    (await put(life, window, putter, last - start, beyond)) !== undefined
  const isAll = async (number: number) => (await read(life, window, start, number))?.length === number
  if (!isEndForWriting && (await greatest(1, isAll)) !== last - start + 1) return
  faults.add(reader.words, [
    `it answers with ${WHOLE} bytes from ${last} on (attribute ${place}, attribute ${count} is ${WHOLE}), and that is the last place: what is behind it?`,
  ])
}

/** More bytes than were given. */
async function putMore(life: Life, window: Window, putter: Putter): Promise<void> {
  if (putter.count === undefined) return
  const before = pattern(WHOLE, 3)
  await put(life, window, putter, 0, before)
  if ((await put(life, window, putter, 0, pattern(GIVEN, 4), WHOLE)) !== undefined) return
  const tail = (await read(life, window, window.start, WHOLE))?.subarray(GIVEN)
  // It may be filled up.
  if (tail === undefined || tail.equals(before.subarray(GIVEN)) || new Set(tail).size === 1) return
  life.faults.add(putter.shape.words, [
    `it writes ${WHOLE} bytes (attribute ${putter.count}), and only ${GIVEN} were given: then what is behind these is read`,
  ])
}
