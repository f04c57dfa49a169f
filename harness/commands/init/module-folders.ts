// SPDX-License-Identifier: MIT
import { type Dirent, existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { shown } from '../../../kernel/build/module-sources.ts'
import { UsageError } from '../../base/errors.ts'

/** How deep below a project's folder modules are looked for. */
const DEEPEST = 3
/** Folders that are looked at: with more it is no project of a module (a home folder, a kernel's source). */
const MOST = 2_000

/** A line that lists modules, or folders with modules: `obj-m := a.o`, `obj-$(CONFIG_A) += a/`. */
const listsModules = /^[^#\n]*\bobj-(m|y|\$[({]\w+[)}])\s*[:+?]?=/m

/**
 * The folders of modules in a project: those whose Kbuild or Makefile lists some, without those below another
 * one, which that one builds too.
 * @returns paths relative to `project`, '.' for itself, in the order of names
 * @throws UsageError if there is none
 */
export function moduleFolders(project: string): string[] {
  const found: string[] = []
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
      if (isModuleFolder(place)) {
        found.push(folder)
        continue
      }
      const entries = list(place)
      const source = entries.find(entry => entry.isFile() && isModuleSource(path.join(place, entry.name)))
      if (source) sources.push(path.join(folder, source.name))
      next.push(
        ...entries.filter(mayHaveModules).map(({ name }) => (folder === '.' ? name : `${folder}/${name}`)),
      )
    }
    level = next
  }
  if (found.length > 0) return found
  const [source] = sources
  throw new UsageError(
    source === undefined
      ? `${shown(project)} has no module: neither it nor a folder in it has a Kbuild or Makefile with a line like obj-m += name.o`
      : `${shown(project)} has a module's source, ${source}, but no Kbuild beside it: write one with obj-m += ${path.basename(source, '.c')}.o`,
  )
}

/** Whether this folder's makefile lists modules. Kbuild comes first, as in the kernel's build. */
export function isModuleFolder(folder: string): boolean {
  const makefile = ['Kbuild', 'Makefile'].map(name => path.join(folder, name)).find(file => existsSync(file))
  return makefile !== undefined && listsModules.test(textOf(makefile))
}

function mayHaveModules(entry: Dirent): boolean {
  return entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name)
}

function isModuleSource(file: string): boolean {
  return file.endsWith('.c') && /^\s*module_init\s*\(/m.test(textOf(file))
}

function list(folder: string): Dirent[] {
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
