// SPDX-License-Identifier: MIT
/** The test files that probe families of either side. */

import { literally } from '../../base/globs.ts'
import type { Side } from '../../compare/comparison.ts'
import type { Finding } from '../../compare/finding.ts'
import { filesOfAll, type ProbeFile, ProbeFolder } from '../probe/probe-files.ts'
import { familiesOf, type ProbedFamily } from '../probe/probed-families.ts'
import { type GivenSpecification, withSpecifications } from '../probe/specifications.ts'
import type { Facts, FactsOfSides } from './facts-of-sides.ts'
import { filesOfSides } from './files-of-sides.ts'
import type { PreparedSide } from './prepared-side.ts'

export class ProbedSides implements Disposable {
  readonly #files: ReadonlyMap<Side, readonly ProbeFile[]>
  readonly #folder: ProbeFolder

  /**
   * Writes files for the families that each side's modules register.
   * @throws UsageError for a specification of a family that neither side has
   */
  constructor(
    sides: readonly PreparedSide[],
    facts: FactsOfSides,
    specifications: readonly GivenSpecification[] = [],
  ) {
    const families = new Map(sides.map(({ side }) => [side, familiesIn(facts.of(side))]))
    const all = [...families.values()].flat()
    if (sides.length > 0) withSpecifications(all, specifications)
    const roots = [...new Set(sides.map(({ root }) => root))]
    const folder = ProbeFolder.claim(...roots)
    this.#folder = folder
    const specified = (own: readonly ProbedFamily[]) => {
      const names = own.map(({ name }) => name)
      return withSpecifications(
        own,
        specifications.filter(({ name }) => names.includes(name)),
      )
    }
    this.#files = new Map([...families].map(([side, own]) => [side, filesOfAll(specified(own), folder.path)]))
    for (const root of roots) {
      const there = sides.filter(each => each.root === root).map(({ side }) => side)
      folder.write(root, filesOfSides(new Map(there.map(side => [side, this.#files.get(side) ?? []]))))
    }
  }

  /** A side that runs these files, too. */
  withFiles(side: PreparedSide): PreparedSide {
    const own = this.#files.get(side.side) ?? []
    const { settings } = side
    return {
      ...side,
      settings: { ...settings, suites: [...settings.suites, ...own.map(({ path }) => literally(path))] },
    }
  }

  /** Whether it is such a file. */
  has(file: string): boolean {
    return [...this.#files.values()].some(files => files.some(({ path }) => path === file))
  }

  /** The finding with a command that does not depend on the folder of these files, which other runs may have. */
  anywhere(finding: Finding): Finding {
    const { again } = finding
    return again === undefined ? finding : { ...finding, again: again.replace(`${this.#folder.path}/`, '') }
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]()
  }
}

/** Of the first kernel: as probe does. */
function familiesIn(facts: Facts): ProbedFamily[] {
  const [first] = facts.values()
  const registrations = Object.values(first?.modules ?? {}).flatMap(({ registration }) => registration ?? [])
  return registrations.flatMap(familiesOf)
}
