// SPDX-License-Identifier: MIT
/** Requests that are repeated, to see what they leave behind. */
import { NLM_F_ACK } from '../../netlink/index.ts'
import { outcomeOf } from './core-rules.ts'
import { creations } from './creation.ts'
import type { Operation } from './family.ts'
import { variations } from './nests.ts'
import { Shape } from './shape.ts'
import type { Subject } from './subject.ts'

/** Requests of one operation that are repeated, and of these such of good attributes. */
const KINDS = 18
const WHOLE = 6

/** Makes the n-th of equal requests, or of such that only differ in their values. */
export type Maker = (count: number) => Buffer

/** A request that is repeated. */
export interface LeakTrial {
  readonly make: Maker
  /** What is particular about it, in words. */
  readonly about: string
  /** Whether the requests differ in their values: in all, or in one of them. */
  readonly varies: 'all' | 'one' | undefined
  /** Whether all its attributes are good: what it does depends on what others have done. */
  readonly isWhole: boolean
}

/** Attributes, and what is particular about them in words. */
interface Tried {
  readonly attributes: Buffer
  readonly about: string
}

/** The requests of a command that are repeated. */
export function leakTrials(subject: Subject, operation: Operation): LeakTrial[] {
  const shapes = Shape.all(subject, operation)
  const [whole] = shapes
  const encode = (attributes: Buffer, count: number, creation = subject.creation(operation)) =>
    subject.encode(operation, attributes, { sequence: 1 + count, flags: NLM_F_ACK, creation })
  const { policies } = subject.family
  const making = subject.making(0)
  const maximum = subject.family.maximumAttribute || undefined
  const reachesModule = ({ attributes }: Tried) =>
    operation.policy === undefined ||
    outcomeOf(encode(attributes, 0), subject.start, operation.policy, { policies, strict: true, maximum }) ===
      'open'
  const all = (whole?.types ?? []).flatMap(type =>
    variations(type, whole?.policyOf(type), making)
      .filter(({ payload }) => payload.length < 512)
      .map(({ what, payload }) => ({
        about: `attribute ${type} ${what}`,
        isIncomplete: /^(empty|inside (without|only) \d+)$/.test(what),
        attributes: whole?.attributes(0, new Map([[type, payload]])) ?? payload,
      })),
  )
  const those = (isIncomplete: boolean) =>
    distinct(all.filter(each => each.isIncomplete === isIncomplete)).filter(reachesModule)
  const trial = ({ attributes, about }: Tried, isWhole: boolean, creation?: number): LeakTrial => ({
    make: count => encode(attributes, count, creation),
    about,
    varies: undefined,
    isWhole,
  })
  // All, each left out, and none: of more than two, one alone is mostly refused as none is.
  const isOfFew = (whole?.types.length ?? 0) <= 2
  const telling = shapes.filter(({ types }) => isOfFew || types.length !== 1)
  const good = some(distinct(telling.map(triedOf)).filter(reachesModule), WHOLE)
  // Who looks into a nest has most to give back when something is missing there.
  const incomplete = some(those(true), WHOLE)
  const bad = [...incomplete, ...some(those(false), KINDS - good.length - incomplete.length)]
  return [
    // Other entries first, for what is to be got and removed.
    ...shapes.slice(0, 1).map(shape => ({
      make: (count: number) => encode(shape.attributes(count), count),
      about: `${shape.attributeWords}, of other values each`,
      varies: 'all' as const,
      isWhole: false,
    })),
    // One entry after the other for the same place, or the same one for each place.
    ...shapes.slice(0, 1).flatMap(shape =>
      (shape.types.length > 1 ? shape.types : []).map(varied => ({
        make: (count: number) =>
          encode(
            shape.attributes(type => (type === varied ? count : 0)),
            count,
          ),
        about: `${shape.attributeWords}, of which ${varied} differs each time`,
        varies: 'one' as const,
        isWhole: false,
      })),
    ),
    ...creations(subject, operation).flatMap(creation => good.map(each => trial(each, true, creation))),
    ...[...bad, ...nearlyKnown(subject, whole).filter(reachesModule)].map(each => trial(each, false)),
  ]
}

/** Requests with names that begin as those with which the command succeeds, as a path below one that is there. */
function nearlyKnown(subject: Subject, whole: Shape | undefined): Tried[] {
  if (whole === undefined) return []
  return whole.types.flatMap(type => {
    const known = subject.learned(whole.operation, type)
    if (known === undefined || !/STRING$/.test(whole.policyOf(type)?.type ?? '')) return []
    const name = known.at(-1) === 0 ? known.subarray(0, -1) : known
    const longer = Buffer.concat([name, Buffer.from('x\0')])
    return [
      {
        attributes: whole.attributes(0, new Map([[type, longer]])),
        about: `attribute ${type} a longer name`,
      },
    ]
  })
}

function triedOf(shape: Shape): Tried {
  return { attributes: shape.attributes(0), about: shape.attributeWords }
}

function distinct<T extends Tried>(all: readonly T[]): T[] {
  return [...new Map(all.map(each => [each.attributes.toString('latin1'), each])).values()]
}

/** At most so many of them, from all places. */
function some<T>(all: readonly T[], most: number): T[] {
  const every = Math.max(1, all.length / most)
  return all.filter((_, index) => Math.floor(index / every) !== Math.floor((index - 1) / every))
}
