// SPDX-License-Identifier: MIT
/** Slots that are always there: what is got by each number of a range is dumped, up to the last one. */
import type { AttributePolicy } from '../../../netlink/index.ts'
import { isTimeShort } from '../allowance.ts'
import { widths } from '../core-rules.ts'
import type { Operation } from '../family.ts'
import type { Life } from '../life.ts'
import { Shape, type Told, toldBy } from '../shape.ts'
import { integer } from '../values.ts'
import { FIRST } from '../variants.ts'

/** Numbers of a range: fewer may be a coincidence, and more are likely no slots. */
const [LEAST, MOST] = [3, 128]

export async function compareSlots(life: Life): Promise<void> {
  const { subject } = life
  for (const dump of subject.dumps) {
    const getter = subject.commands.find(({ command }) => command === dump.command)
    if (getter !== undefined) await compare(life, getter, dump)
  }
}

async function compare(
  { subject, requester, faults }: Life,
  getter: Operation,
  dump: Operation,
): Promise<void> {
  const { headerSize } = subject.family
  for (const shape of Shape.all(subject, getter).filter(({ types }) => types.length === 1)) {
    const [type = 0] = shape.types
    const numbers = numbersOf(shape.policyOf(type))
    const got = new Map<number, Told>()
    for (const { number, payload } of numbers) {
      if (isTimeShort()) return
      const { code, replies } = await requester.ask(
        getter,
        shape.attributes(FIRST, new Map([[type, payload]])),
      )
      const told = code === undefined ? replies.map(reply => toldBy(reply, headerSize)) : []
      const [own] = told.filter(each => each.get(type)?.equals(payload))
      if (own !== undefined) got.set(number, own)
    }
    const last = numbers.at(-1)
    if (last === undefined || got.size < LEAST) continue
    const { code, replies } = await requester.ask(dump)
    if (code !== undefined) continue
    const dumped = replies.flatMap(reply => toldBy(reply, headerSize).get(type)?.toString('hex') ?? [])
    const missing = numbers.filter(
      ({ number, payload }) => got.has(number) && !dumped.includes(payload.toString('hex')),
    )
    // One with other attributes than those that are dumped may be a special one.
    const kind = (number: number) => [...(got.get(number)?.keys() ?? [])].join()
    const isUsual = numbers.some(({ number }) => number !== last.number && kind(number) === kind(last.number))
    if (missing.length === 1 && missing[0]?.number === last.number && isUsual)
      faults.add(`${subject.commandWords(dump.command)} (dump)`, [
        `it tells ${got.size - 1} entries, and not the last one, which is got by attribute ${type} as ${last.number}`,
      ])
  }
}

/** All that a policy lets through, if they are few. */
function numbersOf({ type = '', minimum, maximum, mask }: AttributePolicy = {}): {
  number: number
  payload: Buffer
}[] {
  const width = widths[type]
  if (width === undefined || minimum === undefined || maximum === undefined || mask !== undefined) return []
  const count = Number(maximum - minimum) + 1
  if (count < LEAST || count > MOST) return []
  return Array.from({ length: count }, (_, index) => ({
    number: Number(minimum) + index,
    payload: integer(minimum + BigInt(index), width),
  }))
}
