import { closeSync, openSync, readSync } from 'node:fs'
import { MachineryError } from '../harness/base/errors.ts'
import { runTool } from '../harness/base/process.ts'

/**
 * The shared libraries of a program, as the loader of this machine finds them, and the loader; none for a program that is
 * statically linked or not for this machine.
 * @throws MachineryError that names a library which is not there
 */
export async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await runTool('ldd', [program], { timeout: 10_000 })
  const missing = /^\s*(\S+) => not found/m.exec(stdout)
  if (missing) throw new MachineryError(`${program} needs ${missing[1]}, which this machine does not have`)
  return [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(match => match[1] as string).sort()
}

/** Whether the loader looks into a folder without being told to: by ld.so.cache, ld.so.conf or LD_LIBRARY_PATH. */
export function isUsualFolder(folder: string): boolean {
  return /^(\/usr)?\/lib(64)?(\/x86_64-linux-gnu)?$/.test(folder)
}

/** Whether a file is in ELF, and so may need libraries. */
export function isElf(file: string): boolean {
  const fd = openSync(file, 'r')
  try {
    const magic = Buffer.alloc(4)
    return readSync(fd, magic) === 4 && magic.toString('latin1') === '\x7fELF'
  } finally {
    closeSync(fd)
  }
}
