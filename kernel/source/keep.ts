// SPDX-License-Identifier: MIT
import { copyFile, mkdir, symlink } from 'node:fs/promises'
import path from 'node:path'
import { runToolOrFail } from '../../harness/base/process.ts'
import { filesBelow } from '../files.ts'
import { filesForModules } from '../for-modules.ts'

/**
 * Copies the needed parts of a built tree: configuration, System.map, and the files for building modules.
 * @param tree a kernel built in its own source folder
 * @param folder the pruned tree becomes `build` in it
 */
export async function keepForModules(tree: string, folder: string): Promise<void> {
  const { files, links } = await filesBelow(filesForModules(tree, tree))
  for (const parent of new Set([...files.keys(), ...links.keys()].map(place => path.dirname(place))))
    await mkdir(path.join(folder, parent), { recursive: true })
  for (const [place, { file }] of files) await copyFile(file, path.join(folder, place))
  for (const [place, target] of links) await symlink(target, path.join(folder, place))
  // kbuild does not strip its own programs, of which debug information is a large part.
  await runToolOrFail(
    'bash',
    [
      '-c',
      'cd "$1" && find . -type f -perm -100 -exec sh -c \'strip --strip-unneeded "$@" 2>/dev/null || :\' sh {} +',
      ...['bash', path.resolve(folder, 'build')],
    ],
    { timeout: 60_000 },
  )
}
