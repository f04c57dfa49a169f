// SPDX-License-Identifier: MIT
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { rename, rm, rmdir, utimes } from 'node:fs/promises'
import path from 'node:path'
import { cacheRoot } from './cache-root.ts'
import { isErrno, MachineryError, messageOf } from './errors.ts'
import { makeFolder } from './folders.ts'
import { diskFull } from './full-disk.ts'
import { isLeased, lease } from './leases.ts'

/** What the cache holds; each kind has a folder of that name. */
export type CacheKind =
  | 'apt'
  | 'builds'
  | 'drafts'
  | 'kernels'
  | 'modules'
  | 'images'
  | 'inputs'
  | 'templates'
  | 'verdicts'
  | 'compiled'
  | 'forks'
  | 'recordings'
  | 'sides'
  | 'kselftests'

/**
 * A key of an entry's inputs: the first 20 hex digits of a SHA-256. Parts are length-prefixed, so that ['ab',
 * 'c'] and ['a', 'bc'] differ.
 */
export function contentKey(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return hash.digest('hex').slice(0, 20)
}

/**
 * The folder of a cache entry, made by `build` if it does not exist. `build` fills an empty folder, which
 * becomes the entry by one rename after it has returned: an entry that exists is complete, however a run
 * ended. Two processes (or two calls) that want the same entry wait for one build and then both use it. It is
 * not pruned while this process lives.
 *
 * @param limit milliseconds to wait for another process's build
 */
export async function cached(
  kind: CacheKind,
  key: string,
  build: (folder: string) => Promise<void>,
  { limit = 3_600_000 }: { limit?: number } = {},
): Promise<string> {
  const entry = path.join(cacheRoot(), kind, key)
  // Before looking for the entry: pruning checks the leases after it has moved the entry away.
  lease(cacheRoot(), lockOf(kind, key))
  if (existsSync(entry)) {
    await touch(entry)
    return entry
  }
  // Again if this process was stopped for so long that it lost its lock, and with it what it had built.
  for (;;) {
    const made = await locked(lockOf(kind, key), lock => make(kind, key, build, lock), { limit })
    if (made !== undefined) return made
  }
}

/** Makes an entry. @returns its folder; undefined if the lock was lost to another process */
async function make(
  kind: CacheKind,
  key: string,
  build: (folder: string) => Promise<void>,
  lock: Lock,
): Promise<string | undefined> {
  const entry = path.join(cacheRoot(), kind, key)
  if (existsSync(entry)) return entry
  // Named after the entry, so that the next build clears what a killed one left. Each build has its own
  // folder in it, so that one that was only stopped does not write into the next one's.
  const drafts = path.join(cacheRoot(), 'drafts', lockOf(kind, key))
  const draft = path.join(drafts, randomUUID())
  try {
    await rm(drafts, { recursive: true, force: true })
    makeFolder(draft)
    await build(draft)
    if (lock.isLost) return undefined
    makeFolder(path.dirname(entry))
    await rename(draft, entry)
    return entry
  } catch (error) {
    if (lock.isLost) return undefined
    throw explained(error)
  } finally {
    await rm(draft, { recursive: true, force: true }).catch(() => {})
    await rmdir(drafts).catch(() => {}) // another's is in it
  }
}

/** Removes a damaged entry; the next {@link cached} makes it anew. */
export async function discard(kind: CacheKind, key: string): Promise<void> {
  await locked(lockOf(kind, key), () => remove(kind, key))
}

/** Removes an entry unless a living process makes or uses it. @returns whether it was removed */
export async function discardIdle(kind: CacheKind, key: string): Promise<boolean> {
  const name = lockOf(kind, key)
  const isInUse = () => isLeased(cacheRoot(), name)
  if (isInUse()) return false
  try {
    // The lock of an unused draft can only be that of a killed process: wait until it is stale.
    const limit = kind === 'drafts' ? STALE + 1_000 : 0
    return await lockedAlone(
      name,
      async () => {
        if (kind !== 'drafts') return await removeUnless(isInUse, kind, key)
        // Its build may have succeeded in the meantime.
        const isThere = existsSync(path.join(cacheRoot(), kind, key))
        await remove(kind, key)
        return isThere
      },
      { limit },
    )
  } catch (error) {
    if (error instanceof LockHeld) return false
    throw error
  }
}

/** The lock's name while an entry is made or removed. A draft is named after the lock of its entry. */
function lockOf(kind: CacheKind, key: string): string {
  return kind === 'drafts' ? key : `${kind}-${key}`
}

