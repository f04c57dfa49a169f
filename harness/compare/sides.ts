// SPDX-License-Identifier: MIT
/** The two sides of a comparison: a project, at a revision or as it is, with modules of its own or of a folder. */
import { copyFileSync, existsSync, globSync, statSync } from 'node:fs'
import path from 'node:path'
import { lockFileName } from '../../kernel/lock-file.ts'
import { contentKey } from '../base/cache.ts'
import { UsageError } from '../base/errors.ts'
import { ownFolder } from '../base/own-folder.ts'
import { exampleModules, modulesUnderTest, withModules } from '../prepare/delivery.ts'
import { loadSettings } from '../prepare/load-settings.ts'
import type { Settings } from '../prepare/settings.ts'
import type { Side } from './comparison.ts'
import {
  type CheckedOut,
  type Contents,
  checkOut,
  contentsOf,
  findRevision,
  noRevision,
  type Revision,
  workTree,
} from './revision.ts'

/** A side: where its suites and its modules are. */
export interface OpenedSide {
  /** 'main (3e942a1b2c3d)', 'the folder ./fixed', 'the work tree' */
  readonly shown: string
  /** The project's folder. */
  readonly root: string
  readonly settings: Settings
  /** Undefined for the work tree. */
  readonly checkedOut: CheckedOut | undefined
}

/** A side in messages: 'BASE, main (3e942a1b2c3d)' */
export function titleOf(side: Side, { shown }: Pick<OpenedSide, 'shown'>): string {
  return `${wordOf(side)}, ${shown}`
}

/** BASE or HEAD. */
export function wordOf(side: Side): string {
  return side === 'base' ? 'BASE' : 'HEAD'
}

/** A text about a side with the project's paths: the folder of a revision is gone when its reader looks for it. */
export function inProject(
  text: string,
  { root, checkedOut }: Pick<OpenedSide, 'root' | 'checkedOut'>,
): string {
  if (checkedOut === undefined) return text
  const folders = [root, checkedOut.folder].flatMap(folder => [folder, path.relative('', folder)])
  const named = folders.filter(folder => folder !== '')
  return named.reduce((told, folder) => told.replaceAll(`${folder}/`, '').replaceAll(folder, '.'), text)
}

/** The project that the command was given in. */
export interface Project {
  readonly root: string
  readonly settings: Settings
  /** Which side is opened, for messages. */
  readonly side?: Side
}

/** What a name on the command line stands for. */
export type Named = { readonly folder: string } | { readonly revision: Revision } | 'work tree'

/** Files in the order in which kbuild looks for them. */
const ofModules = ['Kbuild', 'Makefile']

/**
 * A folder of modules, or a revision; a folder comes first.
 * @throws UsageError for what is neither
 */
export async function nameOf(name: string, root: string): Promise<Named> {
  const found = await findName(name, root)
  if (found) return found
  throw isFolder(name) ? noModules(name) : await noRevision(root, name)
}

/**
 * As {@link nameOf}; undefined for what is neither, and may choose test files.
 * @throws UsageError for a folder that has none of all that
 */
export async function findName(name: string, root: string): Promise<Named | undefined> {
  if (ofModules.some(file => existsSync(path.join(name, file)))) return { folder: name }
  const revision = await findRevision(root, name)
  if (revision) return { revision }
  if (
    isFolder(name) &&
    globSync('**/*.{ts,mts,js,mjs}', { cwd: name, exclude: ['**/node_modules/**'] }).length === 0
  )
    throw noModules(name)
  return undefined
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function noModules(name: string): UsageError {
  return new UsageError(
    `${name} has neither a Kbuild nor a Makefile, and is no revision: name a folder of modules`,
  )
}

/**
 * Opens a side. A revision is written out, with the kernels of the work tree's lock file: what is compared is
 * modules.
 * @throws UsageError for a revision that git cannot write out, or that does not have the project
 */
export async function openSide(
  named: Named,
  { root, settings: ofTree, side }: Project,
  note: (text: string) => void,
): Promise<OpenedSide> {
  if (named === 'work tree') return { shown: 'the work tree', root, settings: ofTree, checkedOut: undefined }
  if ('folder' in named)
    return {
      shown: `the folder ${named.folder}`,
      root,
      settings: withModules(ofTree, named.folder),
      checkedOut: undefined,
    }
  const { revision } = named
  const checkedOut = await checkOut(revision, note)
  const shown = `${revision.name} (${revision.commit.slice(0, 12)})`
  const below = path.relative(revision.top, root)
  const place = path.join(checkedOut.folder, below)
  if (!existsSync(place)) throw new UsageError(`${shown} has no folder ${below}: the project began later`)
  const lockFile = path.join(root, lockFileName)
  if (existsSync(lockFile)) copyFileSync(lockFile, path.join(place, lockFileName))
  const own = { shown, root: place, checkedOut }
  const settings = await settingsOf(own, side)
  // The example modules of this checkout: those of the revision, not of the work tree.
  const isExample = settings.modules === undefined && root === ownFolder
  return { ...own, settings: isExample ? { ...settings, modules: exampleModules } : settings }
}

/** @throws UsageError that says whose configuration is wrong */
async function settingsOf(
  opened: Pick<OpenedSide, 'shown' | 'root' | 'checkedOut'>,
  side: Side | undefined,
): Promise<Settings> {
  try {
    return await loadSettings(opened.root)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const { message, details } = error
    const title = side === undefined ? opened.shown : titleOf(side, opened)
    throw new UsageError(`${title}: ${inProject(message, opened)}`, {
      cause: error,
      ...(details === undefined ? {} : { details: inProject(details, opened) }),
    })
  }
}

/** Whether both sides have the same suites, and all that these may read; modules' sources do not count. */
export async function haveSameSuites(base: OpenedSide, head: OpenedSide): Promise<boolean> {
  if (base.root === head.root) return true
  const [a, b] = await Promise.all([base, head].map(contentsWithoutModules))
  if (a === undefined || b === undefined) return false
  return a.size === b.size && [...a].every(([name, hash]) => b.get(name) === hash)
}

const sources = /\.(c|h|S|rs|lds|ld)$|(^|\/)(Kbuild|Kconfig|Makefile)[^/]*$/

/** A key of a side's suites, and of all that these may read. @throws UsageError without git */
export async function suitesKey(side: OpenedSide): Promise<string> {
  const contents = await contentsWithoutModules(side)
  return contentKey([...contents].map(([name, hash]) => `${name} ${hash}`).sort())
}

async function contentsWithoutModules({ root, settings, checkedOut }: OpenedSide): Promise<Contents> {
  const top = checkedOut?.folder ?? (await workTree(root))
  const contents = checkedOut?.contents ?? (await contentsOf(top))
  const folders = modulesUnderTest(settings, root)
    .flatMap(({ dir, sources: others = [] }) => [dir, ...others])
    .map(folder => path.relative(top, folder))
  const isBelow = (name: string, folder: string) =>
    folder === '' || name === folder || name.startsWith(`${folder}/`)
  const isOfModules = (name: string) => sources.test(name) && folders.some(folder => isBelow(name, folder))
  return new Map([...contents].filter(([name]) => path.basename(name) !== lockFileName && !isOfModules(name)))
}
