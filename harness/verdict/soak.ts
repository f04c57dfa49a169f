/**
 * `npm run soak`: clean files, one after another, until so many have run, each in a guest of its own: none may get a verdict
 * that is not the module's fault. The last result is written down with the machine (docs/soak.md).
 *
 *   npm run soak -- [FILES] [--kernel LABEL[,LABEL...]]
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { hostLabel } from '../../kernel/provide.ts'
import { runCli } from '../fixtures/cli.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** Vitest's JSON report, as far as it is used here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { kernel: { type: 'string' } } })
const wanted = Number(positionals[0] ?? 500)
if (!Number.isInteger(wanted) || wanted < 1) throw new RangeError(`not a number of files: ${positionals[0]}`)
const labels = (values.kernel ?? hostLabel()).split(',')

const began = new Date()
const folder = mkdtempSync(path.join(os.tmpdir(), 'netlink-vmtest-soak-'))
const loads: number[] = []
const falseVerdicts: string[] = []
let files = 0
let tests = 0
let rounds = 0
try {
  while (files < wanted) {
    for (const label of labels) {
      if (files >= wanted) break
      const json = path.join(folder, 'report.json')
      rmSync(json, { force: true })
      const { status, stderr } = await runCli(['--kernel', label, '--json', json], {
        cwd: root,
        timeout: 3_600_000,
      })
      rounds++
      loads.push(os.loadavg()[0] ?? 0)
      const report = JSON.parse(readFileSync(json, 'utf8')) as Report
      for (const { name, message, assertionResults } of report.testResults) {
        files++
        tests += assertionResults.length
        const failed = assertionResults.filter(each => each.status === 'failed')
        for (const { fullName, failureMessages } of failed)
          falseVerdicts.push(
            `${label} ${path.relative(root, name)} > ${fullName}: ${firstLine(failureMessages.join('\n'))}`,
          )
        if (message && failed.length === 0)
          falseVerdicts.push(`${label} ${path.relative(root, name)}: ${firstLine(message)}`)
      }
      if (report.testResults.length === 0)
        throw new Error(`nothing ran on ${label} (status ${status}): ${stderr.slice(-500)}`)
      process.stderr.write(
        `${files} of ${wanted} files, ${tests} tests, ${falseVerdicts.length} false verdicts\n`,
      )
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const minutes = Math.round((Date.now() - began.getTime()) / 60_000)
const docs = path.join(root, 'docs')
mkdirSync(docs, { recursive: true })
writeFileSync(
  path.join(docs, 'soak.md'),
  `# The last soak

\`npm run soak -- ${wanted}\`: clean test files in a row, each in a guest of its own; whatever fails is a false verdict.

- ${began.toISOString().slice(0, 10)}: ${files} files (${tests} tests) in ${rounds} rounds on ${labels.join(', ')}, ${minutes} minutes
- false verdicts: ${falseVerdicts.length}
- machine: ${os.cpus().length} cores (${os.cpus()[0]?.model.trim()}), ${Math.round(os.totalmem() / 1024 ** 3)} GiB, Linux ${os.release()}, node ${process.version}; load ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}
${falseVerdicts.map(each => `- ${each}\n`).join('')}`,
)
process.stdout.write(
  `${files} files, ${tests} tests, ${falseVerdicts.length} false verdicts, ${minutes} minutes\n`,
)
for (const each of falseVerdicts) process.stdout.write(`${each}\n`)
process.exitCode = falseVerdicts.length > 0 ? 1 : 0

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
