// SPDX-License-Identifier: MIT
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { createCLI, type parseCLI, startVitest, type Vitest } from 'vitest/node'
import { messageOf, UsageError } from '../base/errors.ts'
import { commandName } from '../base/own-folder.ts'
import type { ProjectOptions } from '../prepare/project.ts'
import type { UserSettings } from '../prepare/settings.ts'
import { additions, decisionOn, type Taker } from './vitest-options.ts'

export type VitestOptions = ReturnType<typeof parseCLI>['options']
export type Reporters = Extract<NonNullable<VitestOptions['reporters']>, unknown[]>

/** What a command line asks of Vitest. */
export interface VitestCall {
  readonly filters: string[]
  /** For Vitest itself, which passes on what belongs to its projects. */
  readonly run: VitestOptions
  /** For each kernel's project. */
  readonly project: ProjectOptions
  /** For coverage: true, or some of its settings. */
  readonly coverage: boolean | UserSettings['coverage']
  /** Node's arguments for test workers. */
  readonly execArgv: readonly string[]
}

/**
 * Parses filters and options as Vitest's own command line does, and the few options that it does not have.
 * @throws UsageError for an unknown or unsupported option, or a wrong value
 */
export function parseVitestArguments(rest: readonly string[]): VitestCall {
  const { env, others } = takeVariables(rest)
  // Vitest's parser takes the next argument for it, a filter perhaps.
  const empty = others.find(argument => /^--[^=]+=$/.test(argument))
  if (empty !== undefined) throw new UsageError(`${empty} has no value`)
  const { filters, options } = parseByVitest(others.map(inCamelCase))
  const taken: Record<Taker, Record<string, unknown>> = { run: {}, kernel: {}, worker: {}, coverage: {} }
  for (const { names, value } of leavesOf(options)) {
    const name = names.join('.')
    const decision = decisionOn(name)
    if (!decision) throw unknownOption(`Unknown option \`--${name}\``)
    if ('refused' in decision) throw new UsageError(`--${name} has no place here: ${decision.refused}`)
    if ('group' in decision)
      throw new UsageError(`--${name} is a group: name an option of it, as ${decision.group}`)
    const result = v.safeParse(decision.value, value)
    if (!result.success) throw new UsageError(`--${name}: ${result.issues[0].message}, not ${String(value)}`)
    put(taken[decision.takenBy], names, result.output)
  }
  const { execArgv, ...worker } = taken.worker
  return {
    filters,
    // As on Vitest's own command line, a filter may end in a line number.
    run: filters.some(filter => /:\d+$/.test(filter))
      ? { includeTaskLocation: true, ...taken.run }
      : taken.run,
    project: withPaths({ ...taken.kernel, ...worker, ...(Object.keys(env).length > 0 ? { env } : {}) }),
    coverage: taken.coverage.coverage as VitestCall['coverage'],
    execArgv: (execArgv as string[] | undefined) ?? [],
  }
}

function parseByVitest(rest: readonly string[]): { filters: string[]; options: Record<string, unknown> } {
  try {
    const cli = createCLI()
    // --help and --version are not Vitest's.
    cli.showHelpOnExit = false
    cli.showVersionOnExit = false
    for (const [name, decision] of Object.entries(additions)) {
      const isFlag = !('value' in decision) || v.is(decision.value, true)
      cli.option(isFlag ? `--${name}` : `--${name} <value>`, '')
    }
    refuseValuesOfFlags(cli, rest)
    // `run` is explicit, so that no filter is taken for another of Vitest's commands.
    const { args, options } = cli.parse(['node', 'vitest', 'run', ...rest], { run: false })
    // With { run: false } parse() does not check options.
    cli.matchedCommand?.checkUnknownOptions()
    cli.matchedCommand?.checkOptionValue()
    const { '--': more = [], ...given } = options
    for (const { name, names, negated } of cli.globalCommand.options) {
      for (const short of names) if (short !== name) delete given[short]
      // An option that exists only as --no-X has the default true.
      if (negated && given[name] === true) delete given[name]
    }
    if (given.color === false && !rest.includes('--no-color')) throw new Error('colours go by --no-color')
    return { filters: [...args, ...more], options: given }
  } catch (error) {
    throw unknownOption(messageOf(error), error)
  }
}