/** Moves an entry away, and back if somebody has begun to use it in the meantime. */
async function removeUnless(isInUse: () => boolean, kind: CacheKind, key: string): Promise<boolean> {
  const entry = path.join(cacheRoot(), kind, key)
  const drafts = path.join(cacheRoot(), 'drafts', lockOf(kind, key))
  const away = path.join(drafts, randomUUID())
  makeFolder(drafts)
  try {
    await rename(entry, away)
    if (!isInUse()) return true
    await rename(away, entry)
    return false
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false // another run has just removed it
    throw explained(error)
  } finally {
    await rm(drafts, { recursive: true, force: true })
  }
}

async function remove(kind: CacheKind, key: string): Promise<void> {
  await rm(path.join(cacheRoot(), kind, key), { recursive: true, force: true })
}

/** A held lock. */
export interface Lock {
  /** Whether another process has taken it over because this one, stopped or suspended, did not renew it. */
  readonly isLost: boolean
}

/** Another process held a lock for longer than the limit. */
class LockHeld extends MachineryError {}

/**
 * Runs `work` under a lock of this name. A holder that is killed, or stopped for longer than {@link STALE},
 * loses its lock.
 * @throws MachineryError when the lock is not free within `limit` milliseconds, or the cache cannot be
 *   written
 */
export async function locked<T>(
  name: string,
  work: (lock: Lock) => Promise<T>,
  options: { limit?: number } = {},
): Promise<T> {
  // A lock implies a lease, which a stopped holder keeps.
  const end = lease(cacheRoot(), name)
  try {
    return await lockedAlone(name, work, options)
  } finally {
    end()
  }
}

async function lockedAlone<T>(
  name: string,
  work: (lock: Lock) => Promise<T>,
  { limit = 3_600_000 }: { limit?: number } = {},
): Promise<T> {
  const locks = path.join(cacheRoot(), 'locks')
  const lockfilePath = path.join(locks, `${name}.lock`)
  // If this process is the holder, its progress already shows what is waited for.
  const patience = setTimeout(() => held.has(lockfilePath) || tellOfWait(name), PATIENCE)
  let release: () => Promise<void>
  try {
    makeFolder(locks)
    // Loaded where it is used: it handles signals from then on (exitOnSignals() in process.ts).
    const { lock } = await import('proper-lockfile')
    release = await lock(lockfilePath, {
      realpath: false,
      lockfilePath,
      stale: STALE,
      update: STALE / 5,
      // No reason to end the run: who cares looks at `isLost`.
      onCompromised: () => {},
      retries: { retries: Math.ceil(limit / 250), factor: 1, minTimeout: 250, maxTimeout: 250 },
    })
  } catch (error) {
    if (isErrno(error, 'ELOCKED'))
      throw new LockHeld(
        `another run has held ${lockfilePath} for ${limit / 1000} s: end it, or remove that folder if there is none`,
      )
    throw explained(error)
  } finally {
    clearTimeout(patience)
  }
  held.add(lockfilePath)
  const own = identity(lockfilePath)
  const isLost = () => identity(lockfilePath) !== own
  try {
    return await work({
      get isLost() {
        return isLost()
      },
    })
  } finally {
    held.delete(lockfilePath)
    // Releasing a lost lock would remove its new holder's.
    if (!isLost()) await release().catch(() => {})
  }
}

/** A folder's identity whatever its name: taking a lock over makes a new folder. */
function identity(folder: string): string {
  const status = statSync(folder, { bigint: true, throwIfNoEntry: false })
  return `${status?.ino} ${status?.birthtimeNs}`
}

/** The locks that this process holds. */
const held = new Set<string>()

/** Milliseconds to wait for another run before saying so. */
const PATIENCE = 2_000

let tellOfWait: (name: string) => void = () => {}

/**
 * Calls `listener` once for each wait for another process, with the name of the lock (`kernels-KEY`, `apt`).
 * There is one listener, the command line's.
 */
export function onWait(listener: (name: string) => void): void {
  tellOfWait = listener
}

/** Milliseconds without a sign of life after which a lock's holder counts as killed. */
const STALE = 5_000

/** Marks an entry as used now: pruning by age reads this time. */
async function touch(entry: string): Promise<void> {
  const now = new Date()
  await utimes(entry, now, now).catch(() => {})
}

function explained(error: unknown): unknown {
  if (isErrno(error, 'ENOSPC')) return diskFull()
  if (
    isErrno(error, 'EACCES') ||
    isErrno(error, 'EROFS') ||
    isErrno(error, 'EPERM') ||
    isErrno(error, 'ENOTDIR')
  )
    return new MachineryError(
      `cannot write below ${cacheRoot()} (${messageOf(error)}): set XDG_CACHE_HOME to a folder you own`,
    )
  return error
}
