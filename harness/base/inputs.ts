// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { type CacheKind, cached, contentKey, discard } from './cache.ts'
import { cacheRoot } from './cache-root.ts'
import { isErrno, MachineryError } from './errors.ts'
import { makeFolder } from './folders.ts'

/** How often an entry is made anew because one of its inputs changed meanwhile. */
const ATTEMPTS = 3

/** The longest tick of a kernel's clock (CONFIG_HZ_100), in milliseconds. */
const TICK = 10

/** How many lists of inputs are remembered for a key: versions of a module that are used in turn. */
const MOST_LISTS = 8

/** An entry's list of inputs, in the order of its key. */
const listFile = 'inputs.json'
const listSchema = v.array(v.string())

/**
 * As {@link cached}, for entries whose inputs are known only after the build: headers that a compiler found,
 * packages that a bundler followed. The entry's key has the content of all these files, and whether they
 * exist.
 * @param key the inputs known beforehand
 * @param make fills the folder and resolves to the paths of the other files that it read
 * @param base the folder that relative ones among these paths start from
 * @throws MachineryError if these files keep changing while they are read
 */
export async function cachedByInputs(
  kind: CacheKind,
  key: string,
  make: (folder: string) => Promise<Iterable<string>>,
  base = '/',
): Promise<string> {
  for (;;) {
    const lists = await knownInputs(kind, key)
    const keys = await Promise.all(lists.map(inputs => keyOf(key, inputs, base)))
    const found = keys.findIndex(each => existsSync(path.join(cacheRoot(), kind, each)))
    // If no list matches, the newest gives the most likely key.
    const [known = [], keyed = await keyOf(key, [], base)] = [
      lists[Math.max(found, 0)],
      keys[Math.max(found, 0)],
    ]
    const entry = await cached(kind, keyed, async folder => {
      const inputs = await makeUndisturbed(folder, make, base)
      await writeFile(path.join(folder, listFile), JSON.stringify(inputs))
    })
    try {
      const inputs = v.parse(listSchema, JSON.parse(await readFile(path.join(entry, listFile), 'utf8')))
      if (isSame(inputs, known)) return entry
      // Its inputs differ from those of the guessed key: rename it.
      const renamed = await cached(kind, await keyOf(key, inputs, base), folder => copy(entry, folder))
      await remember(kind, key, [inputs, ...lists.filter(list => !isSame(list, inputs))].slice(0, MOST_LISTS))
      await discard(kind, keyed)
      return renamed
    } catch (error) {
      if (error instanceof SyntaxError || v.isValiError(error)) await discard(kind, keyed)
      // On ENOENT another process has just renamed it.
      else if (!isErrno(error, 'ENOENT')) throw error
    }
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.join('\n') === b.join('\n')
}

/** @returns its inputs, none of which has changed during the build */
async function makeUndisturbed(
  folder: string,
  make: (folder: string) => Promise<Iterable<string>>,
  base: string,
): Promise<string[]> {
  for (let attempt = 1; ; attempt++) {
    // File systems use the time of the last tick: wait, so that a change from now on has a later time.
    await sleep(2 * TICK)
    const began = Date.now() - TICK
    const inputs = [...new Set(await make(folder))].sort()
    const changed = await firstChanged(
      inputs.map(file => path.resolve(base, file)),
      began,
    )
    if (changed === undefined) return inputs
    if (attempt === ATTEMPTS)
      throw new MachineryError(
        `${changed} changes again and again while it is read: wait until it is written`,
      )
    await rm(folder, { recursive: true })
    await mkdir(folder)
  }
}

async function firstChanged(files: readonly string[], since: number): Promise<string | undefined> {
  for (const file of files) {
    const status = await stat(file).catch(() => undefined)
    // A time in the future comes from another machine's clock.
    if (status === undefined || (status.ctimeMs >= since && status.ctimeMs <= Date.now())) return file
  }
  return undefined
}

async function keyOf(key: string, inputs: readonly string[], base: string): Promise<string> {
  const contents = await Promise.all(inputs.map(async file => [file, await digest(path.resolve(base, file))]))
  return contentKey([key, ...contents.flat()])
}

/** A hash of a file's content, or a word if it does not exist. */
async function digest(file: string): Promise<string> {
  try {
    return createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return 'not there'
    throw error
  }
}

async function copy(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
}

function listOf(kind: CacheKind, key: string): string {
  return path.join(cacheRoot(), 'inputs', `${kind}-${key}`)
}

/** The input lists of entries with this key, newest first. */
async function knownInputs(kind: CacheKind, key: string): Promise<string[][]> {
  const folder = listOf(kind, key)
  try {
    const lists = v.parse(
      v.array(listSchema),
      JSON.parse(await readFile(path.join(folder, listFile), 'utf8')),
    )
    await utimes(folder, new Date(), new Date())
    return lists
  } catch {
    return [] // none yet, or damaged or another version's
  }
}

async function remember(kind: CacheKind, key: string, lists: readonly string[][]): Promise<void> {
  const folder = listOf(kind, key)
  const draft = path.join(folder, `${process.pid}.draft`)
  makeFolder(folder)
  await writeFile(draft, JSON.stringify(lists))
  await rename(draft, path.join(folder, listFile))
}
