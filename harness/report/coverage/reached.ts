// SPDX-License-Identifier: MIT
/** What the tests of a run reach of the modules: by gcov's word, and from blobs, of several runs together. */
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import libCoverage, { type CoverageMap } from 'istanbul-lib-coverage'
import * as v from 'valibot'
import type { Notes } from '../../../kernel/build/profiled.ts'
import { MachineryError } from '../../base/errors.ts'
import type { Coverage } from '../../pool/coverage.ts'
import { gcov } from './gcov.ts'
import { coverageMap } from './map.ts'

const place = v.object({ line: v.number(), column: v.number() })
const range = v.object({ start: place, end: place })
const counts = v.record(v.string(), v.number())

/** Istanbul's coverage of a source. */
const fileCoverage = v.object({
  path: v.string(),
  statementMap: v.record(v.string(), range),
  s: counts,
  branchMap: v.record(
    v.string(),
    v.object({ loc: range, type: v.string(), locations: v.array(range), line: v.number() }),
  ),
  b: v.record(v.string(), v.array(v.number())),
  fnMap: v.record(v.string(), v.object({ name: v.string(), decl: range, loc: range, line: v.number() })),
  f: counts,
})

/** As a schema, because blobs have it too. Paths of sources are relative to the project's folder. */
export const reachedSchema = v.object({
  /** By source: all that was counted. */
  sources: v.record(v.string(), fileCoverage),
  /** By source: the SHA-256 of what was compiled, in hex. */
  digests: v.record(v.string(), v.string()),
  /** By test file and source: the lines that ran. */
  byFile: v.record(v.string(), v.record(v.string(), v.array(v.number()))),
  /** The test files whose guests were lost, with their kernels. */
  lost: v.array(v.string()),
  /** Sources that were compiled without counters, or that the build has made, with their kernels. */
  unprofiled: v.optional(v.array(v.string()), []),
})
export type Reached = v.InferOutput<typeof reachedSchema>

/** A kernel's part. */
export interface CountedKernel {
  readonly label: string
  readonly notes: readonly Notes[]
  readonly coverage: Coverage
}

/**
 * @param root the project's folder
 * @param since when the run began, in milliseconds since 1970
 * @throws MachineryError if gcov fails, or a source has changed since the run began
 */
export async function reachedOn(
  kernels: readonly CountedKernel[],
  root: string,
  since: number,
): Promise<Reached> {
  const parts: Reached[] = []
  for (const { label, notes, coverage } of kernels) {
    parts.push({
      sources: {},
      digests: {},
      byFile: {},
      lost: [...coverage.lost].map(file => `${file} (${label})`),
      unprofiled: notes.flatMap(each =>
        [...each.unprofiled, ...generated(each)]
          .sort()
          .map(name => `${path.relative(root, path.join(each.root, name))} (${label})`),
      ),
    })
    for (const folder of notes) {
      // What no test file has loaded has not run.
      parts.push(part(coverageMap(await gcov(folder, []), folder.root), root))
      for (const [file, counted] of Map.groupBy(coverage.counted, each => each.file)) {
        const data = counted.flatMap(each => each.data)
        parts.push(part(coverageMap(await gcov(folder, data), folder.root), root, file))
      }
    }
  }
  const all = together(parts)
  const changed = Object.keys(all.sources).filter(
    source => statSync(path.resolve(root, source)).mtimeMs > since,
  )
  if (changed.length > 0)
    throw new MachineryError(`${changed.join(', ')} changed after the run began: run it again`)
  const digests = Object.keys(all.sources).map(source => [source, digestOf(path.resolve(root, source))])
  return { ...all, digests: Object.fromEntries(digests) }
}

/** Sources that are not where the others are: the build has made them. */
function generated({ folder, root }: Notes): string[] {
  const sources = globSync('**/*.gcno', { cwd: folder }).map(name => name.replace(/gcno$/, 'c'))
  return sources.filter(name => !existsSync(path.join(root, name)))
}

/**
 * The sources that are not there, or not what any of these has counted.
 * @param root the project's folder
 */
export function otherSources(parts: readonly Reached[], root: string): string[] {
  const counted = parts.flatMap(({ digests }) => Object.entries(digests))
  const others = counted.filter(([source, digest]) => digestOf(path.resolve(root, source)) !== digest)
  return [...new Set(others.map(([source]) => source))]
}

/** @returns undefined for a file that cannot be read */
function digestOf(file: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex')
  } catch {
    return undefined
  }
}

/** Several runs as one: shards, kernels, machines. */
export function together(parts: readonly Reached[]): Reached {
  const sources = libCoverage.createCoverageMap({})
  const byFile = new Map<string, Map<string, Set<number>>>()
  for (const part of parts) {
    sources.merge(part.sources)
    for (const [file, lines] of Object.entries(part.byFile)) {
      const own = byFile.get(file) ?? new Map<string, Set<number>>()
      byFile.set(file, own)
      for (const [source, ran] of Object.entries(lines))
        own.set(source, new Set([...(own.get(source) ?? []), ...ran]))
    }
  }
  const inOrder = (lines: ReadonlyMap<string, ReadonlySet<number>>) =>
    [...lines].map(([source, ran]) => [source, [...ran].sort((a, b) => a - b)] as const)
  return {
    sources: dataOf(sources),
    digests: Object.assign({}, ...parts.map(({ digests }) => digests)),
    byFile: Object.fromEntries(
      [...byFile].map(([file, lines]) => [file, Object.fromEntries(inOrder(lines))]),
    ),
    lost: parts.flatMap(({ lost }) => lost),
    unprofiled: [...new Set(parts.flatMap(({ unprofiled }) => unprofiled))],
  }
}

/** As Istanbul's reports take it. @param root the project's folder, wherever the run was */
export function istanbulMap({ sources }: Reached, root: string): CoverageMap {
  const map = libCoverage.createCoverageMap({})
  for (const coverage of Object.values(sources))
    map.addFileCoverage({ ...coverage, path: path.resolve(root, coverage.path) })
  return map
}

/** @param file the test file that has reached it, if it is one's */
function part(map: CoverageMap, root: string, file?: string): Reached {
  const sources = Object.fromEntries(
    Object.values(dataOf(map)).map(coverage => {
      const name = path.relative(root, coverage.path)
      return [name, { ...coverage, path: name }]
    }),
  )
  const lines = Object.entries(sources).map(([name, { s, statementMap }]) => {
    const ran = Object.entries(statementMap).filter(([key]) => (s[key] ?? 0) > 0)
    return [name, ran.map(([, { start }]) => start.line)] as const
  })
  return {
    sources,
    digests: {},
    byFile: file === undefined ? {} : { [file]: Object.fromEntries(lines) },
    lost: [],
    unprofiled: [],
  }
}

function dataOf(map: CoverageMap): Reached['sources'] {
  return v.parse(reachedSchema.entries.sources, JSON.parse(JSON.stringify(map)))
}
