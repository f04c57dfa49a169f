// SPDX-License-Identifier: MIT
import { constants, existsSync, lstatSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { type CopiedEntry, guestPaths } from '../../guest/agent/protocol.ts'
import { nodeBinary } from '../../images/dependencies.ts'
import { isElf, isUsualFolder, librariesOf } from '../../images/libraries.ts'
import { HarnessError, messageOf, UsageError } from '../base/errors.ts'
import { AgentError, type Guest } from '../guest/guest.ts'
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

/** A file, folder or link of a copy. */
type Item = { readonly place: Buffer; readonly source: Buffer } & (
  | { readonly type: 'file'; readonly mode: number; readonly size: number }
  | { readonly type: 'folder'; readonly mode: number }
  | { readonly type: 'link'; readonly target: Buffer }
)

/** All that a set of copies consists of. */
export interface CopiedItems {
  /** Each folder comes before its contents. */
  readonly items: readonly Item[]
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
  const items = copies.flatMap(({ source, place }) => collect(Buffer.from(source), Buffer.from(place)))
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

/** A name for messages: bytes that are not UTF-8 and control characters as `\xff`. */
function shown(name: string | Buffer): string {
  const bytes = Buffer.from(name)
  const text = bytes.toString()
  const hex = (byte: string) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
  return Buffer.from(text).equals(bytes)
    ? text.replace(/\p{Cc}/gu, hex)
    : bytes.toString('latin1').replace(/[^ -~]/g, hex)
}

/** As cp: a file whose destination is a folder in the guest goes into it. */
export function intoFolders(copies: readonly Copy[], { places }: Surroundings): Copy[] {
  return copies.map(({ source, place }) => {
    const isInto = places.get(place)?.isFolder === true && readable(source, () => statSync(source)).isFile()
    return { source, place: isInto ? path.join(place, nameOf(source)) : place }
  })
}

/**
 * Bytes in one message: large files are sent in pieces, so that the guest's memory does not hold them twice.
 */
const PIECE = 8 * 1024 * 1024

/** Writes them into the guest. */
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
      // An estimate of an entry's path and framing.
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
    // O_NONBLOCK: reading /proc/kmsg would otherwise wait for ever.
    await using file = await open(source, constants.O_RDONLY | constants.O_NONBLOCK)
    // A growing file is copied up to its size at the start. Files of /proc have size 0.
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
