import { constants, existsSync, lstatSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { type CopiedEntry, guestPaths } from '../../guest/agent/protocol.ts'
import { isElf, isUsualFolder, librariesOf } from '../../images/libraries.ts'
import { nodeBinary } from '../../images/node-binary.ts'
import { HarnessError, messageOf, UsageError } from '../base/errors.ts'
import { AgentError, type Guest } from '../guest/guest.ts'
import { requireRoom, type Surroundings, surroundings } from './room.ts'

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
  readable(source, () => statSync(source))
  const name = nameOf(source)
  const place = path.resolve(guestPaths.home, destination || name)
  return { source, place: /\/\.?$/.test(destination) ? path.join(place, name) : place }
}

function nameOf(source: string): string {
  return path.basename(path.resolve(source))
}

/** Part of a copy as it is on the host. */
type Item = { readonly place: Buffer; readonly source: Buffer } & (
  | { readonly type: 'file'; readonly mode: number; readonly size: number }
  | { readonly type: 'folder'; readonly mode: number }
  | { readonly type: 'link'; readonly target: Buffer }
)

/** What a command needs that was copied in. */
export interface CopiedItems {
  /** Folders before what is in them. */
  readonly items: readonly Item[]
  /** Folders of libraries that the loader does not look into by itself. */
  readonly libraryFolders: readonly string[]
}

/**
 * All that some copies are made of, and the shared libraries of the programs among them, which go to where they are on the
 * host; those of node's, which the guest has, stay. A link that is named itself is followed, one in a folder is copied as a link.
 * @throws UsageError for what is not there or cannot be copied
 */
export async function collectCopies(copies: readonly Copy[]): Promise<CopiedItems> {
  const items = copies.flatMap(({ source, place }) => collect(Buffer.from(source), Buffer.from(place)))
  const present = new Set(await librariesOf(nodeBinary()))
  const libraries = new Set<string>()
  for (const { type, source } of items) {
    if (type !== 'file') continue
    const file = source.toString()
    // The loader's own tools take no other names.
    if (!Buffer.from(file).equals(source) || !readable(source, () => isElf(file))) continue
    for (const library of await librariesOf(path.resolve(file)))
      if (!present.has(library)) libraries.add(library)
  }
  const folders = [...libraries].map(library => path.dirname(library))
  return {
    items: [
      ...items,
      ...[...libraries].flatMap(library => collect(Buffer.from(library), Buffer.from(library))),
    ],
    libraryFolders: [...new Set(folders.filter(folder => !isUsualFolder(folder)))],
  }
}

const SLASH = Buffer.from('/')

function collect(
  source: Buffer,
  place: Buffer,
  look: (file: Buffer) => Stats = file => statSync(file),
): Item[] {
  const status = readable(source, () => look(source))
  const mode = status.mode & 0o7777
  if (status.isFile()) return [{ type: 'file', place, source, mode, size: status.size }]
  if (status.isSymbolicLink()) {
    const target = readable(source, () => readlinkSync(source, { encoding: 'buffer' }))
    return [{ type: 'link', place, source, target }]
  }
  if (!status.isDirectory())
    throw new UsageError(`cannot copy ${shown(source)}: it is ${kindOf(status)}, not a file, folder or link`)
  const names = readable(source, () => readdirSync(source, { encoding: 'buffer' }))
  const within = (folder: Buffer, name: Buffer) => Buffer.concat([folder, SLASH, name])
  return [
    { type: 'folder', place, source, mode },
    ...names.flatMap(name => collect(within(source, name), within(place, name), file => lstatSync(file))),
  ]
}

function kindOf(status: Stats): string {
  if (status.isSocket()) return 'a socket'
  return status.isFIFO() ? 'a FIFO' : 'a device'
}

function readable<T>(source: string | Buffer, look: () => T): T {
  try {
    return look()
  } catch (error) {
    throw unreadable(source, error)
  }
}

