// SPDX-License-Identifier: MIT
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { isErrno, messageOf, UsageError } from '../../harness/base/errors.ts'

/** Variables by name. */
export type Variables = Readonly<Record<string, string>>

/** A folder of modules under test, and how to build it. Paths are absolute. */
export interface ModuleFolder {
  /** The folder whose Kbuild or Makefile lists the modules, or has the target. */
  readonly dir: string
  /**
   * Files and folders outside of it that its build reads; they are copied to the same places relative to it.
   */
  readonly sources?: readonly string[] | undefined
  /** A shell command to run in the copy before make, which may generate headers. */
  readonly prepare?: string | undefined
  /**
   * A target of the folder's own Makefile, which calls the kernel's build itself. Default: kbuild's
   * `modules`.
   */
  readonly target?: string | undefined
  /** Variables on make's command line. */
  readonly make?: Variables | undefined
  /** Environment variables; of the caller's, the build gets only PATH and TMPDIR. */
  readonly env?: Variables | undefined
}

export interface SourceFile {
  /** Its path below the root. */
  readonly name: string
  readonly content: Buffer
  readonly mode: number
}

/** The files to copy for a build. */
export interface Sources {
  /** The folder that contains all of them. */
  readonly root: string
  /** The modules' folder below it; empty for the root itself. */
  readonly dir: string
  /** Sorted by name. */
  readonly files: readonly SourceFile[]
}

/** Bytes: a larger source folder is a mistake, such as a home folder or a kernel tree. */
const largestSource = 64 * 1024 * 1024

/** Results of an earlier build in the folder, which would disturb a build for another kernel. */
const buildOutput =
  /(^|\/)(\.git|\.tmp_versions|node_modules)(\/|$)|\.(o|ko|mod|mod\.c|a|cmd|order|symvers|dwo)$|(^|\/)\.[^/]*\.(cmd|d)$/

/**
 * Files of the tests, which may lie beside the sources: they change often, and no build reads them. One that
 * does names them in `sources`.
 */
const ofTests =
  /\.ts$|^(\.netlink-vmtest|\.github|__snapshots__|\.gitignore|\.gitlab-ci\.yml|yarn\.lock|pnpm-lock\.yaml|(netlink-vmtest\.lock|package|package-lock|tsconfig)\.json)$/

/**
 * Reads a folder of modules and what else its build needs. Links are followed, to folders too.
 * @throws UsageError that names what is missing, unreadable, lists no modules, or is too large
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

/** The deepest folder that contains all of them. */
export function commonFolder([first = '/', ...others]: readonly string[]): string {
  let common = first
  for (const place of others)
    while (place !== common && !place.startsWith(common === '/' ? '/' : `${common}/`))
      common = path.dirname(common)
  // For a single file, its folder.
  return common
}

/** @param above the folders that led here, to detect cycles of links */
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
    const entries = (await readdir(place)).filter(entry => !ofTests.test(entry))
    for (const entry of entries.sort())
      await collect(path.join(place, entry), path.join(name, entry), files, budget, [...above, real])
  }
  // A dangling link, a socket or a device is no source.
  if (!status?.isFile() || files.has(name)) return
  budget.left -= status.size
  if (budget.left < 0)
    throw new UsageError(
      `${budget.named} holds more than ${largestSource / 1024 / 1024} MB: name the folder of the modules only`,
    )
  files.set(name, { name, content: await readFile(place), mode: status.mode })
}

/** Checks that the folder lists modules, before reading all of it: it may be a home folder. */
async function checkFolder(dir: string, named: string, target: string | undefined): Promise<void> {
  const status = await stat(dir).catch(error => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  })
  if (!status) throw new UsageError(`there is no folder ${shown(named)} to build modules from`)
  if (!status.isDirectory())
    throw new UsageError(`${shown(named)} is a file: name the folder whose Kbuild or Makefile lists obj-m`)
  // Kbuild comes first, as in the kernel's build.
  for (const name of ['Kbuild', 'Makefile']) {
    const content = await readFile(path.join(dir, name), 'utf8').catch(error => {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    })
    if (content === undefined) continue
    // Another makefile may list them.
    if (target !== undefined || mayListModules(content)) return
    throw new UsageError(`${shown(named)}/${name} lists no modules: it needs a line like obj-m += name.o`)
  }
  if (target !== undefined)
    throw new UsageError(`${shown(named)} has no Makefile, and so no target ${target}`)
  throw new UsageError(`${shown(named)} has neither a Kbuild nor a Makefile: it lists no modules`)
}

/** Whether a makefile may list modules for kbuild, itself or by what it includes: only make knows more. */
export function mayListModules(makefile: string): boolean {
  return /\bobj-(m|y|\$)|^\s*[-s]?include\b/m.test(makefile)
}

/** A folder as the user would write it: relative if it is below the current one. */
export function shown(folder: string): string {
  const relative = path.relative('', folder)
  return relative === '' ? '.' : relative.startsWith('..') ? path.resolve(folder) : relative
}
