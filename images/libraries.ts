// SPDX-License-Identifier: MIT
import { closeSync, openSync, readSync } from 'node:fs'
import { MachineryError } from '../harness/base/errors.ts'
import { runTool } from '../harness/base/process.ts'

/**
 * The shared libraries of a program, as this machine's loader finds them, and the loader; none for a static
 * program or one of another architecture.
 * @throws MachineryError that names a missing library
 */
export async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await runTool('ldd', [program], { timeout: 10_000 })
  const missing = /^\s*(\S+) => not found/m.exec(stdout)
  if (missing) throw new MachineryError(`${program} needs ${missing[1]}, which this machine does not have`)
  return [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(match => match[1] as string).sort()
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
