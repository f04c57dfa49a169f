import { realpathSync, statSync } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { contentKey } from '../../harness/base/cache.ts'
import { MachineryError, ModuleError, UsageError } from '../../harness/base/errors.ts'
import { cachedByInputs } from '../../harness/base/inputs.ts'
import { lastLines, runTool, runToolOrFail } from '../../harness/base/process.ts'
import type { Progress } from '../../harness/base/progress.ts'
import { findTool, ToolMissing } from '../../harness/base/tools.ts'
import type { Kernel } from '../kernel.ts'
import { compilerLines } from './compiler-lines.ts'
import { filesRead, makefilesOf } from './files-read.ts'
import { type ModuleFolder, readSources, type SourceFile, shown } from './module-sources.ts'

/** The modules of a source folder, built for one kernel. */
export interface BuiltModules {
  /** The cache entry that they are in; its name changes with everything that went into them. */
  readonly folder: string
  /** Module names as the kernel has them (`-` is `_` there), and the paths of their .ko, without debug information. */
  readonly modules: ReadonlyMap<string, string>
}

/** Changes when what is done with the same sources does. */
const recipe = '5'

/** Variables of make's command line that are ours. */
const reserved = ['M', 'O', 'CC', 'ARCH', 'KBUILD_OUTPUT', 'KBUILD_EXTMOD']

/**
 * Builds an out-of-tree Kbuild directory for exactly `kernel`. The sources are copied first: nothing is written into
 * the folder, which may be read-only or in use by a build for another kernel. Make runs in the copy, and knows of the
 * caller's environment only PATH and TMPDIR. What is built is kept by the content of every file that went into it.
 * @throws UsageError when it is no Kbuild directory; ModuleError, with the compiler's lines, when it does not compile
 */
export async function buildModules(
  kernel: Kernel,
  wanted: ModuleFolder,
  { progress }: { progress: Progress },
): Promise<BuiltModules> {
  const { dir, make = {}, env = {} } = wanted
  const ours = reserved.find(name => Object.hasOwn(make, name))
  if (ours !== undefined)
    throw new UsageError(`modules.make: ${ours} is set by the build itself: leave it out`)
  const sources = await readSources(dir)
  const config = await readFile(kernel.config, 'utf8')
  const compiler = await findCompiler(config)
  const key = contentKey([
    recipe,
    kernel.id,
    ...[compiler.command, 'make', 'as', 'ld', 'strip'].map(toolIdentity),
    compiler.version,
    JSON.stringify([kernel.build.variables, sorted(make), sorted(env)]),
    ...sources.flatMap(it => [it.name, String(it.mode), it.content]),
  ])
  const folder = await cachedByInputs('modules', key, draft =>
    progress.step(`build ${shown(dir)} for ${kernel.release}`, () =>
      build(kernel, compiler.command, { dir, make, env }, sources, draft, hasLineTables(config)),
    ),
  )
  // Whoever builds it next is warned as well, though the compiler is not run.
  const log = await readFile(path.join(folder, 'build.log'), 'utf8')
  for (const line of linesOf(log, sources, dir)) progress.note(line)
  const names = (await readdir(folder)).filter(name => name.endsWith('.ko'))
  return { folder, modules: new Map(names.map(name => [moduleName(name), path.join(folder, name)])) }
}

