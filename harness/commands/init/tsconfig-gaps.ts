// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** The parts of a tsconfig.json that are looked at; paths are absolute. */
interface Tsconfig {
  readonly include?: readonly string[]
  readonly files?: readonly string[]
  readonly exclude?: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
}

/**
 * What a project's tsconfig.json lacks for its suites, a phrase each. What cannot be told, as a file that it
 * extends and that is not there, is not lacking.
 * @param suites the suites' paths in the project
 */
export function tsconfigGaps(project: string, suites: readonly string[]): string[] {
  const config = readTsconfig(path.join(project, 'tsconfig.json'))
  if (config === undefined) return []
  const left = suites.filter(suite => !isIncluded(path.join(project, suite), config, project))
  const { strict, module, moduleResolution } = lowercased(config.options)
  // What is unset has the defaults of the project's TypeScript: 6 has strict and bundler.
  const isOld = majorOfTypeScript(project) < 6
  const byModule = module === undefined ? isOld : isOld && !/^(node\d+|nodenext|preserve)$/.test(module)
  const findsNoPackage =
    moduleResolution === undefined ? byModule : /^(node|node10|classic)$/.test(moduleResolution)
  return [
    ...(left.length > 0 ? [`it does not include ${left.join(', ')}`] : []),
    ...(strict === 'false' || (strict === undefined && isOld) ? ['it is not "strict"'] : []),
    ...(findsNoPackage
      ? ['it does not find the package\'s types: "moduleResolution" bundler or nodenext does']
      : []),
  ]
}

/** A tsconfig.json with what it extends. @returns undefined for one that is not there or no JSON with comments */
function readTsconfig(file: string, depth = 0): Tsconfig | undefined {
  if (!existsSync(file) || depth > 10) return undefined
  let own: Record<string, unknown>
  try {
    own = JSON.parse(withoutComments(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
  const bases = [own.extends ?? []].flat().flatMap(name => {
    const base = typeof name === 'string' ? extendedFile(name, file) : undefined
    return base === undefined ? [] : (readTsconfig(base, depth + 1) ?? [])
  })
  const lists = Object.fromEntries(
    ['include', 'files', 'exclude'].flatMap(key => {
      const list = own[key]
      if (!Array.isArray(list)) return []
      return [[key, list.map(each => path.resolve(path.dirname(file), String(each)))]]
    }),
  )
  const options = [...bases, { options: (own.compilerOptions ?? {}) as Tsconfig['options'] }]
  return Object.assign({}, ...bases, lists, {
    options: Object.assign({}, ...options.map(each => each.options)),
  })
}

/** Comments and trailing commas; strings stay. */
function withoutComments(text: string): string {
  const plain = text.replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*.*?\*\//gs, (_, string = '') => string)
  return plain.replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, (_, string = '') => string)
}

function extendedFile(name: string, from: string): string | undefined {
  if (/^[./]/.test(name)) {
    const file = path.resolve(path.dirname(from), name)
    return [file, `${file}.json`].find(each => each.endsWith('.json') && existsSync(each))
  }
  try {
    return createRequire(from).resolve(name)
  } catch {
    return undefined
  }
}

function isIncluded(suite: string, { files, include, exclude = [] }: Tsconfig, project: string): boolean {
  if (files?.includes(suite)) return true
  const all = include ?? (files === undefined ? [project] : [])
  const matches = (glob: string) => path.matchesGlob(suite, glob) || path.matchesGlob(suite, `${glob}/**`)
  return all.some(matches) && !exclude.some(matches)
}

function lowercased(options: Tsconfig['options']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [key, String(value).toLowerCase()]))
}

/** The major version of the TypeScript that a project has installed; the newest if it has none. */
function majorOfTypeScript(project: string): number {
  try {
    const file = createRequire(path.join(project, 'package.json')).resolve('typescript/package.json')
    return Number.parseInt(JSON.parse(readFileSync(file, 'utf8')).version, 10)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
