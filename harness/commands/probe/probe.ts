// SPDX-License-Identifier: MIT
import { type ExitStatus, UsageError } from '../../base/errors.ts'
import { literally } from '../../base/globs.ts'
import { consoleProgress } from '../../base/progress.ts'
import { withModules } from '../../prepare/delivery.ts'
import { labelsOf } from '../../prepare/matrix.ts'
import type { Settings } from '../../prepare/settings.ts'
import { findRegistrations } from '../init/registrations.ts'
import { type RunOptions, run } from '../run.ts'
import { probeFiles, WrittenProbe } from './probe-files.ts'
import { type ProbedFamily, probedFamilies } from './probed-families.ts'

/** The options of `probe` beside those of `run`. */
export interface ProbeOptions extends RunOptions {
  readonly module: readonly string[]
  readonly family: readonly string[]
  readonly spec: readonly string[]
  readonly faults?: boolean
  readonly seed?: string
  readonly time?: string
}

/** Milliseconds for one test: its requests are answered at once, and a hang should be told soon. */
const TEST_LIMIT = 10_000

/**
 * Probes families of generic netlink: writes test files for them, and runs these as `run` does.
 * @param rest filters and Vitest's own options, as written
 * @throws UsageError where there is nothing to probe
 */
export async function probe(
  options: ProbeOptions,
  rest: readonly string[],
  settings: Settings,
  root: string,
): Promise<ExitStatus> {
  const { spec, faults, seed, time } = options
  const later = Object.entries({ spec: spec[0], faults, seed, time }).find(([, value]) => value !== undefined)
  if (later) throw new UsageError(`--${later[0]} does nothing yet: leave it out`)
  const families = await familiesToProbe(options, settings, root)
  const files = families.flatMap(probeFiles)
  using _written = new WrittenProbe(root, files)
  const testTimeout = Math.min(settings.testTimeout, TEST_LIMIT)
  const suites = files.map(({ path }) => literally(path))
  return await run(options, rest, { ...settings, suites, testTimeout }, root)
}

/** Loads the modules in a guest of the first kernel, to see which families they register. */
async function familiesToProbe(
  options: ProbeOptions,
  settings: Settings,
  root: string,
): Promise<ProbedFamily[]> {
  const [kernel] = labelsOf(options, settings)
  const progress = consoleProgress()
  const tested = withModules(settings, options.modules)
  const module = options.module.map(name => name.replace(/\.ko$/, '').replaceAll('-', '_'))
  const findings = await findRegistrations(kernel === undefined ? {} : { kernel }, tested, root, module)
  if (findings.broken) throw findings.broken
  const families = probedFamilies(findings, { module, family: options.family })
  for (const fault of findings.faults) progress.note(fault)
  return families
}
