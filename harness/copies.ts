import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import path from 'node:path'
import { type DeliveredFile, guestPaths } from '../guest/agent/protocol.ts'
import { nodeBinary } from '../images/image.ts'
import { librariesOf } from '../images/libraries.ts'
import { messageOf, UsageError } from './errors.ts'
import type { Guest } from './guest/guest.ts'

/** A file or folder of the host's and where it goes in the guest. */
export interface Copy {
  readonly source: string
  /** As it was written; undefined where nothing was. */
  readonly destination: string | undefined
}

/** Reads `SRC[:DST]`. A source whose own name has a colon is taken whole. */
export function parseCopy(text: string): Copy {
  const colon = text.lastIndexOf(':')
  if (colon < 0 || existsSync(text)) return { source: text, destination: undefined }
  return { source: text.slice(0, colon), destination: text.slice(colon + 1) || undefined }
}

/** Where a copy lies in the guest: below the home folder, under its own name, unless it says otherwise. */
export function placeOf({ source, destination }: Copy): string {
  const name = path.basename(path.resolve(source))
  if (destination === undefined) return path.join(guestPaths.home, name)
  const place = path.resolve(guestPaths.home, destination)
  return /\/\.?$/.test(destination) ? path.join(place, name) : place
}

/** What a command needs that was copied in: the files, and where its libraries are. */
export interface CopiedFiles {
  /** Files of the host's by their places in the guest. */
  readonly files: ReadonlyMap<string, string>
  /** Folders of libraries that the loader does not look into by itself. */
  readonly libraryFolders: readonly string[]
}

/** Where the loader looks without being told. */
const usualFolders = /^(\/usr)?\/lib(64)?(\/x86_64-linux-gnu)?$/

/**
 * All files of some copies, those of folders one by one, and the shared libraries of the programs among them, which go to
 * where they are on the host. Those of node's, which the guest has, stay.
 * @throws UsageError for what is not there or cannot be copied
 */
export async function collectCopies(copies: readonly Copy[]): Promise<CopiedFiles> {
  const files = new Map<string, string>()
  for (const copy of copies) collect(copy.source, placeOf(copy), files)
  const present = new Set(await librariesOf(nodeBinary()))
  const folders = new Set<string>()
  for (const file of [...files.values()].filter(isProgram))
    for (const library of await librariesOf(path.resolve(file))) {
      if (present.has(library)) continue
      files.set(library, library)
      const folder = path.dirname(library)
      if (!usualFolders.test(folder)) folders.add(folder)
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

/** Whether a file is in ELF, and so may need libraries. */
function isProgram(file: string): boolean {
  const fd = openSync(file, 'r')
  try {
    const magic = Buffer.alloc(4)
    return readSync(fd, magic) === 4 && magic.toString('latin1') === '\x7fELF'
  } finally {
    closeSync(fd)
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
