// SPDX-License-Identifier: MIT
/** Modules that count which of their lines run: coverage, on kernels that need not know of it. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ownFolder } from '../../harness/base/own-folder.ts'
import type { ModuleFolder } from './module-sources.ts'

/** What the module that knows where the others count is built from (its header says how). */
const countingFolder = path.join(ownFolder, 'kernel/coverage')

/**
 * Counters in the module's own data, for gcov. Without -fno-tree-loop-im counters leave their loops, and
 * warnings of uninitialized variables are false with counters: the kernel's Makefile, CFLAGS_GCOV.
 */
const flags = '-ftest-coverage -fprofile-arcs -fno-tree-loop-im -Wno-maybe-uninitialized'

/**
 * Kbuild's own for kernels with gcov (scripts/Makefile.lib), so that `GCOV_PROFILE_x.o := n` in a module's makefile
 * means what it says.
 */
const variables = { CONFIG_GCOV_KERNEL: 'y', CONFIG_GCOV_PROFILE_ALL: 'y', CFLAGS_GCOV: flags }

/** gcc's notes on what it compiled, which gcov reads beside the counters, in a cache entry of modules. */
const notesFolder = 'notes'

/** What gcov needs for the modules of a folder. */
export interface Notes {
  /** The folder with the notes (.gcno): the paths of the objects below it. */
  readonly folder: string
  /** The folder that the paths of sources in them are relative to. */
  readonly root: string
  /** The gcov that belongs to the compiler. */
  readonly gcov: string
  /** Sources that were compiled without counters, relative to root: as their makefile wants it. */
  readonly unprofiled: readonly string[]
}

/** The names of such sources, among the notes. */
const unprofiledFile = 'unprofiled.json'

/** These folders with counters, and before them the module that the others need then. */
export function profiled(folders: readonly ModuleFolder[]): ModuleFolder[] {
  return [
    { dir: countingFolder },
    ...folders.map(folder => ({ ...folder, make: { ...folder.make, ...variables } })),
  ]
}

/** Copies gcc's notes among a build's files to a cache entry, if its modules are to count. */
export async function keepNotes(
  copy: string,
  { make }: ModuleFolder,
  files: readonly string[],
  entry: string,
): Promise<void> {
  if (make?.CFLAGS_GCOV !== flags) return
  const all = new Set(files)
  const isUnprofiled = (name: string) =>
    name.endsWith('.c') &&
    !name.endsWith('.mod.c') &&
    all.has(name.replace(/\.c$/, '.o')) &&
    !all.has(name.replace(/\.c$/, '.gcno'))
  await mkdir(path.join(entry, notesFolder))
  const names = JSON.stringify(files.filter(isUnprofiled).sort())
  await writeFile(path.join(entry, notesFolder, unprofiledFile), names)
  for (const name of files.filter(isNotes)) {
    const place = path.join(entry, notesFolder, name)
    await mkdir(path.dirname(place), { recursive: true })
    await cp(path.join(copy, name), place)
  }
}

/** What {@link keepNotes} has kept of a folder; undefined if its modules do not count. */
export async function notesIn(entry: string, root: string, compiler: string): Promise<Notes | undefined> {
  const folder = path.join(entry, notesFolder)
  const names = await readFile(path.join(folder, unprofiledFile), 'utf8').catch(() => undefined)
  if (names === undefined) return undefined
  return { folder, root, gcov: gcovOf(compiler), unprofiled: JSON.parse(names) as string[] }
}

/** The notes that gcc writes beside an object. */
export function notesOf(object: string): string {
  return object.replace(/\.o$/, '.gcno')
}

/** Not those of what modpost writes, which 5.10 compiles with counters, too. */
function isNotes(name: string): boolean {
  return name.endsWith('.gcno') && !name.endsWith('.mod.gcno')
}

/** The gcov of a compiler: gcov-12 for gcc-12. */
export function gcovOf(compiler: string): string {
  return compiler.replace(/gcc(?=(?:-[\d.]+)?$)/, 'gcov')
}
