// SPDX-License-Identifier: MIT
/**
 * An attribute that a command has a policy of its own for is not told as if it had never been written. Where
 * commands have the same policy, those that are for another one may be ignored.
 */
import { isTimeShort } from '../allowance.ts'
import { widths } from '../core-rules.ts'
import type { Writer } from '../found.ts'
import type { Life } from '../life.ts'
import { hasOwnPolicy, isAlike } from '../own-policy.ts'
import type { Shape } from '../shape.ts'
import { rangeTrials } from '../values.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** Values of another attribute that are tried beside it: they may be what it depends on. */
const FEW = 8n

export async function writeIgnored(life: Life): Promise<void> {
  const { explored, subject, faults } = life
  for (const writer of explored.writers) {
    const { shape, key, stored } = writer
    if (!hasOwnPolicy(subject.family, shape.operation)) continue
    const ofOthers = storedByOthers(explored.writers, writer)
    for (const type of shape.types.filter(each => each !== key && !stored.includes(each)))
      if (!ofOthers.has(type) && isInteger(shape, type) && (await isIgnored(life, writer, type)))
        faults.add(shape.words, [
          `attribute ${type} is accepted, and told as the same, whatever was written, while others are told as they were written`,
        ])
  }
}

/** The attributes that other commands of the same policy store. */
function storedByOthers(writers: readonly Writer[], { shape: { operation } }: Writer): ReadonlySet<number> {
  const alike = writers.filter(
    ({ shape }) => shape.operation.command !== operation.command && isAlike(shape.operation, operation),
  )
  return new Set(alike.flatMap(({ stored }) => stored))
}

function isInteger(shape: Shape, type: number): boolean {
  return widths[shape.policyOf(type)?.type ?? ''] !== undefined
}

/** Whether every value is accepted, alone and beside each of those on which it may depend, and none is told. */
async function isIgnored(life: Life, writer: Writer, type: number): Promise<boolean> {
  const { shape } = writer
  const policy = shape.policyOf(type)
  const values = policy === undefined ? [] : rangeTrials(policy).map(({ payload }) => payload)
  let told: string | undefined
  let accepted = 0
  for (const beside of [new Map<number, Buffer>(), ...besides(writer, type)])
    for (const value of values) {
      if (isTimeShort()) return false
      const now = await tellsAs(life, writer, type, new Map([...beside, [type, value]]))
      if (now === undefined) continue
      told ??= now
      if (now !== told) return false
      if (now !== value.toString('hex')) accepted++
    }
  return accepted > 1
}

/** Values of the others that have few. */
function besides({ shape, key }: Writer, type: number): Map<number, Buffer>[] {
  return shape.types
    .filter(each => each !== type && each !== key)
    .flatMap(each => {
      const policy = shape.policyOf(each)
      if (policy?.maximum === undefined || policy.maximum - (policy.minimum ?? 0n) >= FEW) return []
      return rangeTrials(policy).map(({ payload }) => new Map([[each, payload]]))
    })
}

/** What the one entry tells that has the values of the others; undefined if it was refused or is not told. */
async function tellsAs(
  { requester, state }: Life,
  { shape, key, stored }: Writer,
  type: number,
  own: ReadonlyMap<number, Buffer>,
): Promise<string | undefined> {
  const variant = nextVariant()
  const variantOf = (each: number) => (each === key ? FIRST : variant)
  const { code } = await requester.ask(shape.operation, shape.attributes(variantOf, own))
  if (code !== undefined) return undefined
  const entries = await state.entries([FIRST, variant])
  const meant = entries.find(entry =>
    stored.every(each => own.has(each) || shape.isTold([entry], each, shape.payload(each, variantOf(each)))),
  )
  const payload = meant?.get(type)
  return payload?.length === own.get(type)?.length ? payload?.toString('hex') : undefined
}
