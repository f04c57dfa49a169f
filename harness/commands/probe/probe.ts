// SPDX-License-Identifier: MIT
import { ExitStatus } from '../../base/errors.ts'
import { literally } from '../../base/globs.ts'
import { consoleProgress } from '../../base/progress.ts'
import { withModules } from '../../prepare/delivery.ts'
import { labelsOf } from '../../prepare/matrix.ts'
import { prepareKernel } from '../../prepare/prepare.ts'
import type { Settings } from '../../prepare/settings.ts'
import { findRegistrations } from '../../session/registrations.ts'
import { type RunOptions, run } from '../run.ts'
import { Arena } from './arena.ts'
import { writeFound } from './found-files.ts'
import { filesOfAll, ProbeFolder } from './probe-files.ts'
import { notProbed, type ProbedFamily, probedFamilies } from './probed-families.ts'
import { type Found, findSequences } from './random.ts'
import { type RandomOptions, randomOptions } from './random-options.ts'
import { readSpecifications, withSpecifications } from './specifications.ts'

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
  const { spec, faults = false } = options
  const random = randomOptions(options)
  const specifications = readSpecifications(spec, text => consoleProgress().note(text))
  const { families: all, faults: loading } = await familiesToProbe(options, settings, root)
  const families = withSpecifications(all, specifications)
  const found = random === undefined ? [] : await findRandomly(families, random, options, settings, root)
  using folder = ProbeFolder.claim(root)
  const files = filesOfAll(families, folder.path, { faults })
  folder.write(root, files)
  const testTimeout = Math.min(settings.testTimeout, TEST_LIMIT)
  // Else most of the time of small files would go into it.
  const sharing = 'those that find lost memory'
  const suites = [...files.map(({ path }) => path), ...found.map(({ path }) => path)].map(literally)
  const status = await run({ ...options, sharing }, rest, { ...settings, suites, testTimeout }, root)
  const progress = consoleProgress()
  for (const fault of loading) progress.note(fault)
  // What is found must not pass, even if it does not happen again; nor what was not probed.
  const isWrong = found.length > 0 || loading.length > 0
  return status === ExitStatus.passed && isWrong ? ExitStatus.failed : status
}

/** A sequence that breaks something, and its test file. */
interface FoundFile extends Found {
  readonly path: string
}

/** Tries random sequences on the first kernel of the run, and writes a test file for what they break. */
async function findRandomly(
  families: readonly ProbedFamily[],
  random: RandomOptions,
  options: ProbeOptions,
  settings: Settings,
  root: string,
): Promise<FoundFile[]> {
  const progress = consoleProgress()
  const [label = ''] = labelsOf(options, settings)
  const tested = withModules(settings, options.modules)
  const prepared = await prepareKernel(label, { settings: tested, root, progress })
  try {
    const found = await findSequences(await Arena.open(prepared), { families, ...random, progress })
    return found.map(each => {
      const isShared = families.filter(({ name }) => name === each.family.name).length > 1
      const path = writeFound(root, each, isShared)
      const { length } = each.steps
      const what = length === 1 ? 'one step breaks it' : `${length} steps break it`
      progress.note(`${path}: ${what}${each.isRepeatable ? '' : ', but not again'}`)
      return { ...each, path }
    })
  } finally {
    await prepared.guests.close()
  }
}

/** Loads the modules in guests of the first kernel, to see which families they register, and what is wrong then. */
async function familiesToProbe(
  options: ProbeOptions,
  settings: Settings,
  root: string,
): Promise<{ readonly families: ProbedFamily[]; readonly faults: readonly string[] }> {
  const [kernel] = labelsOf(options, settings)
  const progress = consoleProgress()
  const tested = withModules(settings, options.modules)
  const module = options.module.map(name => name.replace(/\.ko$/, '').replaceAll('-', '_'))
  const findings = await findRegistrations(kernel === undefined ? {} : { kernel }, tested, root, {
    only: module,
  })
  if (findings.broken) throw findings.broken
  const wanted = { module, family: options.family }
  const families = probedFamilies(findings, wanted)
  const faults = notProbed(findings, wanted)
  for (const fault of faults) progress.note(fault)
  return { families, faults }
}
