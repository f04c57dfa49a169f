// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { TestSpecification, Vitest } from 'vitest/node'
import { HarnessError, messageOf } from '../base/errors.ts'
import { packageFolders, sourcesUnderTest } from '../prepare/delivery.ts'
import type { PreparedKernel } from '../prepare/prepare.ts'
import type { Settings } from '../prepare/settings.ts'

/** A C source, a header, or what Kbuild reads. */
const moduleSource = /\.[chS]$|(^|\/)(Kbuild|Makefile)$/
/** Milliseconds: editors write a file in several steps, which count as one change. */
const SETTLE = 30

/**
 * Vitest's watch mode sees test files and their imports. This adds what only guests have: a changed module is
 * rebuilt for each kernel, and the test files that use it run again; after a change of the client library,
 * the helpers or a program all of them do.
 */
export function watchDelivery(
  vitest: Vitest,
  prepared: readonly PreparedKernel[],
  settings: Settings,
  root: string,
): void {
  const folders = sourcesUnderTest(settings, root)
  const { watcher } = vitest.vite
  watcher.add([...folders, ...packageFolders])
  const changed = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let working = Promise.resolve()

  watcher.on('all', (_event, file) => {
    const isModule = isWithin(folders, file) && moduleSource.test(file)
    if (!isModule && !(isWithin(packageFolders, file) && !file.endsWith('.test.ts'))) return
    changed.add(file)
    clearTimeout(timer)
    timer = setTimeout(() => {
      const files = [...changed]
      changed.clear()
      working = working.then(() => rerun(files)).catch(error => vitest.logger.error(messageOf(error)))
    }, SETTLE)
  })

  async function rerun(files: readonly string[]): Promise<void> {
    const sources = files.filter(file => isWithin(folders, file))
    try {
      for (const { delivery, guests } of prepared) {
        if (sources.length > 0) await delivery.buildModules()
        if (sources.length < files.length) await delivery.bundlePackage()
        await guests.close() // a spare guest has the old files
      }
    } catch (error) {
      const details = error instanceof HarnessError && error.details ? `${error.details}\n` : ''
      vitest.logger.error(`${details}error: ${messageOf(error)}`)
      return
    }
    const all = await vitest.globTestSpecifications()
    const names = prepared.flatMap(({ delivery }) => delivery.moduleNames)
    const chosen = sources.length < files.length ? all : usersOf(all, modulesOf(sources, folders, names))
    if (chosen.length > 0) await vitest.rerunTestSpecifications(chosen)
  }
}

function isWithin(folders: readonly string[], file: string): boolean {
  return folders.some(folder => file === folder || file.startsWith(`${folder}${path.sep}`))
}

/** The modules that these sources belong to, by folder or file name; all modules if a source is shared. */
export function modulesOf(
  sources: readonly string[],
  folders: readonly string[],
  names: readonly string[],
): readonly string[] {
  const found = new Set<string>()
  for (const source of sources) {
    const folder = folders.find(each => isWithin([each], source))
    const parts = path
      .relative(folder ?? '', source)
      .replace(/\.\w+$/, '')
      .split(path.sep)
    const own = names.filter(name => parts.includes(name))
    if (own.length === 0) return names
    for (const name of own) found.add(name)
  }
  return [...found]
}

/** The test files that name one of the modules, or none at all: those may use any through a helper. */
function usersOf(
  specifications: readonly TestSpecification[],
  modules: readonly string[],
): TestSpecification[] {
  return specifications.filter(({ moduleId }) => {
    const text = readFileSync(moduleId, 'utf8')
    return modules.some(name => text.includes(name)) || !/loadModule/.test(text)
  })
}
