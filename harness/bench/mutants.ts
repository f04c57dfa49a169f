// SPDX-License-Identifier: MIT
/**
 * `npm run mutants [-- [--kernel LABEL] [NAME...]]`: applies each patch of README.md's table by itself, runs
 * the suites of the module that it breaks, and says whether a test found it. Exit status 1 if one was missed.
 * With `--compare` it is `compare` that must find it, and name the behaviour.
 */
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { execa } from 'execa'
import { type Mutant, mutantsOf } from '../../kernel/modules/mutants/table.ts'
import { ownFolder } from '../base/own-folder.ts'
import { type Finding, lineOf } from '../compare/finding.ts'
import { npmCommand, temporaryFolder } from './npm-command.ts'

const modules = path.join(ownFolder, 'kernel/modules')
const patches = path.join(modules, 'mutants')
const cli = path.join(ownFolder, 'harness/cli.ts')
/** Milliseconds for one mutant: the build, and its suites until the first failure. */
const LIMIT = 600_000

/** A module's suites, those that find most first. */
const suites: Readonly<Record<string, readonly string[]>> = {
  nlexample: [
    ...['request-ack', 'unicast', 'multicast', 'echo', 'errors', 'attributes', 'batches', 'privileges'],
    ...['namespaces', 'overflow', 'lifecycle/lifecycle', 'concurrency', 'leaks/leaks'],
  ],
  genlexample: ['generic', 'lifecycle/genlexample', 'concurrency', 'leaks/others'],
  nlhello: ['hello', 'lifecycle/buses', 'lifecycle/lifecycle'],
  nlcustom: ['custom-family', 'lifecycle/buses', 'leaks/others'],
}

/** The test or finding that found a mutant, or why none did. */
type Verdict = { readonly foundBy: string } | { readonly missed: string }

const command = npmCommand(
  'mutants',
  'Breaks the modules in one way after another, and tells which test found it.',
)
  .argument('[names...]', 'only the mutants whose name contains one of these')
  .option('--kernel <label>', 'the kernel')
  .option('--compare', 'find them by a comparison with the right modules')
  .parse()
const positionals = command.args
const values = command.opts<{ kernel?: string; compare?: boolean }>()
const mutants = mutantsOf(readFileSync(path.join(patches, 'README.md'), 'utf8')).filter(
  mutant => positionals.length === 0 || positionals.some(name => mutant.name.includes(name)),
)
if (mutants.length === 0) command.error(`error: no mutant has a name with ${positionals.join(' or ')} in it`)
const scratch = temporaryFolder('mutants')
const kernel = values.kernel === undefined ? [] : ['--kernel', values.kernel]
/** Baselines of the right modules, each by the suites of one. */
const baselines = new Map<string, string>()
let found = 0
for (const mutant of mutants) {
  const verdict = await judge(mutant)
  if ('foundBy' in verdict) found++
  const [mark, text] = 'foundBy' in verdict ? ['found ', verdict.foundBy] : ['MISSED', verdict.missed]
  process.stdout.write(`${mark} ${mutant.name}: ${mutant.description}\n         ${text}\n`)
}
process.stdout.write(`${found} of ${mutants.length} mutants found\n`)
process.exitCode = found === mutants.length && found > 0 ? 0 : 1

async function judge(mutant: Mutant): Promise<Verdict> {
  const folder = path.join(scratch, mutant.name)
  try {
    for (const part of ['Kbuild', ...Object.keys(suites)])
      cpSync(path.join(modules, part), path.join(folder, part), { recursive: true })
    const patch = path.join(patches, `${mutant.name}.patch`)
    await execa('git', ['apply', patch], { cwd: folder, timeout: 10_000 })
    return values.compare ? await compared(folder, mutant) : await run(folder, mutant)
  } catch (error) {
    return { missed: error instanceof Error ? error.message : String(error) }
  } finally {
    for (const each of [folder, `${folder}.json`]) rmSync(each, { recursive: true, force: true })
  }
}

