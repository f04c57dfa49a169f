// SPDX-License-Identifier: MIT
import path from 'node:path'
import { ExitStatus } from '../../base/errors.ts'
import { ownVersion } from '../../base/version.ts'
import { writeBaseline } from '../../compare/baseline.ts'
import { variationOf } from '../../compare/comparison.ts'
import { isPrepared } from '../../prepare/matrix.ts'
import type { FactsOfSides } from './facts-of-sides.ts'
import { identitiesOf } from './module-identities.ts'
import type { PreparedSide } from './prepared-side.ts'
import { suiteHashes } from './suite-hashes.ts'
import type { Work } from './work.ts'

/** What a baseline is made of. */
export interface Baselined {
  readonly sides: readonly PreparedSide[]
  readonly facts: FactsOfSides
  /** Why kernels are not in it, a line each. */
  readonly lost: readonly string[]
}

/** Runs all files of BASE, and writes what they do. */
export async function save(
  place: string,
  work: Work,
  { sides, facts, lost }: Baselined,
): Promise<ExitStatus> {
  const recorded = [...(await work.forBaseline()).values()]
  const [side] = sides
  if (!side) return ExitStatus.machinery
  const kernels = side.kernels.filter(isPrepared).map(({ label, kernel, delivery }) => ({
    ...{ label, release: kernel.release, id: kernel.id },
    modules: Object.fromEntries(identitiesOf(delivery)),
    facts: facts.of('base').get(label),
    files: recorded.flatMap(({ unit, recordings }) => {
      const [first] = recordings
      return unit.kernel === label && first ? [{ recorded: first, ...variationOf(recordings) }] : []
    }),
  }))
  const suites = await suiteHashes(
    side,
    recorded.map(({ unit }) => unit),
  )
  writeBaseline(path.resolve(place), { harness: ownVersion(), made: side.opened.shown, suites, kernels })
  const varying = kernels.flatMap(({ files }) => files.flatMap(each => each.varying)).length
  process.stdout.write(
    `${lost.map(line => `${line}\n`).join('')}${place}: the baseline of ${side.opened.shown}: ${recorded.length} ${recorded.length === 1 ? 'file' : 'files'}; ${varying} places vary by themselves\n`,
  )
  return lost.length === 0 ? ExitStatus.passed : ExitStatus.machinery
}
