// SPDX-License-Identifier: MIT
/**
 * Values that must fit to each other, as an address to the length of its prefix: nlctrl does not tell of that, so
 * one attribute after the other is tried at its limits until a request is taken.
 */
import { NLM_F_ACK, NLM_F_CREATE } from '../../netlink/index.ts'
import { widths } from './core-rules.ts'
import { tryCreation } from './creation.ts'
import type { Operation } from './family.ts'
import { Shape } from './shape.ts'
import type { Requester, Subject } from './subject.ts'
import { integer } from './values.ts'
import { FIRST } from './variants.ts'

/** With these a module says that it does not like values; with others, what is there or is not. */
const UNFIT: readonly (string | undefined)[] = ['EINVAL', 'ERANGE', 'EDOM', 'EOVERFLOW']
/** Pairs of values that are tried for a command. */
const PAIRS = 60

/** Payloads by the attributes' types. */
type Payloads = ReadonlyMap<number, Buffer>

/** Tries a command that nobody got to succeed, and notes the values with which it does. */
export async function tryFitting(
  subject: Subject,
  requester: Requester,
  operation: Operation,
): Promise<void> {
  const [whole, ...others] = Shape.all(subject, operation)
  if (whole === undefined || whole.types.length < 2) return
  const ask = async (shape: Shape, own: Payloads, creation: number) =>
    await requester.ask(operation, shape.attributes(FIRST, own), { flags: NLM_F_ACK, creation })
  if (!UNFIT.includes((await ask(whole, new Map(), NLM_F_CREATE)).code)) return
  const singles = limitsOf(whole)
  const pairs = singles
    .flatMap((one, at) => singles.slice(at + 1).map((two): Payloads => new Map([...one, ...two])))
    .filter(({ size }) => size === 2)
    .slice(0, PAIRS)
  const without = others.filter(({ types }) => types.length === whole.types.length - 1)
  const trials = [
    ...singles.map(own => [whole, own] as const),
    ...without.flatMap(shape => singles.map(own => [shape, own] as const)),
    ...pairs.map(own => [whole, own] as const),
  ]
  for (const [shape, own] of trials)
    for (const creation of [0, NLM_F_CREATE]) {
      if ((await ask(shape, own, creation)).code !== undefined) continue
      for (const [type, payload] of own)
        if (shape.types.includes(type)) subject.noteFitting(type, whole.policyOf(type), payload)
      // What was made is there, and would be refused again.
      await subject.reload()
      if (creation !== 0) await tryCreation(subject, requester, operation)
      return
    }
}

/**
 * One attribute at the greatest or least value that its policy has, for each that has such. First those of few
 * values: others are more likely to tell entries from each other, and are left as they are.
 */
export function limitsOf(shape: Pick<Shape, 'types' | 'policyOf'>): Payloads[] {
  const limited = shape.types.flatMap(type => {
    const { type: kind = '', minimum, maximum } = shape.policyOf(type) ?? {}
    const width = widths[kind]
    if (width === undefined || minimum === undefined || maximum === undefined) return []
    return [{ type, width, minimum, maximum, span: maximum - minimum }]
  })
  return limited
    .sort((a, b) => Number(a.span - b.span))
    .flatMap(({ type, width, minimum, maximum }) =>
      [...new Set([maximum, minimum])].map((limit): Payloads => new Map([[type, integer(limit, width)]])),
    )
}
