// SPDX-License-Identifier: MIT
import { readdir, readlink, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { isErrno } from '../harness/base/errors.ts'

/** Files to be copied, by their destinations. */
export interface Files {
  /** Regular files by destination, with the file to read. */
  readonly files: ReadonlyMap<string, { readonly file: string; readonly executable: boolean }>
  /** Links by destination, with their targets relative to their folder. */
  readonly links: ReadonlyMap<string, string>
}

/** A folder to take files from. */
export interface Root {
  /** The destination of its files; empty for the top. */
  readonly at: string
  readonly folder: string
  /** Whether to take a file, by its path below the folder. */
  readonly keep: (name: string) => boolean
  /** The folders to descend into; default: all. */
  readonly enter?: RegExp
}

/** The files and links to take from these folders. */
export async function filesBelow(roots: readonly Root[]): Promise<Files> {
  const files = new Map<string, { file: string; executable: boolean }>()
  const links: { at: string; file: string }[] = []
  for (const { at, folder, keep, enter } of roots) {
    const walk = async (below: string): Promise<void> => {
      for (const entry of await readdir(path.join(folder, below), { withFileTypes: true })) {
        const name = path.posix.join(below, entry.name)
        if (entry.isDirectory()) {
          if (enter === undefined || enter.test(name)) await walk(name)
        } else if (keep(name)) {
          const file = path.join(folder, name)
          const place = path.posix.join(at, name)
          if (entry.isSymbolicLink()) links.push({ at: place, file })
          else if (entry.isFile())
            files.set(place, { file, executable: ((await stat(file)).mode & 0o100) !== 0 })
        }
      }
    }
    await walk('')
  }
  return { files, links: await linksInside(links, files) }
}

/** Links whose targets are taken too; others (lib/modules/RELEASE/build) would dangle. */
async function linksInside(
  links: readonly { at: string; file: string }[],
  files: ReadonlyMap<string, { file: string }>,
): Promise<Map<string, string>> {
  const known = new Set<string>()
  for (const { file } of files.values())
    for (let at = file; !known.has(at) && at !== path.dirname(at); at = path.dirname(at)) known.add(at)
  const kept = new Map<string, string>()
  for (const { at, file } of links) {
    const target = await readlink(file)
    if (path.isAbsolute(target)) continue
    const real = await realpath(file).catch(error => {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ELOOP')) return undefined
      throw error
    })
    if (real !== undefined && known.has(real)) kept.set(at, target)
  }
  return kept
}
