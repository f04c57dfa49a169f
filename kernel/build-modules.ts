import { copyFile, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { cached, contentKey } from '../harness/base/cache.ts'
import { isErrno, MachineryError, ModuleError, messageOf, UsageError } from '../harness/base/errors.ts'
import { lastLines, runTool, runToolOrFail } from '../harness/base/process.ts'
import type { Progress } from '../harness/base/progress.ts'
import { ToolMissing } from '../harness/base/tools.ts'
import { compilerLines } from './compiler-lines.ts'
import type { Kernel } from './kernel.ts'

/** The modules of a source folder, built for one kernel. */
export interface BuiltModules {
  /** The cache entry that they are in; its name changes with everything that went into them. */
  readonly folder: string
  /** Module names as the kernel has them (`-` is `_` there), and the paths of their .ko, without debug information. */
  readonly modules: ReadonlyMap<string, string>
}

/** Changes when what is done with the same sources does. */
const recipe = '4'

/** A source folder larger than this was not meant: the root of a home directory, a kernel tree. */
const largestSource = 64 * 1024 * 1024

/**
 * Builds an out-of-tree Kbuild directory for exactly `kernel`. The sources are copied first: nothing is written into
 * the folder, which may be read-only or in use by a build for another kernel.
 * @throws UsageError when `sourceDir` is no Kbuild directory; ModuleError, with the compiler's lines, when it does
 *   not compile
 */
export async function buildModules(
  kernel: Kernel,
  sourceDir: string,
  { progress }: { progress: Progress },
): Promise<BuiltModules> {
  const sources = await readSources(sourceDir)
  const config = await readFile(kernel.config, 'utf8')
  const compiler = await findCompiler(config)
  const key = contentKey([
    recipe,
    kernel.id,
    compiler.version,
    ...kernel.build.variables,
    ...sources.flatMap(it => [it.name, it.content]),
  ])
  const folder = await cached('modules', key, draft =>
    progress.step(`build ${shown(sourceDir)} for ${kernel.release}`, () =>
      build(kernel, compiler.command, sourceDir, sources, draft, hasLineTables(config)),
    ),
  )
  // Whoever builds it next is warned as well, though the compiler is not run.
  const log = await readFile(path.join(folder, 'build.log'), 'utf8')
  for (const line of compilerLines(
    log,
    sources.map(it => it.name),
    shown(sourceDir),
  ))
    progress.note(line)
  const names = (await readdir(folder)).filter(name => name.endsWith('.ko'))
  return { folder, modules: new Map(names.map(name => [moduleName(name), path.join(folder, name)])) }
}

interface SourceFile {
  /** Its path below the source folder. */
  readonly name: string
  readonly content: Buffer
  readonly mode: number
}

/** What an earlier build in the folder left: no source, and in the way of building for another kernel. */
const buildOutput =
  /(^|\/)(\.git|\.tmp_versions|node_modules)(\/|$)|\.(o|ko|mod|mod\.c|a|cmd|order|symvers|dwo)$|(^|\/)\.[^/]*\.(cmd|d)$/

/** Every file of a Kbuild directory, by name in a fixed order. */
async function readSources(sourceDir: string): Promise<SourceFile[]> {
  const root = await realpath(sourceDir).catch(() => path.resolve(sourceDir))
  try {
    await checkKbuild(root, sourceDir)
    const files: SourceFile[] = []
    let total = 0
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name)
      const name = path.relative(root, file)
      if (buildOutput.test(name) || !(entry.isFile() || entry.isSymbolicLink())) continue
      // A link counts as what it points to; a dangling one, or one to a folder, as nothing.
      const status = await stat(file).catch(() => undefined)
      if (!status?.isFile()) continue
      total += status.size
      if (total > largestSource)
        throw new UsageError(
          `${shown(sourceDir)} holds more than ${largestSource / 1024 / 1024} MB: name the folder of the modules only`,
        )
      files.push({ name, content: await readFile(file), mode: status.mode })
    }
    return files.sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    if (isErrno(error, 'EACCES')) throw new UsageError(`cannot read ${shown(sourceDir)}: ${messageOf(error)}`)
    throw error
  }
}

/** Whether `root` says which modules it is for; before it is read, for it may be a home directory. */
async function checkKbuild(root: string, sourceDir: string): Promise<void> {
  const status = await stat(root).catch(error => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  })
  if (!status) throw new UsageError(`there is no folder ${shown(sourceDir)} to build modules from`)
  if (!status.isDirectory())
    throw new UsageError(
      `${shown(sourceDir)} is a file: name the folder whose Kbuild or Makefile lists obj-m`,
    )
  // Kbuild wins where a folder has both, as in the kernel's build.
  for (const name of ['Kbuild', 'Makefile']) {
    const content = await readFile(path.join(root, name), 'utf8').catch(error => {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    })
    if (content === undefined) continue
    if (/\bobj-(m|y|\$)/.test(content)) return
    throw new UsageError(`${shown(sourceDir)}/${name} lists no modules: it needs a line like obj-m += name.o`)
  }
  throw new UsageError(`${shown(sourceDir)} has neither a Kbuild nor a Makefile: it lists no modules`)
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

/** Builds into `draft`: the .ko files, make's output, and below `debug` the .ko files with debug information. */
async function build(
  kernel: Kernel,
  compiler: string,
  sourceDir: string,
  sources: readonly SourceFile[],
  draft: string,
  lineTables: boolean,
): Promise<void> {
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
  ]
  const made = await runTool(
    'make',
    [
      '--no-print-directory',
      // One target's messages together, though several are compiled at a time.
      '--output-sync=target',
      `-j${availableParallelism()}`,
      ...['-C', source, `O=${output}`, `M=${work}`, `CC=${compiler}`],
      ...variables.filter(it => !isFlags(it)),
      `KCFLAGS=${flags.join(' ')}`,
      'modules',
    ],
    // Whatever make or kbuild we were started from must not reach into this one.
    {
      timeout: 600_000,
      env: { MAKEFLAGS: '', MFLAGS: '', KBUILD_OUTPUT: '', KBUILD_EXTMOD: '', ARCH: 'x86' },
    },
  )
  const log = made.all.replaceAll(`${work}/`, '').replaceAll(work, '.')
  if (made.exitCode !== 0) {
    const lines = compilerLines(
      log,
      sources.map(it => it.name),
      shown(sourceDir),
    )
    throw new ModuleError(`${shown(sourceDir)} does not build for ${kernel.release}`, {
      details: lines.join('\n') || lastLines(log, 20),
    })
  }
  const built = (await readdir(work, { recursive: true })).filter(name => name.endsWith('.ko'))
  if (built.length === 0)
    throw new UsageError(
      `${shown(sourceDir)} builds no module: its Kbuild or Makefile needs a line like obj-m += name.o`,
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
  await rm(work, { recursive: true })
}

function moduleName(file: string): string {
  return path.basename(file, '.ko').replaceAll('-', '_')
}

/** A folder as the user would write it: below the current one, relative. */
function shown(folder: string): string {
  const relative = path.relative('', folder)
  return relative === '' ? '.' : relative.startsWith('..') ? path.resolve(folder) : relative
}
