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
  readonly note: () => void
}

/**
 * Tries a command that nobody got to succeed with values of a variant, and notes those with which it does.
 * @returns whether it does
 */
export async function tryFitting(
  subject: Subject,
  requester: Requester,
  operation: Operation,
  variant = FIRST,
): Promise<boolean> {
  const [whole, ...others] = Shape.all(subject, operation)
  if (whole === undefined || whole.types.length < 2) return false
  const ask = async (shape: Shape, own: Payloads, creation: number) =>
    await requester.ask(operation, shape.attributes(variant, own), { flags: NLM_F_ACK, creation })
  if (!isUnfit((await ask(whole, new Map(), NLM_F_CREATE)).code)) return false
  const singles = [
    ...limitsOf(whole).map(own => fitOf(subject, whole, own)),
    ...leftInside(subject, whole, variant),
    ...insideLimits(subject, whole, variant),
  ]
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
  for (const [shape, { own, note }] of trials)
    for (const creation of [0, NLM_F_CREATE]) {
      if ([...own.keys()].some(type => !shape.types.includes(type))) continue
      if ((await ask(shape, own, creation)).code !== undefined) continue
      note()
      // What was made is there, and would be refused again.
      await subject.reload()
      if (creation !== 0) await tryCreation(subject, requester, operation)
      return true
    }
  return false
}

function fitOf(subject: Subject, shape: Shape, own: Payloads): Fit {
  const note = () => {
    for (const [type, payload] of own) subject.noteFitting(type, shape.policyOf(type), payload)
  }
  return { own, note }
}

function joined(one: Fit, two: Fit): Fit {
  const note = () => {
    one.note()
    two.note()
  }
  return { own: new Map([...one.own, ...two.own]), note }
}

/** Nests, and lists of them, all without one of the attributes inside: two may exclude each other. */
function leftInside(subject: Subject, whole: Shape, variant: number): Fit[] {
  const { policies } = subject.family
  const inner = whole.types.map(type => whole.policyOf(type)?.policyIndex)
  return [...new Set(inner)].flatMap(index => {
    const policy = index === undefined ? undefined : policies.get(index)
    if (policy === undefined || policy.size < 2) return []
    const types = whole.types.filter(type => whole.policyOf(type)?.policyIndex === index)
    return [...policy.values()].map((left): Fit => {
      const making = subject.making(variant)
      const without = { ...making, left: new Set([...(making.left ?? []), left]) }
      return {
        own: new Map(types.map(type => [type, goodPayload(whole.policyOf(type), without)])),
        note: () => subject.noteLeft(left),
      }
    })
  })
}

/** Nests, and lists of them, with one attribute inside at the greatest or least value that its policy has. */
function insideLimits(subject: Subject, whole: Shape, variant: number): Fit[] {
  const { policies } = subject.family
  return whole.types.flatMap(type => {
    const policy = whole.policyOf(type)
    const inner = policy?.policyIndex === undefined ? undefined : policies.get(policy.policyIndex)
    const making = subject.making(variant)
    return [...(inner ?? [])].flatMap(([each, own]) =>
      limitsOf({ types: [each], policyOf: () => own }).flatMap(limits =>
        [...limits.values()].map((limit): Fit => {
          const inside = new Map([...(making.inside ?? []), [own, limit] as const])
          return {
            own: new Map([[type, goodPayload(policy, { ...making, inside })]]),
            note: () => subject.noteInside(own, limit),
          }
        }),
      ),
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