/** Refuses a value of a boolean option, which Vitest's parser would take for a filter. */
function refuseValuesOfFlags({ globalCommand }: ReturnType<typeof createCLI>, rest: readonly string[]): void {
  const flags = new Set(globalCommand.options.flatMap(({ isBoolean, names }) => (isBoolean ? names : [])))
  for (const argument of rest) {
    if (argument === '--') return
    const [matched, name = '', value = ''] = /^--?([^-=][^=]*)=(.*)$/s.exec(argument) ?? []
    if (matched && flags.has(name) && !/^(true|false)$/.test(value))
      throw new Error(`--${name} takes no value, not ${value}`)
  }
}

function unknownOption(message: string, cause?: unknown): UsageError {
  return new UsageError(`${message} (neither ours nor Vitest's; ${commandName} run --help lists ours)`, {
    cause,
  })
}

/**
 * An option's name as Vitest lists it. In kebab case Vitest takes the filter after `--log-heap-usage` for its
 * value, and ignores `--expect.require-assertions`.
 */
function inCamelCase(argument: string): string {
  return argument.replace(
    /^(--(?:no-)?)([a-z][\w.-]*)/i,
    (_, dashes: string, name: string) =>
      dashes + name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase()),
  )
}

/**
 * Extracts `--env NAME=VALUE` and `--env.NAME VALUE`, each also with `=` in place of the space. Vitest's
 * parser would turn 007 and 1e3 into numbers.
 */
function takeVariables(rest: readonly string[]): { env: Record<string, string>; others: string[] } {
  const env: Record<string, string> = {}
  const others: string[] = []
  for (let index = 0; index < rest.length; index++) {
    const argument = rest[index] ?? ''
    if (argument === '--') return { env, others: [...others, ...rest.slice(index)] }
    const [matched, name, value] = /^--env(?:\.([^=]*))?(?:=(.*))?$/s.exec(argument) ?? []
    if (matched === undefined) {
      others.push(argument)
      continue
    }
    const given = value ?? rest[++index]
    const assignment = name === undefined ? given : `${name}=${given ?? ''}`
    const [valid, variable = '', content = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(assignment ?? '') ?? []
    if (given === undefined || valid === undefined)
      throw new UsageError(`--env takes NAME=VALUE, not ${assignment ?? 'nothing'}`)
    env[variable] = content
  }
  return { env, others }
}

/** Each value of nested options, with the names that lead to it. */
function leavesOf(
  options: Record<string, unknown>,
  above: readonly string[] = [],
): { names: readonly string[]; value: unknown }[] {
  return Object.entries(options).flatMap(([name, value]) => {
    const names = [...above, name]
    return isPlain(value) && Object.keys(value).length > 0 ? leavesOf(value, names) : [{ names, value }]
  })
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function put(
  target: Record<string, unknown>,
  [name = '', ...below]: readonly string[],
  value: unknown,
): void {
  if (below.length === 0) target[name] = value
  else {
    const inner = isPlain(target[name]) ? target[name] : {}
    target[name] = inner
    put(inner, below, value)
  }
}

/** Resolves paths against the current folder. */
function withPaths(options: ProjectOptions): ProjectOptions {
  const { dir, diff } = options
  if (dir !== undefined && !statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`--dir: there is no folder ${dir}`)
  if (typeof diff === 'string' && !existsSync(diff)) throw new UsageError(`--diff: there is no file ${diff}`)
  return {
    ...options,
    ...(dir === undefined ? {} : { dir: path.resolve(dir) }),
    ...(typeof diff === 'string' ? { diff: path.resolve(diff) } : {}),
  }
}

/**
 * Starts Vitest with the whole report on stdout, in order; by default it writes failures to stderr.
 * @throws UsageError for options that Vitest refuses
 */
export async function startReport(filters: string[], options: VitestOptions): Promise<Vitest> {
  try {
    return await startVitest(filters, options, {}, { stdout: process.stdout, stderr: process.stdout })
  } catch (error) {
    throw new UsageError(`Vitest refuses that: ${messageOf(error)}`, { cause: error })
  }
}
