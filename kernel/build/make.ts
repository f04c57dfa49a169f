// SPDX-License-Identifier: MIT
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { cacheRoot } from '../../harness/base/cache-root.ts'
import { MachineryError, ModuleError, UsageError } from '../../harness/base/errors.ts'
import { lastLines, runTool, runToolOrFail, type ToolResult } from '../../harness/base/process.ts'
import type { Kernel } from '../kernel.ts'
import { inBuildFolder, logFile } from './build-folder.ts'
import { compilerLines } from './compiler-lines.ts'
import { filesRead, makefilesOf } from './files-read.ts'
import { folderNames, makeKernelFolder, releaseNames } from './kernel-folder.ts'
import { type ModuleFolder, type Sources, shown, type Variables } from './module-sources.ts'
import { keepNotes } from './profiled.ts'

/** Milliseconds for each command of a build. */
const LIMIT = 600_000

/** A build of a folder's modules for a kernel. */
export interface Build {
  readonly kernel: Kernel
  readonly compiler: string
  readonly folder: ModuleFolder
  readonly sources: Sources
  /** Module.symvers of the folders built before. */
  readonly symbols: readonly string[]
  /** A key of all that the build depends on besides the files of its sources. */
  readonly settings: string
  /** Whether the kernel's configuration builds modules with line tables. */
  readonly lineTables: boolean
}

/** Names of a build's results in its folder. */
export { logFile }
export const symbolsFile = 'Module.symvers'
export const debugFolder = 'debug'

/**
 * Builds into `draft`: the .ko files, the same with debug information below `debug`, make's output, and the
 * exported symbols.
 * @returns the files that were read beside the sources and the kernel
 */
export function makeModules(build: Build, draft: string): Promise<string[]> {
  const root = cacheRoot()
  if (/[\s:]/.test(root))
    throw new MachineryError(
      `the kernel's build cannot work below ${root}, for the blank or colon in the path: set XDG_CACHE_HOME to one without`,
    )
  return inBuildFolder(build, folder => makeIn(folder, build, draft))
}

/**
 * Has a tool check the sources of a build (Documentation/dev-tools/sparse.rst), which is made if it is not yet.
 * @param check a command that takes the compiler's arguments: sparse, or smatch -p=kernel
 * @returns what it says among make's output, and the files that were read beside the sources and the kernel
 * @throws ModuleError if that does not come to an end
 */
export async function checkSources(
  build: Build,
  check: string,
): Promise<{ readonly log: string; readonly files: string[] }> {
  return await inBuildFolder(build, async folder => {
    const { log, filesRead } = await madeIn(folder, build, [
      // Not C=2: Debian's headers lack the script that it asks for the tool's age (scripts/checker-valid.sh).
      'KBUILD_CHECKSRC=2',
      `CHECK=${check}`,
    ])
    return { log, files: await filesRead() }
  })
}

async function makeIn(place: string, build: Build, draft: string): Promise<string[]> {
  const { copy, log, filesRead } = await madeIn(place, build)
  const files = await readdir(copy, { recursive: true })
  const built = files.filter(name => name.endsWith('.ko')).sort()
  if (built.length === 0) throw new UsageError(nothingBuilt(build.folder, build.sources))
  await mkdir(path.join(draft, debugFolder))
  for (const name of built) {
    const debug = path.join(draft, debugFolder, path.basename(name))
    await copyFile(path.join(copy, name), debug)
    const bare = path.join(draft, path.basename(name))
    // Debug information is much larger than the module, which is copied into each guest.
    await runToolOrFail('strip', ['--strip-debug', '-o', bare, debug], { timeout: 60_000 })
  }
  await keepNotes(copy, build.folder, files, draft)
  const [symbols] = files.filter(name => path.basename(name) === symbolsFile)
  if (symbols !== undefined) await copyFile(path.join(copy, symbols), path.join(draft, symbolsFile))
  await writeFile(path.join(draft, logFile), log)
  return await filesRead()
}

/** What make has made in a build's folder. */
interface Made {
  /** The copy of the sources. */
  readonly copy: string
  /** Make's output. */
  readonly log: string
  /** The files that were read beside the sources and the kernel. */
  filesRead(): Promise<string[]>
}

async function madeIn(place: string, build: Build, variables: readonly string[] = []): Promise<Made> {
  const { kernel, folder, sources } = build
  const copy = path.join(place, 'build')
  const kernelFolder = path.join(place, 'kernel')
  const work = path.join(copy, sources.dir)
  const commands = commandsOf(build, copy, work, kernelFolder)
  const called = { source: kernel.build.source, output: kernel.build.output, variables: commands.variables }
  if (folder.prepare !== undefined || folder.target !== undefined)
    await makeKernelFolder(kernelFolder, called)
  const said = (output: string) => output.replaceAll(`${copy}/`, '').replaceAll(copy, '.')
  const linesOf = (log: string) => linesOfBuild(log, sources, shownRoot(sources, folder))

  if (folder.prepare !== undefined) {
    const { exitCode, all } = await commands.run('sh', ['-c', folder.prepare])
    if (exitCode !== 0)
      throw new ModuleError(
        `${shown(folder.dir)}: modules.prepare failed with status ${exitCode} for ${kernel.release}`,
        { details: lastLines(said(all), 20) },
      )
  }
  // Keeps each target's messages together in a parallel build.
  const made = await commands.make('--output-sync=target', `-j${availableParallelism()}`, ...variables)
  const log = said(made.all)
  await writeFile(path.join(place, logFile), log)
  if (made.exitCode !== 0)
    throw new ModuleError(`${shown(folder.dir)} does not build for ${kernel.release}`, {
      details: linesOf(log).join('\n') || lastLines(log, 20),
    })
  return {
    copy,
    log,
    async filesRead() {
      const makefiles: string[] = []
      // Make tells of each header of each module, too: of many modules that is too much to keep.
      await commands.tell(line => makefiles.push(...makefilesOf(line)), '--dry-run', '--debug=verbose')
      return await filesRead({ copy, work, ...called }, makefiles)
    },
  }
}