function sorted(variables: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Which file a tool is: another one in its place is another build. */
function toolIdentity(name: string): string {
  const file = findTool(name)
  if (file === undefined) return `no ${name}`
  const place = realpathSync(file)
  const { size, mtimeMs } = statSync(place)
  return [place, size, mtimeMs].join(' ')
}

function linesOf(log: string, sources: readonly SourceFile[], dir: string): string[] {
  const names = sources.map(it => it.name)
  return compilerLines(log, names, shown(dir))
}

/**
 * The compiler to build with: the one that made the kernel where it is installed, else the host's default gcc. Others
 * work: gcc 12 builds modules for kernels made with gcc 10, 14 and 16.
 */
async function findCompiler(config: string): Promise<{ command: string; version: string }> {
  const [, made] = /^CONFIG_CC_VERSION_TEXT=".*?gcc-(\d+)\b/m.exec(config) ?? []
  for (const command of made === undefined ? ['gcc'] : [`gcc-${made}`, 'gcc']) {
    const version = await runTool(command, ['--version'], { timeout: 20_000 }).catch(error => {
      if (error instanceof ToolMissing && error.tool === command) return undefined
      throw error
    })
    const [line] = version?.stdout.split('\n') ?? []
    if (version?.exitCode === 0 && line) return { command, version: line }
  }
  throw new ToolMissing('gcc')
}

/** Whether a kernel's own configuration makes its modules come with line tables. */
function hasLineTables(config: string): boolean {
  return /^CONFIG_DEBUG_INFO=y$/m.test(config)
}

/**
 * Builds into `draft`: the .ko files, make's output, and below `debug` the .ko files with debug information.
 * @returns the files that were read beside the sources and the kernel's own
 */
async function build(
  kernel: Kernel,
  compiler: string,
  { dir, make = {}, env }: ModuleFolder,
  sources: readonly SourceFile[],
  draft: string,
  lineTables: boolean,
): Promise<string[]> {
  const work = path.join(draft, 'build')
  if (/[\s:]/.test(work))
    throw new MachineryError(
      `the kernel's build cannot work below ${draft}, for the blank or colon in the path: set XDG_CACHE_HOME to one without`,
    )
  for (const { name, content, mode } of sources) {
    const file = path.join(work, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, content, { mode: mode | 0o600 })
  }
  const { source, output, variables } = kernel.build
  const isFlags = (variable: string) => variable.startsWith('KCFLAGS=')
  const flags = [
    ...variables.filter(isFlags).map(it => it.slice('KCFLAGS='.length)),
    // So that the same sources give the same module, whatever folder they were in.
    `-ffile-prefix-map=${work}/=`,
    // What a splat's addresses are looked up in; it changes no code, and guests get the modules without.
    ...(lineTables ? [] : ['-g']),
    ...(make.KCFLAGS === undefined ? [] : [make.KCFLAGS]),
  ]
  const runMake = (...options: string[]) =>
    runTool(
      'make',
      [
        '--no-print-directory',
        ...options,
        ...['-C', source, `O=${output}`, `M=${work}`, `CC=${compiler}`],
        ...variables.filter(it => !isFlags(it)),
        ...Object.entries({ ...make, KCFLAGS: flags.join(' ') }).map(([name, value]) => `${name}=${value}`),
        'modules',
      ],
      // PWD: `-I$(PWD)/include` is a common idiom.
      { timeout: 600_000, cwd: work, env: { ...environment(), ...env, PWD: work }, extendEnv: false },
    )
  const made = await runMake(
    // One target's messages together, though several are compiled at a time.
    '--output-sync=target',
    `-j${availableParallelism()}`,
  )
  const log = made.all.replaceAll(`${work}/`, '').replaceAll(work, '.')
  if (made.exitCode !== 0)
    throw new ModuleError(`${shown(dir)} does not build for ${kernel.release}`, {
      details: linesOf(log, sources, dir).join('\n') || lastLines(log, 20),
    })
  const built = (await readdir(work, { recursive: true })).filter(name => name.endsWith('.ko'))
  if (built.length === 0)
    throw new UsageError(
      `${shown(dir)} builds no module: its Kbuild or Makefile needs a line like obj-m += name.o`,
    )
  await mkdir(path.join(draft, 'debug'))
  for (const name of built.sort()) {
    const debug = path.join(draft, 'debug', path.basename(name))
    await copyFile(path.join(work, name), debug)
    const bare = path.join(draft, path.basename(name))
    // Debug information is ten times the module, and would be copied into the guest for every test file.
    await runToolOrFail('strip', ['--strip-debug', '-o', bare, debug], { timeout: 60_000 })
  }
  await writeFile(path.join(draft, 'build.log'), log)
  const makefiles = makefilesOf((await runMake('--dry-run', '--debug=verbose')).all)
  const inputs = await filesRead({ work, source, output }, makefiles)
  await rm(work, { recursive: true })
  return inputs
}

/** What of the caller's environment a build may know. */
function environment(): Record<string, string> {
  const { PATH = '/usr/bin:/bin', TMPDIR } = process.env
  return { PATH, ARCH: 'x86', LC_ALL: 'C', ...(TMPDIR !== undefined && { TMPDIR }) }
}

function moduleName(file: string): string {
  return path.basename(file, '.ko').replaceAll('-', '_')
}