function unreadable(source: string | Buffer, error: unknown): UsageError {
  return new UsageError(`cannot copy ${shown(source)}: ${messageOf(error)}`, { cause: error })
}

/** A name for a message: bytes that are no UTF-8, and what would break a line, as `\xff`. */
function shown(name: string | Buffer): string {
  const bytes = Buffer.from(name)
  const text = bytes.toString()
  const hex = (byte: string) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
  return Buffer.from(text).equals(bytes)
    ? text.replace(/\p{Cc}/gu, hex)
    : bytes.toString('latin1').replace(/[^ -~]/g, hex)
}

/** As cp does it: a file that is to go where the guest has a folder goes into that. */
export function intoFolders(copies: readonly Copy[], { places }: Surroundings): Copy[] {
  return copies.map(({ source, place }) => {
    const isInto = places.get(place)?.isFolder === true && readable(source, () => statSync(source)).isFile()
    return { source, place: isInto ? path.join(place, nameOf(source)) : place }
  })
}

/** What goes in one message: the guest's memory must not hold a large file twice. */
const PIECE = 8 * 1024 * 1024

/** Puts them into the guest, large ones in pieces. */
export async function deliverCopies(guest: Guest, items: readonly Item[]): Promise<void> {
  let batch: CopiedEntry[] = []
  let size = 0
  const flush = async () => {
    const entries = batch
    batch = []
    size = 0
    if (entries.length > 0) await put(guest, entries)
  }
  for (const item of items)
    for await (const entry of entriesOf(item)) {
      batch.push(entry)
      // What a message has beside contents is small, and not nothing.
      size += 256 + (entry.type === 'file' ? entry.content.length : 0)
      if (size >= PIECE) await flush()
    }
  await flush()
}

async function put(guest: Guest, entries: readonly CopiedEntry[]): Promise<void> {
  try {
    await guest.ask({ type: 'copy', entries })
  } catch (error) {
    if (!(error instanceof AgentError) || error.code === undefined) throw error
    const why =
      error.code === 'ENOSPC' ? 'there is no room for it in the guest: raise vm.memory' : messageOf(error)
    throw new UsageError(`cannot copy to ${shown(Buffer.from(entries[0]?.place ?? ''))}: ${why}`, {
      cause: error,
    })
  }
}

async function* entriesOf(item: Item): AsyncGenerator<CopiedEntry> {
  const { place, source } = item
  if (item.type === 'folder') return yield { type: 'folder', place, mode: item.mode }
  if (item.type === 'link') return yield { type: 'link', place, target: item.target }
  const { mode, size } = item
  try {
    // A file that never has anything to say (/proc/kmsg) must not be waited for.
    await using file = await open(source, constants.O_RDONLY | constants.O_NONBLOCK)
    // A file that grows is copied as it was found. Those of /proc say that they are empty.
    const limit = size || Number.POSITIVE_INFINITY
    for (let at = 0; at === 0 || at < limit; ) {
      const buffer = Buffer.allocUnsafe(Math.min(PIECE, Math.max(1, size ? limit - at : PIECE)))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0 && at > 0) return
      yield { type: 'file', place, mode, content: buffer.subarray(0, bytesRead), append: at > 0 }
      if (bytesRead === 0) return
      at += bytesRead
    }
  } catch (error) {
    throw error instanceof HarnessError ? error : unreadable(source, error)
  }
}

/**
 * Puts files and folders of the host's into a guest.
 * @param memory MiB that it has
 * @returns where they went, and the folders of libraries that the loader has to be told of
 * @throws UsageError for what is not there, cannot be copied, or does not fit
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
  const { items, libraryFolders } = await collectCopies(copies)
  const files = items.flatMap(item => (item.type === 'file' ? [item] : []))
  requireRoom(files, around, memory)
  await deliverCopies(guest, items)
  return { copies, libraryFolders }
}