/** Runs the suites until the first failure. */
async function run(folder: string, { module }: Mutant): Promise<Verdict> {
  const filters = (suites[module] ?? []).map(suite => `suites/${suite}`)
  const json = `${folder}.json`
  const options = ['--modules', folder, '--bail', '1', '--json', json]
  const { exitCode, stderr } = await ours([...kernel, ...options, ...filters])
  const report = existsSync(json) ? (JSON.parse(readFileSync(json, 'utf8')) as Report) : undefined
  if (exitCode === 0) return { missed: `exit status 0: ${countsOf(report)}` }
  const foundBy = report && firstFailure(report)
  return foundBy === undefined
    ? { missed: `exit status ${exitCode}, and no test failed: ${stderr.trim().slice(-500)}` }
    : { foundBy }
}

/** The command line; a wrong one ends this. */
async function ours(args: readonly string[]): Promise<{ exitCode?: number | undefined; stderr: string }> {
  const { exitCode, stderr } = await execa(process.execPath, [cli, ...args], {
    cwd: path.resolve(modules, '../..'),
    reject: false,
    timeout: LIMIT,
  })
  if (exitCode !== 2) return { exitCode, stderr }
  process.stderr.write(`${stderr.trim()}\n`)
  process.exit(2)
}

/** Compares with the right modules; a behaviour must be named. */
async function compared(folder: string, { module }: Mutant): Promise<Verdict> {
  const json = `${folder}.json`
  const filters = (suites[module] ?? []).map(suite => `suites/${suite}`)
  const common = ['--no-probe', ...filters, ...kernel]
  const baseline = baselines.get(module) ?? path.join(scratch, `${module}.baseline`)
  if (!baselines.has(module)) {
    const saved = await ours(['compare', '--save-baseline', baseline, ...common])
    if (saved.exitCode !== 0) return { missed: `there is no baseline: ${saved.stderr.trim().slice(-500)}` }
  }
  baselines.set(module, baseline)
  const { exitCode, stderr } = await ours([
    'compare',
    '--baseline',
    baseline,
    folder,
    '--json',
    json,
    ...common,
  ])
  if (!existsSync(json)) return { missed: `exit status ${exitCode}: ${stderr.trim().slice(-500)}` }
  const { findings } = JSON.parse(readFileSync(json, 'utf8')) as { readonly findings: readonly Finding[] }
  const mattering = findings.filter(({ matters }) => matters)
  const first =
    mattering.find(({ kind }) => kind === 'behaviour') ??
    mattering.find(({ kind }) => kind !== 'test') ??
    mattering[0]
  const others = findings.length > 1 ? ` (and ${findings.length - 1} more)` : ''
  if (first && first.kind !== 'test') return { foundBy: `${lineOf(first)}${others}` }
  return { missed: first ? `only ${lineOf(first)}${others}` : 'no change' }
}

/** The used part of Vitest's JSON report. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

/** '479 passed', or '3 passed, 476 pending' for a run that was cut short. */
function countsOf(report: Report | undefined): string {
  const counts = new Map<string, number>()
  for (const { status } of report?.testResults.flatMap(file => file.assertionResults) ?? [])
    counts.set(status, (counts.get(status) ?? 0) + 1)
  return [...counts].map(([status, count]) => `${count} ${status}`).join(', ') || 'no test ran'
}

function firstFailure({ testResults }: Report): string | undefined {
  for (const file of testResults) {
    const test = file.assertionResults.find(each => each.status === 'failed')
    const [reason = ''] = test?.failureMessages?.[0]?.split('\n') ?? []
    if (test) return `${path.basename(file.name, '.test.ts')}: ${test.fullName} (${reason})`
  }
  // A file whose modules do not load fails as a whole; one that --bail left out has no message.
  const file = testResults.find(each => each.status === 'failed' && each.message)
  return file && `${path.basename(file.name, '.test.ts')}: ${file.message?.split('\n')[0]}`
}
