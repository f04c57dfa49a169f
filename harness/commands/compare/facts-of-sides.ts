// SPDX-License-Identifier: MIT
/** What the modules of both sides are, on each kernel; modules that are the same on both are looked at once. */

import { Semaphore } from 'async-mutex'
import type { Progress } from '../../base/progress.ts'
import { allDone } from '../../base/wait.ts'
import type { Side } from '../../compare/comparison.ts'
import { type KernelFacts, moduleFacts } from '../../compare/facts/facts.ts'
import { differInFaults, factFindings, notLoaded, withFewerFaults } from '../../compare/facts/findings.ts'
import { type Finding, foldKernels } from '../../compare/finding.ts'
import type { SpecifiedNames } from '../../compare/specified-names.ts'
import { isPrepared } from '../../prepare/matrix.ts'
import { guestsAtOnce, type PreparedKernel } from '../../prepare/prepare.ts'
import { aliasesOf, identitiesOf } from './module-identities.ts'
import type { PreparedSide } from './prepared-side.ts'

/** By kernel. */
export type Facts = ReadonlyMap<string, KernelFacts>

/** Further looks at modules of which one side only does something wrong. */
const MORE_LOOKS = 2

export class FactsOfSides {
  readonly #facts: ReadonlyMap<Side, Facts>

  private constructor(facts: ReadonlyMap<Side, Facts>) {
    this.#facts = facts
  }

  /**
   * Loads each side's modules in guests of its kernels; those that are the same on both sides once.
   * @param known facts that stand in for BASE
   */
  static async open(
    sides: readonly PreparedSide[],
    progress: Progress,
    known: Facts = new Map(),
  ): Promise<FactsOfSides> {
    const facts = new Map(sides.map(({ side }) => [side, new Map<string, KernelFacts>()]))
    const [first, second] = sides
    const labels = [...new Set(sides.flatMap(side => preparedOf(side).map(({ label }) => label)))]
    const memory = sides.flatMap(preparedOf).map(({ spec }) => spec.machine.memory)
    const guests = new Semaphore(guestsAtOnce(Math.max(...memory)))
    const look = async (side: PreparedSide | undefined, label: string, like?: KernelFacts) => {
      const prepared = side && preparedOf(side).find(each => each.label === label)
      if (!prepared || prepared.delivery.moduleNames.length === 0) return undefined
      const found = await guests.runExclusive(() => moduleFacts(prepared, like))
      facts.get(side.side)?.set(label, found)
      return found
    }
    /** What a side does not always do says nothing of its modules. */
    const lookAgain = async (label: string) => {
      for (let more = 0; more < MORE_LOOKS; more++) {
        const all = sides.map(({ side }) => facts.get(side)?.get(label))
        const [was, is] = sides.length === 1 ? [known.get(label), ...all] : all
        if (!was || !is || !differInFaults(was, is)) return
        const looks = sides.map(async (side, at) => {
          const before = all[at]
          const again = await look(side, label)
          if (before && again) facts.get(side.side)?.set(label, withFewerFaults(before, again))
        })
        await Promise.all(looks)
      }
    }
    const lookOn = (label: string) =>
      progress.step(`look at the modules on ${label}`, async () => {
        const looking = look(first, label, known.get(label))
        if (first && second && haveSameModules(first, second, label))
          return void (await look(second, label, await looking))
        await Promise.all([looking, look(second, label)])
        await lookAgain(label)
      })
    await allDone(labels.map(lookOn))
    return new FactsOfSides(new Map([...facts].map(([side, found]) => [side, inOrderOf(labels, found)])))
  }

  of(side: Side): Facts {
    return this.#facts.get(side) ?? new Map()
  }

  /** What differs. @param base in place of that side's own */
  findings(names: SpecifiedNames, base = this.of('base')): Finding[] {
    const head = this.of('head')
    const both = [...head.keys()].filter(label => base.has(label))
    const all = both.flatMap(label => {
      const [was, is] = [base.get(label), head.get(label)]
      return was && is ? factFindings(was, is, family => names.family(family)) : []
    })
    return foldKernels(
      all.map(each => ({ ...each, again: `--kernel ${each.kernel}` })),
      both,
    )
  }

  /** What is not known of the modules, a line each. */
  get notes(): string[] {
    const all = [...this.#facts.values()].flatMap(facts => [...facts.values()])
    const idle = [...this.of('head')].flatMap(([label, is]) => {
      const was = this.of('base').get(label)
      return was ? notLoaded(was, is) : []
    })
    return [...new Set([...idle, ...all.flatMap(({ notes }) => notes)])]
  }
}

function inOrderOf(labels: readonly string[], facts: Facts): Facts {
  return new Map(
    labels.flatMap(label => {
      const found = facts.get(label)
      return found ? [[label, found] as const] : []
    }),
  )
}

function preparedOf({ kernels }: PreparedSide): PreparedKernel[] {
  return kernels.filter(isPrepared)
}

function haveSameModules(side: PreparedSide, other: PreparedSide, label: string): boolean {
  const [a, b] = [side, other].map(each => preparedOf(each).find(kernel => kernel.label === label)?.delivery)
  if (!a || !b || aliasesOf(a) !== aliasesOf(b)) return false
  const [identities, others] = [identitiesOf(a), identitiesOf(b)]
  return identities.size === others.size && [...identities].every(([name, hash]) => others.get(name) === hash)
}
