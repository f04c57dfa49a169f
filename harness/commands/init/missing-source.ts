// SPDX-License-Identifier: MIT
import { globSync } from 'node:fs'
import path from 'node:path'

/**
 * What a build needs besides the module's folder, if it did not find a header that is elsewhere in the
 * project.
 * @param modules the folders of the modules, which their builds have
 * @param said the compiler's lines
 * @returns the path in the project of the header's folder, or of the header if it lies in the project's own; of
 *   a header in a module's own folder, which is named from above, the folder that its path begins in; undefined if no header is missing, or not just one place has it
 */
export function missingSource(project: string, modules: readonly string[], said: string): string | undefined {
  const [, header = ''] = /fatal error: (\S+\.h): No such file or directory/.exec(said) ?? []
  // Relative to the file that includes it, which may lie anywhere.
  const name = header.replace(/^(\.\.?\/)+/, '')
  if (name === '') return undefined
  const places = globSync(`{,*/,*/*/,*/*/*/}${name}`, { cwd: project, exclude: ['node_modules', '.*'] })
  const [place, ...others] = new Set(places.map(each => path.normalize(each)))
  if (place === undefined || others.length > 0) return undefined
  // <uapi/a.h> is searched in a folder (-I) that has more of them.
  const searched = path.join(place, ...name.split('/').map(() => '..'))
  const owner = modules.find(folder => isIn(folder, place))
  // It is there: a path from above, as -I$(src)/../.. has, leads to it; any other -I does not.
  if (owner !== undefined) return name !== header || isIn(owner, searched) ? undefined : searched
  const folder = name === header ? searched : path.dirname(place)
  return folder === '.' ? place : folder
}

function isIn(folder: string, place: string): boolean {
  return folder === '.' || place === folder || place.startsWith(`${folder}/`)
}
