// SPDX-License-Identifier: MIT
import { chmod, mkdir, open, readdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** The folder of the unpacked libraries, beside the kernel's `usr`. */
export const librariesFolder = 'libraries'

/**
 * Makes the kbuild tools of a newer Debian run on this one (objtool and modpost of trixie's 6.12 and of 7.x
 * need GLIBC_2.38). Each is renamed to TOOL.bin and replaced by a script that starts it with the unpacked
 * libraries. Paths are relative to the script, because the folder is renamed when the cache entry is
 * complete.
 * @param root the folder that has `usr/lib/linux-kbuild-*` and {@link librariesFolder}
 */
export async function wrapKbuildTools(root: string): Promise<void> {
  await mkdir(path.join(root, librariesFolder), { recursive: true })
  const below = path.join(root, 'usr/lib')
  for (const kbuild of await readdir(below))
    if (kbuild.startsWith('linux-kbuild-'))
      for (const tool of await programs(path.join(below, kbuild))) await wrap(tool, root)
}

async function wrap(tool: string, root: string): Promise<void> {
  const libraries = path.join(
    path.relative(path.dirname(tool), root),
    librariesFolder,
    'usr/lib/x86_64-linux-gnu',
  )
  await rename(tool, `${tool}.bin`)
  // --argv0: Debian's modpost and objtool derive modpost.real-lsb-64 and objtool.real-x86 from their own
  // name.
  await writeFile(
    tool,
    [
      '#!/bin/sh',
      `lib="\${0%/*}/${libraries}"`,
      'exec "$lib/ld-linux-x86-64.so.2" --argv0 "$0" --library-path "$lib" "$0.bin" "$@"',
      '',
    ].join('\n'),
  )
  await chmod(tool, 0o755)
}

/** The ELF executables below a folder. */
async function programs(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const found: string[] = []
  for (const entry of entries) {
    const file = path.join(entry.parentPath, entry.name)
    if (entry.isFile() && (await isElf(file))) found.push(file)
  }
  return found
}

async function isElf(file: string): Promise<boolean> {
  await using handle = await open(file)
  const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(4), length: 4, position: 0 })
  return bytesRead === 4 && buffer.equals(Buffer.from('\x7fELF', 'latin1'))
}
