import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { isErrno, messageOf, UsageError } from '../../harness/base/errors.ts'

/** Variables by name. */
export type Variables = Readonly<Record<string, string>>

/** A folder of modules under test, and how they are built. Paths are absolute. */
export interface ModuleFolder {
  /** The folder whose Kbuild or Makefile lists the modules, or whose Makefile has the target. */
  readonly dir: string
  /** Files and folders outside of it that its build reads: they are copied along, in the same places relative to it. */
  readonly sources?: readonly string[] | undefined
  /** A shell command that is run in the copy before make: it makes headers, say. */
  readonly prepare?: string | undefined
  /** A target of the folder's own Makefile, which calls the kernel's build itself; kbuild's `modules` where there is none. */
  readonly target?: string | undefined
  /** Variables on make's command line. */
  readonly make?: Variables | undefined
  /** Environment variables: the build has no others of the caller's but PATH and TMPDIR. */
  readonly env?: Variables | undefined
}

export interface SourceFile {
  /** Its path below the root. */
  readonly name: string
  readonly content: Buffer
  readonly mode: number
}

/** What is copied for a build. */
export interface Sources {
  /** The folder that all of it lies below. */
  readonly root: string
  /** The modules' own folder below it; empty where it is the root. */
  readonly dir: string
  /** By name in a fixed order. */
  readonly files: readonly SourceFile[]
}

/** A source folder larger than this was not meant: the root of a home directory, a kernel tree. */
const largestSource = 64 * 1024 * 1024

/** What an earlier build in the folder left: no source, and in the way of building for another kernel. */
const buildOutput =
  /(^|\/)(\.git|\.tmp_versions|node_modules)(\/|$)|\.(o|ko|mod|mod\.c|a|cmd|order|symvers|dwo)$|(^|\/)\.[^/]*\.(cmd|d)$/

/**
 * Reads the folder of modules and what else its build needs. Links count as what they point to, folders among them.
 * @throws UsageError that names what is not there, cannot be read, lists no modules, or is too large to be meant
 */
export async function readSources({ dir, sources = [], target }: ModuleFolder): Promise<Sources> {
  const own = await realpath(dir).catch(() => path.resolve(dir))
  try {
    await checkFolder(own, dir, target)
    const places = [own, ...(await Promise.all(sources.map(source => existing(source))))]
    const root = commonFolder(places)
    const files = new Map<string, SourceFile>()
    const budget = { left: largestSource, named: shown(dir) }
    for (const place of places) await collect(place, path.relative(root, place), files, budget, [])
    const inOrder = [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    return { root, dir: path.relative(root, own), files: inOrder }
  } catch (error) {
    if (isErrno(error, 'EACCES')) throw new UsageError(`cannot read ${shown(dir)}: ${messageOf(error)}`)
    throw error
  }
}

async function existing(source: string): Promise<string> {
  return await realpath(source).catch(() => {
    throw new UsageError(`modules.sources: there is no ${shown(source)}`)
  })
}

/** The folder that all of them are in, or are. */
function commonFolder([first = '/', ...others]: readonly string[]): string {
  let common = first
  for (const place of others)
    while (place !== common && !place.startsWith(common === '/' ? '/' : `${common}/`))
      common = path.dirname(common)
  // A single file is in its folder.
  return common
}

/** @param above the folders that led here, against links in a circle */
async function collect(
  place: string,
  name: string,
  files: Map<string, SourceFile>,
  budget: { left: number; readonly named: string },
  above: readonly string[],
): Promise<void> {
  if (name !== '' && buildOutput.test(name)) return
  const status = await stat(place).catch(() => undefined)
  if (status?.isDirectory()) {
    const real = await realpath(place)
    if (above.includes(real)) return
    for (const entry of (await readdir(place)).sort())
      await collect(path.join(place, entry), path.join(name, entry), files, budget, [...above, real])
  }
  // A dangling link, a socket, a device: no source.
  if (!status?.isFile() || files.has(name)) return
  budget.left -= status.size
  if (budget.left < 0)
    throw new UsageError(
      `${budget.named} holds more than ${largestSource / 1024 / 1024} MB: name the folder of the modules only`,
    )
  files.set(name, { name, content: await readFile(place), mode: status.mode })
}

/** Whether the folder says which modules it is for; before it is read, for it may be a home directory. */
async function checkFolder(dir: string, named: string, target: string | undefined): Promise<void> {
  const status = await stat(dir).catch(error => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  })
  if (!status) throw new UsageError(`there is no folder ${shown(named)} to build modules from`)
  if (!status.isDirectory())
    throw new UsageError(`${shown(named)} is a file: name the folder whose Kbuild or Makefile lists obj-m`)
  // Kbuild wins where a folder has both, as in the kernel's build.
  for (const name of ['Kbuild', 'Makefile']) {
    const content = await readFile(path.join(dir, name), 'utf8').catch(error => {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    })
    if (content === undefined) continue
    // Another makefile may list them.
    if (target !== undefined || /\bobj-(m|y|\$)|^\s*-?include\b/m.test(content)) return
    throw new UsageError(`${shown(named)}/${name} lists no modules: it needs a line like obj-m += name.o`)
  }
  if (target !== undefined)
    throw new UsageError(`${shown(named)} has no Makefile, and so no target ${target}`)
  throw new UsageError(`${shown(named)} has neither a Kbuild nor a Makefile: it lists no modules`)
}

/** A folder as the user would write it: below the current one, relative. */
export function shown(folder: string): string {
  const relative = path.relative('', folder)
  return relative === '' ? '.' : relative.startsWith('..') ? path.resolve(folder) : relative
}
