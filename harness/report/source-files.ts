// SPDX-License-Identifier: MIT
import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { commonFolder, type ModuleFolder } from '../../kernel/build/module-sources.ts'
import type { Place } from './place.ts'

/** Finds the file that a report of the kernel names, as "faults.c": undefined if there is none, or several. */
export type FindSource = (name: string) => string | undefined

/**
 * Looks in the folders of the modules under test. Debug information has paths relative to the folder, and up to
 * kernel 6.12 to the one that has its sources, too.
 */
export function sourceFinder(folders: readonly ModuleFolder[]): FindSource {
  const roots = folders.flatMap(({ dir, sources = [] }) => [dir, commonFolder([dir, ...sources])])
  return name => {
    const found = roots.map(root => path.join(root, name)).filter(file => existsSync(file))
    const files = new Set(found.map(file => realpathSync(file)))
    return files.size === 1 ? found[0] : undefined
  }
}

/** The place in a module's source that a report of the kernel names first, as "at function [module] file.c:12". */
export function sourcePlace(message: string, find: FindSource): Place | undefined {
  for (const [, name = '', line] of message.matchAll(/^ {2}at \S+ \[\w+\] ([^\s:,]+):(\d+)/gm)) {
    const file = find(name)
    if (file !== undefined) return { file, line: Number(line) }
  }
  return undefined
}
