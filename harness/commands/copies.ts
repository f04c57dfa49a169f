import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { type DeliveredFile, guestPaths } from '../../guest/agent/protocol.ts'
import { isElf, isUsualFolder, librariesOf } from '../../images/libraries.ts'
import { nodeBinary } from '../../images/node-binary.ts'
import { messageOf, UsageError } from '../base/errors.ts'
import type { Guest } from '../guest/guest.ts'
import { runInGuest } from '../guest/guest-program.ts'

/** A file or folder of the host's and where it goes in the guest. */
export interface Copy {
  /** As it was written. */
  readonly source: string
  readonly place: string
}

/**
 * Reads `SRC[:DST]`. A source whose own name has a colon is taken whole. It goes into the home folder, under its own name,
 * unless it says otherwise; a destination that ends in `/` is a folder for it.
 * @throws UsageError when the source is not there
 */
export function parseCopy(text: string): Copy {
  const colon = existsSync(text) ? -1 : text.lastIndexOf(':')
  const source = colon < 0 ? text : text.slice(0, colon)
  const destination = colon < 0 ? '' : text.slice(colon + 1)
  try {
    statSync(source)
  } catch (error) {
    throw new UsageError(`cannot copy ${source}: ${messageOf(error)}`, { cause: error })
  }
  const name = nameOf(source)
  const place = path.resolve(guestPaths.home, destination || name)
  return { source, place: /\/\.?$/.test(destination) ? path.join(place, name) : place }
}

function nameOf(source: string): string {
  return path.basename(path.resolve(source))
}

/** As cp does it: a file that is to go where the guest has a folder goes into that. */
export async function intoFolders(guest: Guest, copies: readonly Copy[]): Promise<Copy[]> {
  const settled: Copy[] = []
  for (const { source, place } of copies) {
    const request = { command: ['test', '-d', place], folder: guestPaths.home, environment: {} }
    const isInto = statSync(source).isFile() && (await runInGuest(guest, request)).code === 0
    settled.push({ source, place: isInto ? path.join(place, nameOf(source)) : place })
  }
  return settled
}

/** What a command needs that was copied in: the files, and where its libraries are. */
export interface CopiedFiles {
  /** Files of the host's by their places in the guest. */
  readonly files: ReadonlyMap<string, string>
  /** Folders of libraries that the loader does not look into by itself. */
  readonly libraryFolders: readonly string[]
}

/**
 * All files of some copies, those of folders one by one, and the shared libraries of the programs among them, which go to
 * where they are on the host. Those of node's, which the guest has, stay.
 * @throws UsageError for what is not there or cannot be copied
 */
export async function collectCopies(copies: readonly Copy[]): Promise<CopiedFiles> {
  const files = new Map<string, string>()
  for (const { source, place } of copies) collect(source, place, files)
  const present = new Set(await librariesOf(nodeBinary()))
  const folders = new Set<string>()
  for (const file of [...files.values()].filter(isElf))
    for (const library of await librariesOf(path.resolve(file))) {
      if (present.has(library)) continue
      files.set(library, library)
      const folder = path.dirname(library)
      if (!isUsualFolder(folder)) folders.add(folder)
    }
  return { files, libraryFolders: [...folders] }
}

function collect(source: string, place: string, files: Map<string, string>): void {
  try {
    const status = statSync(source)
    if (status.isDirectory())
      for (const name of readdirSync(source)) collect(path.join(source, name), path.join(place, name), files)
    else if (status.isFile()) files.set(place, source)
    else throw new UsageError(`cannot copy ${source}: it is neither a file nor a folder`)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`cannot copy ${source}: ${messageOf(error)}`, { cause: error })
  }
}

/** What goes in one message: the guest's memory must not hold a large file twice. */
const PIECE = 8 * 1024 * 1024

/** Puts the files into the guest, large ones in pieces. */
export async function deliverCopies(guest: Guest, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [place, file] of files)
    for (const piece of piecesOf(place, file)) {
      try {
        await guest.deliver([piece])
      } catch (error) {
        throw new UsageError(`cannot copy ${file} to ${place} in the guest: ${messageOf(error)}`, {
          cause: error,
        })
      }
    }
}

function* piecesOf(place: string, file: string): Generator<DeliveredFile> {
  const content = readFileSync(file)
  const mode = statSync(file).mode & 0o7777
  for (let at = 0; at === 0 || at < content.length; at += PIECE)
    yield { path: place, mode, content: content.subarray(at, at + PIECE), append: at > 0 }
}
