// SPDX-License-Identifier: MIT
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { guestPaths } from '../../guest/agent/protocol.ts'
import { nodeBinary } from '../../images/dependencies.ts'
import { isElf, isUsualFolder, librariesOf } from '../../images/libraries.ts'
import type { Guest } from '../guest/guest.ts'
import { deliverCopies, type HostItem, itemsOf, readable } from '../guest/host-files.ts'
import { requireFolders, requireRoom, type Surroundings, surroundings } from './guest-space.ts'

/** A file or folder on the host and its destination in the guest. */
export interface Copy {
  /** As written on the command line. */
  readonly source: string
  readonly place: string
}

/**
 * Reads `SRC[:DST]`. An existing file whose name has a colon is taken as the whole source. The default
 * destination is the home folder; one that ends in `/` is a folder to copy into.
 * @throws UsageError if the source does not exist
 */
export function parseCopy(text: string): Copy {
  const colon = existsSync(text) ? -1 : text.lastIndexOf(':')
  const source = colon < 0 ? text : text.slice(0, colon)
  const destination = colon < 0 ? '' : text.slice(colon + 1)
  readable(source, () => statSync(source))
  const name = nameOf(source)
  const place = path.resolve(guestPaths.home, destination || name)
  return { source, place: /\/\.?$/.test(destination) ? path.join(place, name) : place }
}

function nameOf(source: string): string {
  return path.basename(path.resolve(source))
}

/** All that a set of copies consists of. */
export interface CopiedItems {
  /** Each folder comes before its contents. */
  readonly items: readonly HostItem[]
  /** Library folders that the loader does not search by itself. */
  readonly libraryFolders: readonly string[]
}

/**
 * Lists the files of copies, and the shared libraries of programs among them, which keep their paths. node's
 * libraries are left out: the guest has them. A link named on the command line is followed; one inside a
 * folder is copied as a link.
 * @throws UsageError for what does not exist or cannot be copied
 */
export async function collectCopies(copies: readonly Copy[]): Promise<CopiedItems> {
  const items = copies.flatMap(({ source, place }) => itemsOf(Buffer.from(source), Buffer.from(place)))
  const present = new Set(await librariesOf(nodeBinary()))
  const libraries = new Set<string>()
  for (const { type, source } of items) {
    if (type !== 'file') continue
    const file = source.toString()
    // The loader cannot be given a name that is not UTF-8.
    if (!Buffer.from(file).equals(source) || !readable(source, () => isElf(file))) continue
    for (const library of await librariesOf(path.resolve(file)))
      if (!present.has(library)) libraries.add(library)
  }
  const folders = [...libraries].map(library => path.dirname(library))
  return {
    items: [
      ...items,
      ...[...libraries].flatMap(library => itemsOf(Buffer.from(library), Buffer.from(library))),
    ],
    libraryFolders: [...new Set(folders.filter(folder => !isUsualFolder(folder)))],
  }
}

/** As cp: a file whose destination is a folder in the guest goes into it. */
export function intoFolders(copies: readonly Copy[], { places }: Surroundings): Copy[] {
  return copies.map(({ source, place }) => {
    const isInto = places.get(place)?.isFolder === true && readable(source, () => statSync(source)).isFile()
    return { source, place: isInto ? path.join(place, nameOf(source)) : place }
  })
}

/**
 * Copies files and folders of the host into a guest.
 * @param memory the guest's, in MiB
 * @returns their destinations, and the library folders that the loader must be told of
 * @throws UsageError for what does not exist, cannot be copied, or does not fit
 */
export async function copyInto(
  guest: Guest,
  wanted: readonly Copy[],
  memory: number,
): Promise<{ copies: readonly Copy[]; libraryFolders: readonly string[] }> {
  if (wanted.length === 0) return { copies: [], libraryFolders: [] }
  const around = await surroundings(
    guest,
    wanted.map(({ place }) => place),
  )
  const copies = intoFolders(wanted, around)
  requireFolders(copies, around)
  const { items, libraryFolders } = await collectCopies(copies)
  const files = items.flatMap(item => (item.type === 'file' ? [item] : []))
  requireRoom(files, around, memory)
  await deliverCopies(guest, items)
  return { copies, libraryFolders }
}
