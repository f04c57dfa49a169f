// SPDX-License-Identifier: MIT
import fs from 'node:fs'
import path from 'node:path'
import type { CopiedEntry } from './protocol.ts'

/** The places of all that was copied, and the folders above. */
const places = new Set<string>()
/** The folders that hold them. */
const holders = new Set<string>()

/** Whether a file or folder is there because of what the host has copied. */
export function isOfCopies(place: string): boolean {
  return places.has(place)
}

/** The folders below a folder that the host has put something into, or has made. */
export function copiedFolders(folder: string): string[] {
  return [...holders].filter(holder => holder.startsWith(`${folder}/`))
}

/** Makes a folder that files are copied into, or that is to be there without any. */
export function makeFolder(folder: string): void {
  for (let at = folder; !places.has(at); at = path.dirname(at)) places.add(at)
  holders.add(folder)
  fs.mkdirSync(folder, { recursive: true })
}

/**
 * Writes the files, folders and links that the host copies, in this order. An existing folder stays as it is.
 * @throws Error whose text begins with the path, with the `code` of the failed system call
 */
export function putCopies(entries: readonly CopiedEntry[]): void {
  for (const entry of entries) {
    const place = Buffer.from(entry.place)
    for (let at = place.toString(); !places.has(at); at = path.dirname(at)) places.add(at)
    holders.add(entry.type === 'folder' ? place.toString() : path.dirname(place.toString()))
    try {
      put(place, entry)
    } catch (error) {
      if (error instanceof Error) error.message = `${place}: ${error.message}`
      throw error
    }
  }
}

function put(place: Buffer, entry: CopiedEntry): void {
  switch (entry.type) {
    case 'folder':
      if (fs.mkdirSync(place, { recursive: true }) !== undefined) fs.chmodSync(place, entry.mode)
      return
    case 'link':
      makeWay(place)
      fs.symlinkSync(Buffer.from(entry.target), place)
      return
    case 'file':
      // A new file replaces the old one, which may be running.
      if (!entry.append) makeWay(place)
      fs.writeFileSync(place, entry.content, { flag: 'a' })
      // The umask changes the mode of open(2).
      fs.chmodSync(place, entry.mode)
  }
}

function makeWay(place: Buffer): void {
  const folder = path.dirname(place.toString('latin1'))
  fs.mkdirSync(Buffer.from(folder, 'latin1'), { recursive: true })
  fs.rmSync(place, { force: true })
}
