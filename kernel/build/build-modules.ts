// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { contentKey } from '../../harness/base/cache.ts'
import { ModuleError, UsageError } from '../../harness/base/errors.ts'
import { cachedByInputs } from '../../harness/base/inputs.ts'
import type { Progress } from '../../harness/base/progress.ts'
import type { Kernel } from '../kernel.ts'
import { type ExportedSymbol, exportedSymbols } from './exported-symbols.ts'
import {
  type Build,
  debugFolder,
  linesOfBuild,
  logFile,
  makeModules,
  shownRoot,
  symbolsFile,
} from './make.ts'
import { type ModuleFolder, readSources, shown, type Variables } from './module-sources.ts'
import { type Notes, notesIn } from './profiled.ts'
import { findToolchain } from './toolchain.ts'
import { explainUndefined } from './undefined-symbols.ts'

/** The files of a built module, in a cache entry. */
export interface BuiltModule {
  /** Without debug information. */
  readonly file: string
  readonly debug: string
  /** Of its folder, if that counts what runs. */
  readonly notes: Notes | undefined
  /** The lines of compiler and modpost for its folder: files are named below the folder of all sources. */
  readonly lines: readonly string[]
  /** What it exports to other modules. */
  readonly exports: readonly ExportedSymbol[]
}

/** By module names in the kernel (`_` in place of `-`). */
export type BuiltModules = ReadonlyMap<string, BuiltModule>

/** Changes when the build of the same sources does. */
const recipe = '7'

/** Make variables that the build sets itself. */
const reserved = ['M', 'O', 'CC', 'ARCH', 'KBUILD_OUTPUT', 'KBUILD_EXTMOD', 'KBUILD_EXTRA_SYMBOLS']

/**
 * Builds folders of modules for exactly `kernel`, one after the other: each sees the exported symbols of
 * those before it. Make runs in a copy of the sources, because the folders may be read-only, or in use by a
 * build for another kernel. Of the caller's environment it gets only PATH and TMPDIR. The result is cached by
 * the content of every input file.
 * @throws UsageError when one is not a folder of modules; ModuleError, with the compiler's lines, when it
 *   does not compile
 */
export async function buildModules(
  kernel: Kernel,
  folders: readonly ModuleFolder[],
  { progress }: { progress: Progress },
): Promise<BuiltModules> {
  const modules = new Map<string, BuiltModule>()
  const from = new Map<string, string>()
  const symbols: string[] = []
  for (const [index, folder] of folders.entries()) {
    const { entry, lines, notes } = await buildFolder(kernel, folder, symbols, progress).catch(
      async error => {
        if (!(error instanceof ModuleError)) throw error
        throw await explainUndefined(error, kernel, folder, folders.slice(index + 1))
      },
    )
    const table = path.join(entry, symbolsFile)
    const exported = existsSync(table) ? exportedSymbols(await readFile(table, 'utf8')) : []
    for (const name of (await readdir(entry)).filter(name => name.endsWith('.ko'))) {
      const module = path.basename(name, '.ko').replaceAll('-', '_')
      const other = from.get(module)
      if (other !== undefined)
        throw new UsageError(`${other} and ${shown(folder.dir)} both build a module ${module}: leave one out`)
      from.set(module, shown(folder.dir))
      modules.set(module, {
        file: path.join(entry, name),
        debug: path.join(entry, debugFolder, name),
        notes,
        lines,
        exports: exported.filter(symbol => symbol.module === module),
      })
    }
    if (existsSync(table)) symbols.push(table)
  }
  return modules
}

/** @returns the cache entry, what compiler and modpost have said, and what gcov needs if the modules count what runs */
export async function buildFolder(
  kernel: Kernel,
  folder: ModuleFolder,
  symbols: readonly string[],
  progress: Progress,
): Promise<{
  readonly entry: string
  readonly lines: readonly string[]
  readonly notes: Notes | undefined
}> {
  const { build, key } = await planBuild(kernel, folder, symbols)
  const { sources } = build
  const entry = await cachedByInputs('modules', key, draft =>
    progress.step(`build ${shown(folder.dir)} for ${kernel.release}`, () => makeModules(build, draft)),
  )
  // Shows the warnings for a cached build too.
  const log = await readFile(path.join(entry, logFile), 'utf8')
  for (const line of linesOfBuild(log, sources, shownRoot(sources, folder))) progress.note(line)
  return {
    entry,
    lines: linesOfBuild(log, sources, ''),
    notes: await notesIn(entry, sources.root, build.compiler),
  }
}

/** What a folder is built from, and a key of all that. */
export async function planBuild(
  kernel: Kernel,
  folder: ModuleFolder,
  symbols: readonly string[],
): Promise<{ readonly build: Build; readonly key: string }> {
  const { make = {}, env = {}, target = '', prepare = '' } = folder
  const ours = reserved.find(name => Object.hasOwn(make, name))
  if (ours !== undefined)
    throw new UsageError(`modules.make: ${ours} is set by the build itself: leave it out`)
  const sources = await readSources(folder)
  const config = await readFile(kernel.config, 'utf8')
  const { compiler, identity } = await findToolchain(config)
  const lineTables = /^CONFIG_DEBUG_INFO=y$/m.test(config)
  const settings = contentKey([
    recipe,
    kernel.id,
    ...identity,
    JSON.stringify([kernel.build.variables, sorted(make), sorted(env), target, prepare, sources.dir]),
    ...(await Promise.all(symbols.map(file => readFile(file)))),
  ])
  const key = contentKey([settings, ...sources.files.flatMap(it => [it.name, String(it.mode), it.content])])
  return { build: { kernel, compiler, folder, sources, symbols, settings, lineTables }, key }
}

function sorted(variables: Variables): [string, string][] {
  return Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1))
}
