// SPDX-License-Identifier: MIT
/** The test files that probe families of either side. */
import { literally } from '../../base/globs.ts'
import type { Progress } from '../../base/progress.ts'
import { isPrepared } from '../../prepare/matrix.ts'
import { findRegistrations } from '../../session/registrations.ts'
import { type ProbeFile, probeFiles, WrittenProbe } from '../probe/probe-files.ts'
import { familiesOf } from '../probe/probed-families.ts'
import { aliasesOf, identitiesOf } from './module-identities.ts'
import type { PreparedSide } from './prepared-side.ts'

/** Milliseconds for one test, as `probe` has it. */
const TEST_LIMIT = 10_000

export class ProbedSides implements Disposable {
  readonly #files: ReadonlyMap<PreparedSide, readonly ProbeFile[]>
  readonly #written: readonly WrittenProbe[]

  private constructor(files: ReadonlyMap<PreparedSide, readonly ProbeFile[]>) {
    this.#files = files
    const roots = [...new Set([...files.keys()].map(({ root }) => root))]
    this.#written = roots.map(
      root =>
        new WrittenProbe(
          root,
          [...files].flatMap(([side, own]) => (side.root === root ? own : [])),
        ),
    )
  }

  /** Loads each side's modules in a guest of its first kernel, and writes files for the families. */
  static async open(sides: readonly PreparedSide[], progress: Progress): Promise<ProbedSides> {
    const files = new Map<PreparedSide, readonly ProbeFile[]>()
    for (const side of sides) {
      const like = [...files.keys()].find(other => haveSameModules(side, other))
      files.set(side, like ? (files.get(like) ?? []) : await filesFor(side, progress))
    }
    return new ProbedSides(files)
  }

  /** A side that runs these files, too. */
  withFiles(side: PreparedSide): PreparedSide {
    const own = this.#files.get(side) ?? []
    const { settings } = side
    return {
      ...side,
      settings: {
        ...settings,
        suites: [...settings.suites, ...own.map(({ path }) => literally(path))],
        testTimeout: own.length > 0 && settings.suites.length === 0 ? TEST_LIMIT : settings.testTimeout,
      },
    }
  }

  [Symbol.dispose](): void {
    for (const each of this.#written) each[Symbol.dispose]()
  }
}

async function filesFor({ kernels, settings, root }: PreparedSide, progress: Progress): Promise<ProbeFile[]> {
  const [first] = kernels.filter(isPrepared)
  if (!first || first.delivery.moduleNames.length === 0) return []
  const findings = await findRegistrations({ kernel: first.label }, settings, root)
  // Modules that break when they are loaded break the tests, too.
  for (const fault of findings.faults) progress.note(fault)
  return findings.registrations.flatMap(familiesOf).flatMap(family => probeFiles(family))
}

function haveSameModules(side: PreparedSide, other: PreparedSide): boolean {
  const [a, b] = [side, other].map(({ kernels }) => kernels.find(isPrepared)?.delivery)
  if (!a || !b || aliasesOf(a) !== aliasesOf(b)) return false
  const [identities, others] = [identitiesOf(a), identitiesOf(b)]
  return identities.size === others.size && [...identities].every(([name, hash]) => others.get(name) === hash)
}
