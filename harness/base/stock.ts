// SPDX-License-Identifier: MIT
import {
  type Dirent,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { type CacheKind, discardIdle } from './cache.ts'
import { cacheRoot } from './cache-root.ts'
import { isErrno } from './errors.ts'

/**
 * Kinds that grow with each change of kernel, QEMU, Node or this project, with each build of a tree, and with
 * each interrupted build or killed comparison: pruned automatically.
 */
export const growing: readonly CacheKind[] = [
  'templates',
  'images',
  'modules',
  'inputs',
  'kernels',
  'builds',
  'compiled',
  'forks',
  'recordings',
  'kselftests',
  'drafts',
  'sides',
]
/** Kinds of which an entry that nobody uses is what a killed process has left. */
const remains: readonly CacheKind[] = ['drafts', 'sides']
/** Kinds that can be made again: templates and images are the largest. */
export const prunable: readonly CacheKind[] = [...growing, 'verdicts']

/** An entry of the cache. */
export interface StockedEntry {
  readonly kind: CacheKind
  readonly key: string
  readonly folder: string
  /** Bytes on disk: a template's RAM file is sparse. */
  readonly size: number
  /** When it was last used, milliseconds since 1970. */
  readonly used: number
  /** The kernel's label, if the entry has one. */
  readonly label: string | undefined
}

/** All entries of these kinds. */
export function stock(kinds: readonly CacheKind[] = prunable): StockedEntry[] {
  return kinds.flatMap(kind => {
    const folder = path.join(cacheRoot(), kind)
    return entriesOf(folder).flatMap(key => {
      const entry = path.join(folder, key)
      try {
        return [
          {
            kind,
            key,
            folder: entry,
            size: diskUsage(entry),
            used: statSync(entry).mtimeMs,
            label: labelOf(entry),
          },
        ]
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return [] // another run has just removed it
        throw error
      }
    })
  })
}

export interface PruneLimits {
  /** Milliseconds since its last use after which an entry goes. */
  readonly age: number
  /**
   * Bytes of all entries together. Kernels go last; within both groups the least recently used goes first.
   */
  readonly size: number
}

/** A kernel is expensive to make (a download, or minutes of building) and smaller than a template. */
const isDear = (entry: StockedEntry) => entry.kind === 'kernels'

/** The entries to remove. Never those used after `since`: they belong to the current run. */
export function overdue(
  entries: readonly StockedEntry[],
  { age, size }: PruneLimits,
  now: number = Date.now(),
  since: number = now,
): StockedEntry[] {
  let total = entries.reduce((sum, entry) => sum + entry.size, 0)
  return entries
    .toSorted((a, b) => Number(isDear(a)) - Number(isDear(b)) || a.used - b.used)
    .filter(entry => {
      if (entry.used >= since || (total <= size && now - entry.used <= age)) return false
      total -= entry.size
      return true
    })
}

/** What was removed, and what was not. */
export interface Pruned {
  readonly removed: readonly StockedEntry[]
  /** Living processes use them. */
  readonly spared: readonly StockedEntry[]
}

/**
 * Removes overdue entries that nobody uses, and what interrupted builds and killed comparisons have left, which
 * nobody can use later.
 */
export async function prune(
  limits: PruneLimits,
  kinds: readonly CacheKind[] = prunable,
  since?: number,
): Promise<Pruned> {
  const [left = [], others = []] = [true, false].map(isLeft =>
    stock(kinds).filter(({ kind }) => remains.includes(kind) === isLeft),
  )
  const removed: StockedEntry[] = []
  const spared: StockedEntry[] = []
  for (const entry of [...left, ...overdue(others, limits, Date.now(), since)]) {
    if (await discardIdle(entry.kind, entry.key)) removed.push(entry)
    else if (existsSync(entry.folder)) spared.push(entry)
  }
  return { removed, spared }
}

const DAY = 86_400_000

/**
 * {@link prune} for {@link growing}, only after the limits or the entries have changed, or a day has passed:
 * adding up the sizes of all files costs a noticeable part of a short run (docs/measurements.md, Start of a
 * run).
 * @param since when the run began: what is used after it stays
 */
export async function pruneWhenDue(limits: PruneLimits, since: number): Promise<readonly StockedEntry[]> {
  if (!isPruningDue(limits)) return []
  const { removed } = await prune(limits, growing, since)
  const stamp = stampFile()
  writeFileSync(stamp, JSON.stringify(limits))
  // What was added during this run has not been examined.
  utimesSync(stamp, since / 1000, since / 1000)
  return removed
}

/** Its time says when the cache was last pruned, its text to which limits. */
const stampFile = () => path.join(cacheRoot(), 'pruned')

function isPruningDue(limits: PruneLimits): boolean {
  const pruned = changed(stampFile())
  if (pruned === undefined || Date.now() - pruned > DAY) return true
  // An interrupted build may have left something at any time.
  if (entriesOf(path.join(cacheRoot(), 'drafts')).length > 0) return true
  // A rename adds an entry and changes the folder's time. That of drafts changes by removals too.
  const kinds = growing.filter(kind => kind !== 'drafts')
  if (kinds.some(kind => (changed(path.join(cacheRoot(), kind)) ?? 0) > pruned)) return true
  return readFileSync(stampFile(), 'utf8') !== JSON.stringify(limits)
}

/** When a file or folder was last changed, milliseconds since 1970. */
function changed(place: string): number | undefined {
  return statSync(place, { throwIfNoEntry: false })?.mtimeMs
}

/** A folder's bytes on disk; files that disappear meanwhile count as 0. */
export function diskUsage(folder: string): number {
  let entries: Dirent[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0
    throw error
  }
  return entries.reduce((sum, entry) => {
    const place = path.join(folder, entry.name)
    if (entry.isDirectory()) return sum + diskUsage(place)
    return sum + (entry.isFile() ? (statSync(place, { throwIfNoEntry: false })?.blocks ?? 0) * 512 : 0)
  }, 0)
}

/** Bytes as people read them. */
export function bytes(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : `${Math.round(count / 1e6)} MB`
}

function labelOf(folder: string): string | undefined {
  try {
    const { label } = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as {
      label?: unknown
    }
    return typeof label === 'string' ? label : undefined
  } catch {
    return undefined
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
