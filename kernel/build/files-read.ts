// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { cacheRoot } from '../../harness/base/cache.ts'

/** The folders of a build. */
interface BuildFolders {
  /** The folder of the build's own results. */
  readonly draft: string
  /** The modules' folder in the copy of the sources. */
  readonly work: string
  /** The kernel's. Make runs here up to 6.12, and in `work` from 6.13 on (scripts/Makefile.build). */
  readonly source: string
  readonly output: string
}

/**
 * The absolute paths of files that a build has read outside its copy of the sources: those in kbuild's lists
 * (`.NAME.o.cmd`, written by scripts/basic/fixdep.c) and these makefiles. Files of a cached kernel are left
 * out, because they never change.
 */
export async function filesRead(folders: BuildFolders, makefiles: readonly string[]): Promise<string[]> {
  const { draft, work, source, output } = folders
  const found = new Set(makefiles)
  for (const name of await readdir(draft, { recursive: true })) {
    if (!/(^|\/)\.[^/]*\.cmd$/.test(name)) continue
    for (const file of listedIn(await readFile(path.join(draft, name), 'utf8'))) found.add(file)
  }
  const kernels = path.join(cacheRoot(), 'kernels')
  const absolute = [...found].flatMap(
    file =>
      [output, work, source].map(folder => path.resolve(folder, file)).find(place => existsSync(place)) ?? [],
  )
  return [...new Set(absolute)].filter(file => !isBelow(draft, file) && !isBelow(kernels, file))
}

/** The files that a `.cmd` names: `source_X := FILE`, and the lines of `deps_X := \`. */
export function listedIn(cmd: string): string[] {
  const sources = [...cmd.matchAll(/^source_\S+ := (\S+)$/gm)].map(match => match[1] as string)
  const dependencies = [...cmd.matchAll(/^ {2}([^\s$]+)(?: \\)?$/gm)].map(match => match[1] as string)
  return [...sources, ...dependencies]
}

/** The makefiles that make has read, by the output of `make --debug=verbose`. */
export function makefilesOf(output: string): string[] {
  return [...output.matchAll(/^ *Reading makefile '([^']+)'/gm)].map(match => match[1] as string)
}

function isBelow(folder: string, file: string): boolean {
  return file.startsWith(`${folder}${path.sep}`)
}
