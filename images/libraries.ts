// SPDX-License-Identifier: MIT
import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { MachineryError } from '../harness/base/errors.ts'
import { lastLines, runTool } from '../harness/base/process.ts'

/** elf.h */
const EM_X86_64 = 62
const PT_DYNAMIC = 2
const PT_INTERP = 3

/**
 * The shared libraries of a program, as this machine's loader finds them, and the loader; none for a static
 * program, or one whose loader is not here (another architecture's).
 * @throws MachineryError that names a missing library
 */
export async function librariesOf(program: string): Promise<string[]> {
  const loader = loaderOf(program)
  if (loader === undefined || !existsSync(loader)) return []
  // What ldd does, without its shell.
  const { exitCode, stdout, all } = await runTool(loader, ['--list', program], { timeout: 10_000 })
  const missing = /error while loading shared libraries: ([^:]+): cannot open/.exec(all)
  if (missing) throw new MachineryError(`${program} needs ${missing[1]}, which this machine does not have`)
  if (exitCode !== 0)
    throw new MachineryError(`${loader} cannot list the libraries of ${program}: ${lastLines(all, 1)}`)
  const found = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(match => match[1] as string)
  return [...new Set(found)].sort()
}

/** The program interpreter that an ELF file names (elf(5)), or the usual one for a library, which names none. */
function loaderOf(file: string): string | undefined {
  const fd = openSync(file, 'r')
  try {
    const read = (size: number, position: number) => {
      const buffer = Buffer.alloc(size)
      return buffer.subarray(0, readSync(fd, buffer, 0, size, position))
    }
    const header = read(64, 0)
    const is64LittleEndian = header.toString('latin1', 0, 6) === '\x7fELF\x02\x01'
    if (header.length < 64 || !is64LittleEndian) return undefined
    const [start, size, count] = [
      Number(header.readBigUInt64LE(32)),
      header.readUInt16LE(54),
      header.readUInt16LE(56),
    ]
    const table = read(size * count, start)
    let isDynamic = false
    for (let offset = 0; offset + 40 <= table.length; offset += size) {
      const type = table.readUInt32LE(offset)
      isDynamic ||= type === PT_DYNAMIC
      if (type !== PT_INTERP) continue
      const [position, length] = [table.readBigUInt64LE(offset + 8), table.readBigUInt64LE(offset + 32)]
      return read(Math.min(Number(length), 4096), Number(position))
        .toString()
        .replace(/\0.*$/s, '')
    }
    return isDynamic && header.readUInt16LE(18) === EM_X86_64 ? '/lib64/ld-linux-x86-64.so.2' : undefined
  } finally {
    closeSync(fd)
  }
}

/** Whether the loader searches a folder by default, without ld.so.cache, ld.so.conf or LD_LIBRARY_PATH. */
export function isUsualFolder(folder: string): boolean {
  return /^(\/usr)?\/lib(64)?(\/x86_64-linux-gnu)?$/.test(folder)
}

/** Whether a file is in ELF format, and so may need libraries. */
export function isElf(file: string): boolean {
  const fd = openSync(file, 'r')
  try {
    const magic = Buffer.alloc(4)
    return readSync(fd, magic) === 4 && magic.toString('latin1') === '\x7fELF'
  } finally {
    closeSync(fd)
  }
}
