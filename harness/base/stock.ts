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
import { type CacheKind, cacheRoot, discardIdle } from './cache.ts'
import { isErrno } from './errors.ts'

/**
 * What grows with every change of kernel, QEMU, Node or this project, with every build of a tree, and with every build that was
 * ended before its time: pruned without being asked.
 */
export const growing: readonly CacheKind[] = [
  'templates',
  'images',
  'modules',
  'inputs',
  'kernels',
  'builds',
  'compiled',
  'drafts',
]
/** What takes room and can be made again: templates and images by far the most. */
export const prunable: readonly CacheKind[] = [...growing, 'verdicts']

/** An entry of the cache. */
export interface StockedEntry {
  readonly kind: CacheKind
  readonly key: string
  readonly folder: string
  /** Bytes that it takes on the disk: a template's RAM file has holes. */
  readonly size: number
  /** When it was last used, milliseconds since 1970. */
  readonly used: number
  /** The kernel's label, where the entry says so. */
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
  /** Bytes that all of them may take; what is made in seconds goes first, kernels last, and of either what was used longest ago. */
  readonly size: number
}

/** A kernel is downloaded, or built for minutes, and takes less room than one template, which takes seconds. */
const isDear = (entry: StockedEntry) => entry.kind === 'kernels'

/** Which entries have to go. Never those that were used after `since`: they belong to a run that is under way. */
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

/** What became of what had to go. */
export interface Pruned {
  readonly removed: readonly StockedEntry[]
  /** Living processes use them. */
  readonly spared: readonly StockedEntry[]
}

/** Removes what is overdue and nobody uses, and what builds that were ended have left: no later one goes on with it. */
export async function prune(
  limits: PruneLimits,
  kinds: readonly CacheKind[] = prunable,
  since?: number,
): Promise<Pruned> {
  const [drafts = [], others = []] = [true, false].map(isDraft =>
    stock(kinds).filter(({ kind }) => (kind === 'drafts') === isDraft),
  )
  const removed: StockedEntry[] = []
  const spared: StockedEntry[] = []
  for (const entry of [...drafts, ...overdue(others, limits, Date.now(), since)]) {
    if (await discardIdle(entry.kind, entry.key)) removed.push(entry)
    else if (existsSync(entry.folder)) spared.push(entry)
  }
  return { removed, spared }
}

const DAY = 86_400_000

/**
 * {@link prune} of what grows, where there may be something to remove: after other limits, after anything was added, and once a day.
 * Adding up what some hundred thousand files take is 0.4 s, a third of a short run.
 * @param since when the run began: what was used after it stays
 */
export async function pruneWhenDue(limits: PruneLimits, since: number): Promise<readonly StockedEntry[]> {
  if (!isPruningDue(limits)) return []
  const { removed } = await prune(limits, growing, since)
  const stamp = stampFile()
  writeFileSync(stamp, JSON.stringify(limits))
  // What came during this run was not looked at.
  utimesSync(stamp, since / 1000, since / 1000)
  return removed
}

/** Says by its time when the cache was last pruned, and by its text to what limits. */
const stampFile = () => path.join(cacheRoot(), 'pruned')

function isPruningDue(limits: PruneLimits): boolean {
  const pruned = changed(stampFile())
  if (pruned === undefined || Date.now() - pruned > DAY) return true
  // A build that was ended may have left something at any time.
  if (entriesOf(path.join(cacheRoot(), 'drafts')).length > 0) return true
  // An entry is added by a rename, which changes the folder; that of drafts changes by what is removed, too.
  const kinds = growing.filter(kind => kind !== 'drafts')
  if (kinds.some(kind => (changed(path.join(cacheRoot(), kind)) ?? 0) > pruned)) return true
  return readFileSync(stampFile(), 'utf8') !== JSON.stringify(limits)
}

/** When a file or folder was last changed, milliseconds since 1970. */
function changed(place: string): number | undefined {
  return statSync(place, { throwIfNoEntry: false })?.mtimeMs
}

/** Bytes that a folder takes on the disk; what others remove meanwhile takes none. */
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
