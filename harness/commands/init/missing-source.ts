// SPDX-License-Identifier: MIT
import { globSync } from 'node:fs'
import path from 'node:path'

/**
 * What a build needs besides the module's folder, if it did not find a header that is elsewhere in the
 * project.
 * @param modules the folders of the modules, which their builds have
 * @param said the compiler's lines
 * @returns the path in the project of the header's folder, or of the header if it lies in the project's own;
 *   undefined if no header is missing, or not just one place has it
 */
export function missingSource(project: string, modules: readonly string[], said: string): string | undefined {
  const [, header = ''] = /fatal error: (\S+\.h): No such file or directory/.exec(said) ?? []
  // Relative to the file that includes it, which may lie anywhere.
  const name = header.replace(/^(\.\.?\/)+/, '')
  if (name === '') return undefined
  const places = globSync(`{,*/,*/*/,*/*/*/}${name}`, { cwd: project, exclude: ['node_modules', '.*'] })
  const [place, ...others] = new Set(places.map(each => path.normalize(each)))
  if (place === undefined || others.length > 0) return undefined
  // It is there, and no -I leads to it.
  if (modules.some(folder => folder === '.' || place.startsWith(`${folder}/`))) return undefined
  // <uapi/a.h> is searched in a folder (-I) that has more of them.
  const folder = name === header ? path.join(place, ...name.split('/').map(() => '..')) : path.dirname(place)
  return folder === '.' ? place : folder
}
