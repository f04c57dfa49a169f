import fs from 'node:fs'
import path from 'node:path'
import type { CopiedEntry } from './protocol.ts'

/**
 * Puts what the host copies where it belongs, in this order. A folder that is there already stays as it is.
 * @throws Error that begins with the place, with the `code` of the failed system call
 */
export function putCopies(entries: readonly CopiedEntry[]): void {
  for (const entry of entries) {
    const place = Buffer.from(entry.place)
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
      // A new file in place of an old one, which may be running.
      if (!entry.append) makeWay(place)
      fs.writeFileSync(place, entry.content, { flag: 'a' })
      // Not left to open(2), which the umask has a say in.
      fs.chmodSync(place, entry.mode)
  }
}

function makeWay(place: Buffer): void {
  const folder = path.dirname(place.toString('latin1'))
  fs.mkdirSync(Buffer.from(folder, 'latin1'), { recursive: true })
  fs.rmSync(place, { force: true })
}
