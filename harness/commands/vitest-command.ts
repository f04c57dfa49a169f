import path from 'node:path'
import { createCLI, type parseCLI, startVitest, type Vitest } from 'vitest/node'
import { messageOf, UsageError } from '../base/errors.ts'

/** Files that reports are written to beside the one on stdout. */
export interface ReportFiles {
  readonly junit?: string
  readonly json?: string
}

export type VitestOptions = ReturnType<typeof parseCLI>['options']

/** Options of Vitest's that would run tests elsewhere than in guests, on this very machine, or that guests do not have. */
const notHere: Readonly<Record<string, string>> = {
  pool: 'tests run in guests',
  environment: 'tests run in guests, in node',
  browser: 'tests run in guests, in node',
  typecheck: 'tests run in guests; run the compiler by itself',
  coverage: 'there is none of code in guests',
  project: 'a project is a kernel; choose with --kernel',
  config: 'settings are in netlink-vmtest.config.ts',
  root: 'the project is the folder of netlink-vmtest.config.ts',
  standalone: 'there is nothing to run then',
}

/** Filters and options as Vitest's own command line reads them. */
export function parseVitestArguments(rest: readonly string[]): { filters: string[]; options: VitestOptions } {
  const parsed = parseByVitest(rest)
  const elsewhere = Object.keys(parsed.options).find(name => Object.hasOwn(notHere, name))
  if (elsewhere) throw new UsageError(`--${elsewhere} has no place here: ${notHere[elsewhere]}`)
  return parsed
}

function parseByVitest(rest: readonly string[]): { filters: string[]; options: VitestOptions } {
  try {
    const cli = createCLI()
    // `run` is named so that a filter is never taken for one of Vitest's other commands.
    const { args, options } = cli.parse(['node', 'vitest', 'run', ...rest], { run: false })
    // parse() checks nothing when it is not to run the command.
    cli.matchedCommand?.checkUnknownOptions()
    cli.matchedCommand?.checkOptionValue()
    return { filters: [...args], options: options as VitestOptions }
  } catch (error) {
    throw new UsageError(
      `${messageOf(error)} (neither ours nor Vitest's; ./run-vm.sh run --help lists ours)`,
      {
        cause: error,
      },
    )
  }
}

/** Vitest's reporters: those asked for, and its own two for files. */
export function reporters(given: VitestOptions, { junit, json }: ReportFiles): Reporters {
  const asked = given.reporters ?? given.reporter ?? ['default']
  const list = Array.isArray(asked) ? asked : [asked]
  return [
    ...list,
    ...(junit === undefined ? [] : [['junit', namesWithKernel] as Reporters[number]]),
    ...(json === undefined ? [] : ['json']),
  ]
}

/** A JUnit report has no projects: the kernel is part of the names, or those of two kernels could not be told apart. */
const namesWithKernel = {
  suiteNameTemplate: '{displayName} {filename}',
  classnameTemplate: '{displayName} {filename}',
}

export type Reporters = Extract<NonNullable<VitestOptions['reporters']>, unknown[]>

/** Where reporters write to: as Vitest was told, and our own two. */
export function outputFiles(
  { outputFile }: VitestOptions,
  { junit, json }: ReportFiles,
): Pick<VitestOptions, 'outputFile'> {
  const ours = {
    ...(junit === undefined ? {} : { junit: path.resolve(junit) }),
    ...(json === undefined ? {} : { json: path.resolve(json) }),
  }
  if (Object.keys(ours).length === 0) return outputFile === undefined ? {} : { outputFile }
  if (typeof outputFile === 'string')
    throw new UsageError(
      '--outputFile FILE leaves open whose file it is beside --junit and --json: use --outputFile.NAME',
    )
  return { outputFile: { ...outputFile, ...ours } }
}

/**
 * Vitest with the whole report on stdout, in order; it would put the failures on stderr.
 * @throws UsageError for what it refuses of its options
 */
export async function startReport(filters: string[], options: VitestOptions): Promise<Vitest> {
  try {
    return await startVitest(filters, options, {}, { stdout: process.stdout, stderr: process.stdout })
  } catch (error) {
    throw new UsageError(`Vitest refuses that: ${messageOf(error)}`, { cause: error })
  }
}
