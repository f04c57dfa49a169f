// SPDX-License-Identifier: MIT
import path from 'node:path'
import { ReportersMap } from 'vitest/node'
import { UsageError } from '../base/errors.ts'
import { requireWritable } from '../report/files.ts'
import type { Reporters, VitestOptions } from './vitest-command.ts'

/** Files of reports beside the one on stdout, as named on the command line. */
export interface ReportFiles {
  readonly junit?: string
  readonly json?: string
  /** The table of suites and kernels. */
  readonly markdown?: string
}

/** A JUnit report has no projects: the names have the kernels. */
const namesWithKernel = {
  suiteNameTemplate: '{displayName} {filename}',
  classnameTemplate: '{displayName} {filename}',
}

/** Vitest's reporters: the requested ones, and those of --junit and --json. */
export function reporters(given: VitestOptions, { junit, json }: ReportFiles): Reporters {
  return [
    ...asked(given),
    ...(junit === undefined
      ? []
      : [['junit', { ...namesWithKernel, outputFile: path.resolve(junit) }] as Reporters[number]]),
    ...(json === undefined ? [] : [['json', { outputFile: path.resolve(json) }] as Reporters[number]]),
  ]
}

/** The files of Vitest's reporters, relative to the current folder. */
export function outputFiles({ outputFile }: VitestOptions): Pick<VitestOptions, 'outputFile'> {
  if (outputFile === undefined) return {}
  if (typeof outputFile === 'string') return { outputFile: path.resolve(outputFile) }
  return {
    outputFile: Object.fromEntries(
      Object.entries(outputFile).map(([name, file]) => [name, path.resolve(String(file))]),
    ),
  }
}

/**
 * Checks the places of all reports before the run.
 * @throws UsageError for one that cannot be written, that no reporter writes, or that two would write
 */
export function checkReports(given: VitestOptions, { junit, json, markdown }: ReportFiles): void {
  const places = new Map<string, string>()
  for (const [option, file] of [
    ...Object.entries({ '--junit': junit, '--json': json, '--markdown': markdown }),
    ...outputOptions(given),
  ]) {
    if (file === undefined) continue
    const place = path.resolve(file)
    const other = places.get(place)
    if (other !== undefined) throw new UsageError(`${other} and ${option} would both write ${file}`)
    places.set(place, option)
    // completeJson adds the kernels to Vitest's report.
    requireWritable(file, option === '--json')
  }
}

/**
 * Vitest's reporters that write a file (5.1.1: those that read outputFile). Custom reporters may do so too.
 */
const writers = new Set(['blob', 'json', 'junit'])

/** The files of --outputFile by the option for each reporter. */
function outputOptions(given: VitestOptions): [option: string, file: string][] {
  const names = asked(given).flatMap(reporter => (typeof reporter === 'string' ? [reporter] : []))
  const writing = names.filter(name => writers.has(name) || !Object.hasOwn(ReportersMap, name))
  const { outputFile } = given
  if (typeof outputFile === 'string') {
    if (writing.length === 0)
      throw new UsageError(
        `--outputFile: no reporter that writes a file is asked for: add one of ${[...writers].join(', ')}`,
      )
    return writing.map(name => [`--reporter ${name}`, outputFile])
  }
  return Object.entries(outputFile ?? {}).map(([name, file]) => {
    if (!writing.includes(name))
      throw new UsageError(`--outputFile.${name}: no reporter ${name} that writes a file is asked for`)
    return [`--outputFile.${name}`, String(file)]
  })
}

/** The requested reporters; a path is relative to the current folder. */
function asked({ reporter }: VitestOptions): Reporters {
  const names = reporter === undefined ? ['default'] : [reporter].flat()
  return names.map(name => (/^\.\.?\//.test(name) ? path.resolve(name) : name))
}
