// SPDX-License-Identifier: MIT
/** An entry of an initramfs; all are owned by root. */
export type CpioEntry =
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | {
      readonly type: 'character-device'
      readonly path: string
      readonly mode: number
      readonly major: number
      readonly minor: number
    }

const formats = { file: 0o100000, directory: 0o040000, link: 0o120000, 'character-device': 0o020000 } as const

/**
 * An archive in the "newc" format that the kernel unpacks
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Reproducible: entries sorted by path, inode
 * numbers counted, all times 0. Missing parent folders are added.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const all = new Map<string, CpioEntry>()
  for (const entry of entries) {
    for (const folder of parents(entry.path))
      if (!all.has(folder)) all.set(folder, { type: 'directory', path: folder, mode: 0o755 })
    all.set(entry.path, entry)
  }
  const sorted = [...all.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  const pieces = sorted.flatMap((entry, index) => encode(entry, index + 1))
  pieces.push(
    ...encodeRaw({
      name: 'TRAILER!!!',
      inode: 0,
      mode: 0,
      links: 1,
      major: 0,
      minor: 0,
      content: new Uint8Array(),
    }),
  )
  return Buffer.concat(pieces)
}

function parents(path: string): string[] {
  const names = path.split('/').slice(0, -1)
  return names.map((_, index) => names.slice(0, index + 1).join('/'))
}

function encode(entry: CpioEntry, inode: number): Uint8Array[] {
  const device = entry.type === 'character-device'
  return encodeRaw({
    name: entry.path,
    inode,
    mode: formats[entry.type] | (entry.type === 'link' ? 0o777 : entry.mode),
    links: entry.type === 'directory' ? 2 : 1,
    major: device ? entry.major : 0,
    minor: device ? entry.minor : 0,
    content:
      entry.type === 'file'
        ? entry.content
        : entry.type === 'link'
          ? Buffer.from(entry.target)
          : new Uint8Array(),
  })
}

function encodeRaw(entry: {
  name: string
  inode: number
  mode: number
  links: number
  major: number
  minor: number
  content: Uint8Array
}): Uint8Array[] {
  const name = Buffer.from(`${entry.name}\0`)
  // magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize,
  // check
  const numbers = [
    entry.inode,
    entry.mode,
    0,
    0,
    entry.links,
    0,
    entry.content.length,
    0,
    0,
    entry.major,
    entry.minor,
    name.length,
    0,
  ]
  const header = Buffer.from(`070701${numbers.map(number => number.toString(16).padStart(8, '0')).join('')}`)
  return [header, name, padding(header.length + name.length), entry.content, padding(entry.content.length)]
}

function padding(length: number): Uint8Array {
  return new Uint8Array(-length & 3)
}
