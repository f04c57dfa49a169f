// SPDX-License-Identifier: MIT
import { type Dirent, existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { mayListModules, shown } from '../../../kernel/build/module-sources.ts'
import { UsageError } from '../../base/errors.ts'
import { kernelTargets } from './kernel-targets.ts'

/** How deep below a project's folder modules are looked for. */
const DEEPEST = 3
/** Folders that are looked at: with more it is no project of a module (a home folder, a kernel's source). */
const MOST = 2_000

/** How deep makefiles include each other, as far as that is followed. */
const MOST_INCLUDED = 5

/** A line that lists modules, or folders with modules: `obj-m := a.o`, `obj-$(CONFIG_A) += a/`. */
const listsModules = /^[^#\n]*\bobj-(m|y|\$\w|\$[({].*[)}])\s*[:+?]?=/m

/**
 * The folders of modules in a project: those whose Kbuild or Makefile lists some, without those below another
 * one, which that one builds too. Without any, those with a module's source whose makefile may list it all the
 * same, which only a build can tell.
 * @returns paths relative to `project`, '.' for itself, in the order of names
 * @throws UsageError if there is none
 */
export function moduleFolders(project: string): string[] {
  const found: string[] = []
  const unclear: string[] = []
  const sources: string[] = []
  let budget = MOST
  for (let level = ['.'], depth = 0; level.length > 0 && depth <= DEEPEST; depth++) {
    const next: string[] = []
    for (const folder of level) {
      if (budget-- === 0)
        throw new UsageError(
          `${shown(project)} has more than ${MOST} folders: name the one of the module by --modules`,
        )
      const place = path.join(project, folder)
      const makefile = makefileOf(place)
      if (makefile !== undefined && lists(makefile, place)) {
        found.push(folder)
        continue
      }
      if (mayBeModuleFolder(place)) unclear.push(folder)
      const entries = entriesOf(place)
      const source = entries.find(entry => entry.isFile() && isModuleSource(path.join(place, entry.name)))
      if (source) sources.push(path.join(folder, source.name))
      next.push(
        ...entries.filter(mayHaveModules).map(({ name }) => (folder === '.' ? name : `${folder}/${name}`)),
      )
    }
    level = next
  }
  if (found.length > 0) return found
  const tried = unclear.filter(folder => sources.some(source => isBelow(folder, source)))
  const tops = tried.filter(folder => !tried.some(other => other !== folder && isBelow(other, folder)))
  if (tops.length > 0) return tops
  const [source] = sources
  throw new UsageError(
    source === undefined
      ? `${shown(project)} has no module: neither it nor a folder in it has a Kbuild or Makefile with a line like obj-m += name.o`
      : `${shown(project)} has a module's source, ${source}, but no Kbuild or Makefile that builds it: write one with obj-m += ${path.basename(source, '.c')}.o`,
  )
}

/** Whether this folder's makefile lists modules, may do so, or calls the kernel's build. */
export function mayBeModuleFolder(folder: string): boolean {
  const makefile = makefileOf(folder)
  if (makefile === undefined) return false
  return mayListModules(textOf(makefile)) || kernelTargets(textOf(path.join(folder, 'Makefile'))).length > 0
}

/** Kbuild comes first, as in the kernel's build. */
function makefileOf(folder: string): string | undefined {
  return ['Kbuild', 'Makefile'].map(name => path.join(folder, name)).find(file => existsSync(file))
}

/** Whether a makefile lists modules, or one that it includes by its name or below a variable: `$(src)/a.mk`. */
function lists(makefile: string, folder: string, depth = 0): boolean {
  const text = textOf(makefile)
  if (listsModules.test(text)) return true
  if (depth === MOST_INCLUDED) return false
  const included = [...text.matchAll(/^\s*[-s]?include\s+([^#\n]+)/gm)].flatMap(([, names = '']) =>
    names.trim().split(/\s+/),
  )
  return included
    .map(name => path.resolve(folder, name.replace(/^\$([({])\w+[)}]\/*/, '')))
    .some(file => existsSync(file) && lists(file, folder, depth + 1))
}

function isBelow(folder: string, place: string): boolean {
  return folder === '.' || place.startsWith(`${folder}/`)
}

function mayHaveModules(entry: Dirent): boolean {
  return entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name)
}

function isModuleSource(file: string): boolean {
  return file.endsWith('.c') && /^\s*(module_init|MODULE_LICENSE)\s*\(/m.test(textOf(file))
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch {
    return [] // Another user's.
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
