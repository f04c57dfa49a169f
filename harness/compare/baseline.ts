// SPDX-License-Identifier: MIT
/** A file that stands in for BASE: what its runs have told, and what it was made with. */
import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import * as v from 'valibot'
import { MachineryError, messageOf, UsageError } from '../base/errors.ts'
import type { Variation } from './comparison.ts'
import type { KernelFacts } from './facts/facts.ts'
import type { RecordedFile } from './recorded.ts'

const format = 'netlink-vmtest baseline'
/** Of the file; a new one whenever older versions of this package would read it wrongly. */
const version = 1

const parts = v.array(v.tuple([v.string(), v.string()]))
const message = v.object({ what: v.string(), parts })
const exchange = v.object({
  ...{ socket: v.string(), key: v.string(), operation: v.string(), request: v.string() },
  ...{ answers: v.array(message), datagrams: v.number() },
  told: v.array(
    v.object({ whom: v.string(), messages: v.array(message), after: v.optional(v.array(v.number())) }),
  ),
})
const file = v.object({
  file: v.string(),
  modules: v.optional(v.array(v.string())),
  times: v.optional(v.record(v.string(), v.number())),
  tests: v.array(
    v.object({
      name: v.string(),
      state: v.picklist(['passed', 'failed', 'skipped', 'not run']),
      failures: v.array(
        v.object({
          kind: v.picklist(['test', 'splat', 'taint', 'loss', 'leak', 'memory']),
          ...{ text: v.string(), message: v.string() },
        }),
      ),
      said: v.array(
        v.object({
          exchanges: v.array(exchange),
          missed: v.number(),
          awaited: v.optional(v.string()),
          turns: v.optional(v.array(v.string())),
        }),
      ),
      log: v.optional(v.array(v.string())),
      logLevels: v.optional(v.array(v.number())),
    }),
  ),
})
const kernel = v.object({
  label: v.string(),
  /** uname -r */
  release: v.string(),
  /** Changes with the kernel's content. */
  id: v.string(),
  /** Identities of the modules' contents, by name. */
  modules: v.record(v.string(), v.string()),
  files: v.array(
    v.object({
      recorded: file,
      varying: v.array(v.string()),
      // Older ones lack it.
      alternating: v.optional(v.array(v.string()), []),
    }),
  ),
  /** What the modules are. */
  facts: v.optional(v.record(v.string(), v.unknown())),
})
const schema = v.object({
  ...{ format: v.literal(format), version: v.literal(version) },
  /** The version of this package. */
  harness: v.string(),
  /** BASE in words. */
  made: v.string(),
  /** Hashes of the test files. */
  suites: v.record(v.string(), v.string()),
  kernels: v.array(kernel),
})

export type BaselineKernel = Omit<v.InferOutput<typeof kernel>, 'files' | 'facts'> & {
  readonly facts?: KernelFacts | undefined
  readonly files: readonly ({ readonly recorded: RecordedFile } & Variation)[]
}
/** What a baseline has. */
export interface Baseline {
  readonly harness: string
  readonly made: string
  readonly suites: Readonly<Record<string, string>>
  readonly kernels: readonly BaselineKernel[]
}

/** @throws MachineryError if it cannot be written */
export function writeBaseline(place: string, baseline: Baseline): void {
  try {
    writeFileSync(place, gzipSync(JSON.stringify({ format, version, ...baseline })))
  } catch (error) {
    throw new MachineryError(`cannot write the baseline ${place}: ${messageOf(error)}`, { cause: error })
  }
}

/** @throws UsageError for a file that is cut short, of a later version, or no baseline */
export function readBaseline(place: string): Baseline {
  const content = contentOf(place)
  const { format: found, version: its } = (content ?? {}) as { format?: unknown; version?: unknown }
  if (found !== format)
    throw new UsageError(`--baseline: ${place} is no baseline: make one by --save-baseline`)
  if (its !== version)
    throw new UsageError(
      `--baseline: ${place} has the format ${String(its)}, and this version of netlink-vmtest reads ${version}: make it anew by --save-baseline`,
    )
  const result = v.safeParse(schema, content)
  if (result.success) return result.output as unknown as Baseline
  throw new UsageError(
    `--baseline: ${place} is damaged at ${v.getDotPath(result.issues[0]) ?? 'its root'}: make it anew by --save-baseline`,
  )
}

/** The recordings of one test file on one kernel. */
export interface KeptRecordings {
  readonly kernel: string
  readonly file: string
  readonly recordings: readonly RecordedFile[]
}

const keptSchema = v.array(v.object({ kernel: v.string(), file: v.string(), recordings: v.array(file) }))

/** Recordings as bytes of a file of the cache. */
export function packRecordings(kept: readonly KeptRecordings[]): Buffer {
  return gzipSync(JSON.stringify(kept))
}

/** @throws Error for what {@link packRecordings} has not made */
export function unpackRecordings(bytes: Uint8Array): KeptRecordings[] {
  return v.parse(keptSchema, JSON.parse(gunzipSync(bytes).toString())) as unknown as KeptRecordings[]
}

function contentOf(place: string): unknown {
  let bytes: Buffer
  try {
    bytes = readFileSync(place)
  } catch (error) {
    throw new UsageError(`--baseline: cannot read ${place}: ${messageOf(error)}`, { cause: error })
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return undefined
  try {
    return JSON.parse(gunzipSync(bytes).toString()) as unknown
  } catch (error) {
    const isShort = /unexpected end of (file|JSON)/i.test(messageOf(error))
    throw new UsageError(
      `--baseline: ${place} is ${isShort ? 'cut short' : 'damaged'}: make it anew by --save-baseline`,
      { cause: error },
    )
  }
}
