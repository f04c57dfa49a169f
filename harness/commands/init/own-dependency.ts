// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Members of package.json that have dependencies. */
export const dependencyKinds = [
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'peerDependencies',
] as const

/**
 * What the package.json of `project` is to say to get a package that is installed elsewhere: what the
 * package.json there says, as npx has one too, with files from the project's folder. A version alone would not
 * do: what was installed from a file may be in no registry.
 * @param folder where the package is installed
 * @returns undefined if nothing tells
 */
export function ownDependency(project: string, folder: string, name: string): string | undefined {
  for (let at = path.dirname(folder); ; at = path.dirname(at)) {
    const wanted = dependencyIn(path.join(at, 'package.json'), name)
    const [, kind, file] = /^(file:|link:)(.+)$/.exec(wanted ?? '') ?? []
    if (file !== undefined) return `${kind}${path.relative(project, path.resolve(at, file))}`
    if (wanted !== undefined) return wanted
    if (at === path.dirname(at)) return undefined
  }
}

function dependencyIn(file: string, name: string): string | undefined {
  let content: Partial<Record<string, Record<string, unknown>>>
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined // none, or not npm's
  }
  const found = dependencyKinds.map(kind => content[kind]?.[name]).find(each => typeof each === 'string')
  return typeof found === 'string' ? found : undefined
}
