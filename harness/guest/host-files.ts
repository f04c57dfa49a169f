// SPDX-License-Identifier: MIT
/** Files and folders of this machine, and how they get into a guest. */
import { constants, lstatSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { CopiedEntry } from '../../guest/agent/protocol.ts'
import { HarnessError, messageOf, UsageError } from '../base/errors.ts'
import { AgentError, type Guest } from './guest.ts'

/** A file, folder or link, and its place in the guest. */
export type HostItem = { readonly place: Buffer; readonly source: Buffer } & (
  | { readonly type: 'file'; readonly mode: number; readonly size: number }
  | { readonly type: 'folder'; readonly mode: number }
  | { readonly type: 'link'; readonly target: Buffer }
)

const SLASH = Buffer.from('/')

/**
 * A file, or a folder with all that is below it; each folder comes before its contents. A link is followed if
 * it is the source itself.
 * @throws UsageError for what does not exist, cannot be read, or is a socket or the like
 */
export function itemsOf(
  source: Buffer,
  place: Buffer,
  look: (file: Buffer) => Stats = file => statSync(file),
): HostItem[] {
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
    ...names.flatMap(name => itemsOf(within(source, name), within(place, name), file => lstatSync(file))),
  ]
}

function kindOf(status: Stats): string {
  if (status.isSocket()) return 'a socket'
  return status.isFIFO() ? 'a FIFO' : 'a device'
}

/** @throws UsageError that names the source if `look` fails */
export function readable<T>(source: string | Buffer, look: () => T): T {
  try {
    return look()
  } catch (error) {
    throw unreadableError(source, error)
  }
}

function unreadableError(source: string | Buffer, error: unknown): UsageError {
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

/**
 * Bytes in one message: large files are sent in pieces, so that the guest's memory does not hold them twice.
 */
const PIECE = 8 * 1024 * 1024

/**
 * Writes them into the guest.
 * @param unreadable is called with the error of a file that cannot be read, which is then left out
 * @throws UsageError that names a place for which there is no room
 */
export async function deliverCopies(
  guest: Guest,
  items: readonly HostItem[],
  unreadable: (error: UsageError) => void = raise,
): Promise<void> {
  let batch: CopiedEntry[] = []
  let size = 0
  const flush = async () => {
    const entries = batch
    batch = []
    size = 0
    if (entries.length > 0) await put(guest, entries)
  }
  for (const item of items)
    for await (const entry of entriesOf(item, unreadable)) {
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

function raise(error: Error): never {
  throw error
}

async function* entriesOf(
  item: HostItem,
  unreadable: (error: UsageError) => void,
): AsyncGenerator<CopiedEntry> {
  const { place, source } = item
  if (item.type === 'folder') return yield { type: 'folder', place, mode: item.mode }
  if (item.type === 'link') return yield { type: 'link', place, target: item.target }
  const { mode, size } = item
  let at = 0
  try {
    // O_NONBLOCK: reading /proc/kmsg would otherwise wait for ever.
    await using file = await open(source, constants.O_RDONLY | constants.O_NONBLOCK)
    // A growing file is copied up to its size at the start. Files of /proc have size 0.
    const limit = size || Number.POSITIVE_INFINITY
    while (at === 0 || at < limit) {
      const buffer = Buffer.allocUnsafe(Math.min(PIECE, Math.max(1, size ? limit - at : PIECE)))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0 && at > 0) return
      yield { type: 'file', place, mode, content: buffer.subarray(0, bytesRead), append: at > 0 }
      if (bytesRead === 0) return
      at += bytesRead
    }
  } catch (error) {
    if (error instanceof HarnessError) throw error
    // Of a file there is all or nothing.
    if (at > 0) throw unreadableError(source, error)
    unreadable(unreadableError(source, error))
  }
}
