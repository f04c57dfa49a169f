// SPDX-License-Identifier: MIT
import { randomUUID } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import { cacheRoot } from '../../harness/base/cache-root.ts'
import { MachineryError } from '../../harness/base/errors.ts'
import { makeFolder } from '../../harness/base/folders.ts'
import type { Progress } from '../../harness/base/progress.ts'
import { type LockFile, lockFileName, resolutionSchema } from '../lock-file.ts'
import { LostPackage } from './archive.ts'
import type { Package, Resolution } from './packages.ts'

export interface ResolvedOptions {
  readonly progress: Progress
  /** The project's lock file, which precedes what this machine remembers. */
  readonly lock?: LockFile | undefined
  /** Takes the archive's newest, whatever was used before. */
  readonly refresh?: boolean | undefined
}

/** How many versions are tried if the archive has lost files. */
const attempts = 4

/**
 * Calls `use` with the packages that a name stands for: those of the lock file, else those that this machine
 * used before, else the archive's newest. So a run has the same kernel as before, without a network. If the
 * archive has lost a package, another version is tried. Remembers what was used, and reports a change.
 * @param name a label (`debian-6.1`), or what several labels share (`linux-source-6.12`)
 * @param available what the archive has now, best first; only called when needed
 * @param use throws LostPackage when the archive no longer has a package
 */
export async function withResolution<T>(
  name: string,
  { progress, lock, refresh }: ResolvedOptions,
  available: () => AsyncIterable<Resolution>,
  use: (resolution: Resolution) => Promise<T>,
): Promise<T> {
  const locked = await lock?.read(name)
  const remembered = await recall(name)
  const before = locked ?? remembered
  const lost = new Map<string, string>()
  for await (const resolution of choices()) {
    // The archive may still list what it has lost: do not try it twice. Compared with the archive's part,
    // because main has the same files after security has dropped them.
    const files = JSON.stringify(resolution.packages.map(it => [it.archive, it.file, it.sha256]))
    if (lost.has(files)) continue
    if (lost.size === attempts) break
    try {
      const result = await use(resolution)
      await settle(resolution)
      return result
    } catch (error) {
      if (!(error instanceof LostPackage)) throw error
      lost.set(files, resolution.release)
      progress.note(`${error.message}: trying another version`)
    }
  }
  throw new MachineryError(
    `the archive lists ${[...new Set(lost.values())].join(', ')} for ${name} but has the files of none: try again later, or set another mirror`,
  )

  async function* choices(): AsyncGenerator<Resolution> {
    if (before && !refresh) yield before
    yield* available()
  }

  async function settle(used: Resolution): Promise<void> {
    // A lock file applies to its project only: what other projects use stays remembered.
    if (!remembered || (used !== locked && !isSame(used, remembered))) await remember(name, used)
    const change = before && changed(before, used)
    if (change) progress.note(`${name}: ${change}`)
    if (!lock || (locked && isSame(used, locked))) return
    const written = await lock.write(name, used)
    if (locked)
      progress.note(
        written
          ? `${lockFileName} says so now: commit it`
          : `${lockFileName} still names the old one, ${lock.frozen ? 'for CI does not change it' : 'for it cannot be written'}: commit what build --update makes of it elsewhere`,
      )
  }
}

/** The difference between two resolutions as text; undefined if they are the same. */
export function changed(before: Resolution, now: Resolution): string | undefined {
  const version = ({ packages }: Resolution) => packages[0]?.version ?? '?'
  if (before.release !== now.release || version(before) !== version(now))
    return `${now.release} (${version(now)}) now, ${before.release} (${version(before)}) before`
  const other = now.packages.flatMap(it => {
    const old = before.packages.find(each => each.name === it.name)
    return old?.sha256 === it.sha256 ? [] : `${it.name} ${it.version} now, ${old?.version ?? 'none'} before`
  })
  return other.length > 0 ? other.join('; ') : undefined
}

function isSame(a: Resolution, b: Resolution): boolean {
  const essence = ({ release, packages }: Resolution) => JSON.stringify([release, packages.map(fields)])
  return essence(a) === essence(b)
}

function fields({ name, version, suite, archive, file, size, sha256 }: Package): unknown[] {
  return [name, version, suite, archive, file, size, sha256]
}

function memory(name: string): string {
  return path.join(cacheRoot(), 'apt', 'resolved', `${name}.json`)
}

async function recall(name: string): Promise<Resolution | undefined> {
  try {
    return v.parse(resolutionSchema, JSON.parse(await readFile(memory(name), 'utf8')))
  } catch {
    // Missing or damaged: it is resolved again.
    return undefined
  }
}

async function remember(name: string, resolution: Resolution): Promise<void> {
  const file = memory(name)
  makeFolder(path.dirname(file))
  // A random name, because one process may write it twice: minimal-6.12 and debug-6.12 have the same source.
  const draft = `${file}.${randomUUID()}`
  await writeFile(draft, JSON.stringify(resolution, undefined, 2))
  await rename(draft, file)
}
