// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { type Vitest, version as vitestVersion } from 'vitest/node'
import { messageOf, UsageError } from '../base/errors.ts'
import { ownVersion } from '../base/version.ts'
import { reachedSchema } from './coverage/reached.ts'
import { kernelFacts } from './kernel-facts.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(1))

/** What a blob of Vitest does not have, and a report of several runs needs. */
const recordSchema = v.object({
  /** The version of this package. */
  version: v.string(),
  /** The project's folder on that machine. */
  root: v.string(),
  shard: v.optional(v.object({ index: count, count })),
  kernels: v.array(kernelFacts),
  /** Milliseconds of the whole run. */
  total: v.number(),
  /** Errors outside of tests. */
  unhandledErrors: v.number(),
  /** Vitest failed the run: by a test, a slow import, a reporter. */
  failed: v.boolean(),
  /** A run without any test passes. */
  passWithNoTests: v.boolean(),
  /** Vitest's counts of snapshots. */
  snapshots: v.record(v.string(), v.union([v.number(), v.boolean(), v.array(v.unknown())])),
  /** -t, as Vitest understood it. */
  testNamePattern: v.optional(v.string()),
  /** With --coverage. */
  coverage: v.optional(reachedSchema),
})
export type RunRecord = v.InferOutput<typeof recordSchema>

/** A blob: what `--reporter=blob` wrote, with the run's record. */
export interface Blob {
  /** As named to the user. */
  readonly file: string
  readonly record: RunRecord
  /** The test files in it. */
  readonly modules: readonly { readonly kernel: string; readonly name: string }[]
  /** Its text for Vitest, as if the run had been in the project's folder `root`. */
  inFolder(root: string): string
}

/**
 * A blob is flatted's JSON (vitest 5.1.1): a list of values in which each text, list and object stands once,
 * and others name it by its index, as a text. The first one is the list of the blob's parts, of which
 * Vitest's mergeReports() reads six; the record is the next.
 */
const blobSchema = v.looseTuple([v.pipe(v.array(v.unknown()), v.minLength(6))])
const recordPart = 6

/** A test file, its values by their index. */
const moduleSchema = v.object({ projectName: v.string(), name: v.string() })

/** Adds a run's record to the blob that Vitest has written. */
export function addRecord(text: string, record: Omit<RunRecord, 'version'>): string {
  const values = v.parse(blobSchema, JSON.parse(text))
  values[0][recordPart] = String(values.length)
  return JSON.stringify([...values, JSON.stringify({ ...record, version: ownVersion() })])
}

/**
 * The blobs below a folder, as artifacts of several jobs lie there: all of its files.
 * @throws UsageError that names each file that is none, or that other versions wrote
 */
export function readBlobs(folder: string): Blob[] {
  const status = statSync(folder, { throwIfNoEntry: false })
  if (!status) throw new UsageError(`there is no folder ${folder}`)
  if (!status.isDirectory()) throw new UsageError(`${folder} is no folder: name the one with the blobs`)
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => !entry.isDirectory())
    .map(entry => path.join(entry.parentPath, entry.name))
    .sort()
  if (files.length === 0)
    throw new UsageError(`there is no blob in ${folder}: run the shards with --reporter=blob`)
  const problems: string[] = []
  const blobs = files.flatMap(file => {
    try {
      return [readBlob(file)]
    } catch (error) {
      problems.push(`${file}: ${messageOf(error)}`)
      return []
    }
  })
  refuse(problems, folder)
  return blobs
}

/** @throws UsageError that lists the problems, if there are any */
export function refuse(problems: readonly string[], folder: string): void {
  const [first, ...more] = problems
  if (first === undefined) return
  if (more.length === 0) throw new UsageError(`cannot merge ${folder}: ${first}`)
  throw new UsageError(`cannot merge ${folder}: it has ${problems.length} problems`, {
    details: problems.join('\n'),
  })
}

function readBlob(file: string): Blob {
  // Nobody may write to a FIFO.
  if (!statSync(file).isFile()) throw new UsageError('it is no regular file: keep only blobs there')
  const content = readFileSync(file, 'utf8')
  // So that what is cut short and what is something else are told apart.
  const values = v.safeParse(blobSchema, /^(\[\[|$)/.test(content) ? parsed(content) : undefined)
  const all = list(values.output)
  const at = (reference: unknown): unknown => all[Number(reference)]
  const parts = values.success ? values.output[0] : []
  const written = at(parts[0])
  const modules = v.safeParse(v.array(moduleSchema), list(at(parts[1])).map(at))
  if (typeof written !== 'string' || !modules.success)
    throw new UsageError('it is no blob: keep only what --reporter=blob writes there')
  if (written !== vitestVersion)
    throw new UsageError(
      `Vitest ${written} wrote it, and this is ${vitestVersion}: use one version everywhere`,
    )
  const text = at(parts[recordPart])
  if (typeof text !== 'string')
    throw new UsageError(
      'it has no record of its kernels: netlink-vmtest did not write it, or was ended before',
    )
  const record = parseRecord(text)
  return {
    file,
    record,
    modules: modules.output.map(({ projectName, name }) => ({
      kernel: String(at(projectName)),
      name: String(at(name)),
    })),
    inFolder: root => JSON.stringify(all.map(value => moved(value, record.root, root))),
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError('the file is damaged or cut short: have its job write it anew')
  }
}

function parseRecord(text: string): RunRecord {
  const json = parsed(text) as { version?: unknown } | null
  const own = ownVersion()
  if (json?.version !== own)
    throw new UsageError(
      `netlink-vmtest ${json?.version ?? 'unknown'} wrote it, and this is ${own}: use one version everywhere`,
    )
  const record = v.safeParse(recordSchema, json)
  if (!record.success) throw new UsageError('its record of kernels is damaged: have its job write it anew')
  return record.output
}

/** A text with the paths of a project in another folder: whole texts, and the places of stack traces. */
function moved(value: unknown, from: string, to: string): unknown {
  if (typeof value !== 'string' || from === to) return value
  if (value === from) return to
  if (value.startsWith(`${from}/`)) return to + value.slice(from.length)
  return value.replaceAll(/^ +at .*$/gm, line => line.replaceAll(`${from}/`, `${to}/`))
}

/** What Vitest knows after a run, and does not write. */
export function recordOf({ config, state, snapshot }: Vitest) {
  return {
    root: config.root,
    shard: config.shard,
    unhandledErrors: state.getUnhandledErrors().length,
    snapshots: { ...snapshot.summary },
    testNamePattern: config.testNamePattern?.source,
  }
}