/** The folder of all sources, as the user knows it. */
export function shownRoot({ root, dir }: Pick<Sources, 'root' | 'dir'>, folder: ModuleFolder): string {
  return dir === '' ? shown(folder.dir) : shown(root)
}

/**
 * The lines of compiler and modpost in a build's output.
 * @param shownAs what the folder of all sources is called in them
 */
export function linesOfBuild(log: string, { files, dir }: Sources, shownAs: string): string[] {
  return compilerLines(
    log,
    files.map(it => it.name),
    shownAs,
    dir,
  )
}

interface Commands {
  /** The kernel's make variables, NAME=VALUE. */
  readonly variables: readonly string[]
  run(command: string, args: readonly string[]): Promise<ToolResult>
  make(...options: string[]): Promise<ToolResult>
  /** Runs make for its output alone, of any length. */
  tell(onLine: (line: string) => void, ...options: string[]): Promise<ToolResult>
}

function commandsOf(build: Build, copy: string, work: string, kernelFolder: string): Commands {
  const { kernel, compiler, folder, symbols, lineTables } = build
  const { source, output } = kernel.build
  const { KCFLAGS, ...make } = folder.make ?? {}
  const isFlags = (variable: string) => variable.startsWith('KCFLAGS=')
  const flags = [
    ...kernel.build.variables.filter(isFlags).map(it => it.slice('KCFLAGS='.length)),
    // The same sources give the same module in any folder.
    `-ffile-prefix-map=${copy}=. -ffile-prefix-map=${copy}/=`,
    // Debug information, for the source lines of kernel reports; it changes no code, and guests get stripped
    // modules.
    ...(lineTables ? [] : ['-g']),
    ...(KCFLAGS === undefined ? [] : [KCFLAGS]),
  ].join(' ')
  const variables = [
    `CC=${compiler}`,
    ...kernel.build.variables.filter(it => !isFlags(it)),
    ...(symbols.length > 0 ? [`KBUILD_EXTRA_SYMBOLS=${symbols.join(' ')}`] : []),
    `KCFLAGS=${flags}`,
  ]
  const own = Object.entries(make).map(([name, value]) => `${name}=${value}`)
  // Variables for users' own makefiles and scripts.
  const names: Variables = Object.fromEntries([
    ...folderNames.map(name => [name, kernelFolder]),
    ...releaseNames.map(name => [name, kernel.release]),
  ])
  const hasOwn = folder.prepare !== undefined || folder.target !== undefined
  // PWD: `-I$(PWD)/include` is a common idiom.
  const env = { ...environment(), ...(hasOwn && { ...names, CC: compiler }), ...folder.env, PWD: work }
  const given = { timeout: LIMIT, cwd: work, env, extendEnv: false }
  const run = (command: string, args: readonly string[]) => runTool(command, args, given)
  const { target } = folder
  const what =
    target === undefined
      ? ['-C', source, `O=${output}`, `M=${work}`, ...variables, ...own, 'modules']
      : // Echoed recipes are not warnings.
        [
          '--silent',
          ...Object.entries(names).map(([name, value]) => `${name}=${value}`),
          ...own,
          ...target.split(/\s+/),
        ]
  return {
    variables,
    run,
    make: (...options) => run('make', ['--no-print-directory', ...options, ...what]),
    tell: (onLine, ...options) =>
      runTool('make', ['--no-print-directory', ...options, ...what], {
        ...given,
        onLine,
        keepsOutput: false,
      }),
  }
}

/** The part of the caller's environment that a build gets. */
function environment(): Record<string, string> {
  const { PATH = '/usr/bin:/bin', TMPDIR } = process.env
  return { PATH, ARCH: 'x86', LC_ALL: 'C', ...(TMPDIR !== undefined && { TMPDIR }) }
}

/** Why no module was built, as far as the makefiles tell. */
function nothingBuilt({ dir, make = {}, target }: ModuleFolder, sources: Sources): string {
  if (target !== undefined) return `${shown(dir)}: make ${target} builds no module`
  const makefiles = sources.files.filter(({ name }) => /(^|\/)(Kbuild|Makefile)$/.test(name))
  const options = makefiles.flatMap(({ content }) =>
    [...String(content).matchAll(/\bobj-\$[({](\w+)[)}]/g)].map(match => match[1] as string),
  )
  const unset = [...new Set(options)].filter(name => !Object.hasOwn(make, name))
  if (unset.length > 0)
    return `${shown(dir)} builds no module: obj-$(${unset[0]}) is not set. Set it by modules.make: { ${unset[0]}: 'm' }`
  return `${shown(dir)} builds no module: its Kbuild or Makefile needs a line like obj-m += name.o`
}
