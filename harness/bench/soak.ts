// SPDX-License-Identifier: MIT
/**
 * `npm run soak [-- --runs N] [--kernel LABEL,...] [--shared] [--write FILE] [FILTER...]`: runs the suites N
 * times (default 20), with --shared as by --no-isolate. The modules are correct, so every failure is a false
 * verdict. After each run it writes the failures and the machine that it ran on. Exit status 1 if there was
 * one.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { execa } from 'execa'
import { hostLabel } from '../../kernel/provide.ts'
import { ownFolder } from '../base/own-folder.ts'
import { seconds } from '../base/progress.ts'
import type { KernelSummary } from '../report/summary.ts'
import { machine } from './measure.ts'
import { atLeastOne, npmCommand, temporaryFolder } from './npm-command.ts'

const command = npmCommand('soak', 'Runs the suites again and again: each failure is a false one.')
  .argument('[filters...]', 'only the test files whose path contains one of these')
  .option('--runs <number>', 'how often', atLeastOne, 20)
  .option('--kernel <labels>', 'on which kernels, separated by commas', hostLabel())
  .option('--shared', 'by --no-isolate, where a guest serves file after file', false)
  .option('--write <file>', 'write the result down, after each run')
  .parse()
const positionals = command.args
const values = command.opts<{ runs: number; kernel: string; shared: boolean; write?: string }>()
const { runs } = values
const folder = temporaryFolder('soak')
const started = performance.now()
const files = new Map<string, number>()
const falseVerdicts: string[] = []
let done = 0
for (let run = 1; run <= runs; run++) {
  await once(run)
  done = run
  // After each run, so that an interrupted soak has a result.
  if (values.write !== undefined) writeFileSync(values.write, result())
}
process.stdout.write(result())
process.exitCode = falseVerdicts.length === 0 ? 0 : 1

function result(): string {
  const head = machine()
  const of = positionals.length > 0 ? ` (${positionals.join(' ')})` : ''
  const shared = values.shared ? ', files sharing guests' : ''
  const lines = [
    `${done} runs of the suites${of}${shared}, ${new Date().toISOString().slice(0, 10)}, ${seconds(performance.now() - started)}`,
    `${head.processor}, ${head.cores} cores, node ${head.node}`,
    ...[...files].map(([kernel, count]) => `${kernel}: ${count} file runs`),
    `${falseVerdicts.length} false verdicts`,
    ...falseVerdicts,
  ]
  return `${lines.join('\n')}\n`
}

/** One run of all suites; records each file that did not pass. */
async function once(run: number): Promise<void> {
  const json = path.join(folder, 'report.json')
  rmSync(json, { force: true })
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [
      path.join(ownFolder, 'harness/cli.ts'),
      ...['--kernel', values.kernel, '--json', json],
      ...(values.shared ? ['--no-isolate'] : []),
      ...positionals,
    ],
    { cwd: ownFolder, reject: false, stdin: 'ignore', env: { NO_COLOR: '1' } },
  )
  if (exitCode === 2) {
    process.stderr.write(`${stderr.trim()}\n`)
    process.exit(2)
  }
  const report = read(json)
  const bad = (report?.kernels ?? []).flatMap(({ label, release, suites, error }) => {
    const name = `${label} (${release})`
    files.set(name, (files.get(name) ?? 0) + suites.length)
    if (error !== undefined) return [`${label}: ${error}`]
    return suites.filter(({ ok }) => !ok).map(({ suite }) => `${label} ${suite}: ${reasonOf(suite, report)}`)
  })
  if (bad.length === 0 && exitCode !== 0)
    bad.push(`exit status ${exitCode}: ${(stderr || stdout).trim().slice(-500)}`)
  for (const each of bad) falseVerdicts.push(`run ${run}: ${each}`)
  process.stderr.write(`run ${run} of ${runs}: ${bad.length === 0 ? 'clean' : bad.join('; ')}\n`)
}

/** The used part of Vitest's JSON report. */
interface Report {
  readonly kernels: readonly KernelSummary[]
  readonly testResults: readonly {
    readonly name: string
    readonly message?: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

function read(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return undefined // the run ended before its report; its exit status says so
  }
}

/** The first failed test of a file on any kernel, and why. */
function reasonOf(suite: string, report: Report | undefined): string {
  for (const { name, message, assertionResults } of report?.testResults ?? []) {
    if (!name.endsWith(suite)) continue
    const test = assertionResults.find(({ status }) => status === 'failed')
    if (test) return `${test.fullName}: ${test.failureMessages?.[0]?.slice(0, 1000)}`
    if (message) return message.slice(0, 1000)
  }
  return 'failed without a reason'
}
