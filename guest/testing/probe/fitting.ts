// SPDX-License-Identifier: MIT
/**
 * Values that must fit to each other, as an address to the length of its prefix: nlctrl does not tell of that, so
 * one attribute after the other is tried at its limits until a request is taken.
 */
import { type AttributePolicy, NLM_F_ACK, NLM_F_CREATE } from '../../netlink/index.ts'
import { widths } from './core-rules.ts'
import { tryCreation } from './creation.ts'
import type { Operation } from './family.ts'
import { Shape } from './shape.ts'
import type { Requester, Subject } from './subject.ts'
import { goodPayload, integer } from './values.ts'
import { FIRST } from './variants.ts'

/** With these a module says that it does not like values; with others, what is there or is not. */
const UNFIT: readonly string[] = ['EINVAL', 'ERANGE', 'EDOM', 'EOVERFLOW']
/** Whether a refusal is about values. */
export function isUnfit(code: string | undefined): boolean {
  return code !== undefined && UNFIT.includes(code)
}

/** Pairs of values that are tried for a command. */
const PAIRS = 60

/** Payloads by the attributes' types. */
type Payloads = ReadonlyMap<number, Buffer>

/** Values to try, and what is noted of them if they fit. */
interface Fit {
  readonly own: Payloads
  readonly notes: readonly (readonly [number, AttributePolicy | undefined, Buffer])[]
}

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
  if (!isUnfit((await ask(whole, new Map(), NLM_F_CREATE)).code)) return
  const singles = [...limitsOf(whole).map(own => fitOf(whole, own)), ...insideLimits(subject, whole)]
  const pairs = singles
    .flatMap((one, at) => singles.slice(at + 1).map(two => joined(one, two)))
    .filter(({ own }) => own.size === 2)
    .slice(0, PAIRS)
  const without = others.filter(({ types }) => types.length === whole.types.length - 1)
  const trials = [
    ...singles.map(fit => [whole, fit] as const),
    ...without.flatMap(shape => singles.map(fit => [shape, fit] as const)),
    ...pairs.map(fit => [whole, fit] as const),
  ]
  for (const [shape, { own, notes }] of trials)
    for (const creation of [0, NLM_F_CREATE]) {
      if ([...own.keys()].some(type => !shape.types.includes(type))) continue
      if ((await ask(shape, own, creation)).code !== undefined) continue
      for (const note of notes) subject.noteFitting(...note)
      // What was made is there, and would be refused again.
      await subject.reload()
      if (creation !== 0) await tryCreation(subject, requester, operation)
      return
    }
}

function fitOf(shape: Shape, own: Payloads): Fit {
  return { own, notes: [...own].map(([type, payload]) => [type, shape.policyOf(type), payload] as const) }
}

function joined(one: Fit, two: Fit): Fit {
  return { own: new Map([...one.own, ...two.own]), notes: [...one.notes, ...two.notes] }
}

/** Nests, and lists of them, with one attribute inside at the greatest or least value that its policy has. */
function insideLimits(subject: Subject, whole: Shape): Fit[] {
  return whole.types.flatMap(type => {
    const policy = whole.policyOf(type)
    const inner =
      policy?.policyIndex === undefined ? undefined : subject.family.policies.get(policy.policyIndex)
    if (inner === undefined) return []
    const making = subject.making(FIRST)
    return limitsOf({ types: [...inner.keys()], policyOf: each => inner.get(each) }).flatMap(limits =>
      [...limits].map(([inside, limit]): Fit => {
        const fitting = (each: number, own: AttributePolicy | undefined) =>
          own === inner.get(inside) ? limit : subject.fitting(each, own)
        return {
          own: new Map([[type, goodPayload(policy, { ...making, fitting })]]),
          notes: [[inside, inner.get(inside), limit]],
        }
      }),
    )
  })
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
