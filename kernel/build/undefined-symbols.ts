// SPDX-License-Identifier: MIT
/** Why modpost finds no export of symbols that a module uses. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { ModuleError } from '../../harness/base/errors.ts'
import { type CachedBuild, cachedBuilds } from '../cached.ts'
import type { Kernel } from '../kernel.ts'
import { type ModuleFolder, readSources, shown } from './module-sources.ts'

/** A folder of modules uses what one after it in the list exports. */
export class WrongOrder extends ModuleError {
  /** The folder that is to come first. */
  readonly exporter: string
  /** The one that needs it. */
  readonly user: string

  constructor(user: string, exporter: string, symbol: string, details: string) {
    super(
      `${shown(user)} does not build: it uses ${symbol} of ${shown(exporter)}, which comes after it in modules: put ${shown(exporter)} before it`,
      { details },
    )
    this.exporter = exporter
    this.user = user
  }
}

/**
 * An error of a build with what is known of undefined symbols: a later folder exports them, or other kernels
 * on this machine do.
 * @param later the folders that would be built after it
 */
export async function explainUndefined(
  error: ModuleError,
  kernel: Pick<Kernel, 'label' | 'build'>,
  folder: ModuleFolder,
  later: readonly ModuleFolder[],
): Promise<ModuleError> {
  const details = error.details ?? ''
  const symbols = undefinedIn(details)
  if (symbols.length === 0) return error
  for (const other of later) {
    const symbol = exportedOf(symbols, await textsOf(other))
    if (symbol !== undefined) return new WrongOrder(folder.dir, other.dir, symbol, details)
  }
  const builds = nearestFirst(cachedBuilds(), kernel.label)
  const found = [...Map.groupBy(symbols, symbol => exporterOf(symbol, builds, kernel) ?? '')].filter(
    ([it]) => it,
  )
  if (found.length === 0) return error
  const lines = found.map(
    ([where, names]) => `${names.join(', ')}: not exported by ${kernel.label}, but by ${where}`,
  )
  return new ModuleError(error.message, { details: [details, ...lines].join('\n'), cause: error.cause })
}

/** The symbols that modpost reports: `ERROR: modpost: "crc32c" [/a/b.ko] undefined!`. */
export function undefinedIn(lines: string): string[] {
  const found = lines.matchAll(/^ERROR: (?:modpost: )?"(\w+)" \[\S+\] undefined!$/gm)
  return [...new Set([...found].map(([, symbol = '']) => symbol))]
}

/** The texts of a folder's sources; none if it cannot be read, which its own build tells. */
async function textsOf(folder: ModuleFolder): Promise<string[]> {
  const { files } = await readSources(folder).catch(() => ({ files: [] }))
  return files.filter(({ name }) => /\.[cS]$/.test(name)).map(({ content }) => content.toString('latin1'))
}

/** The first symbol that one of the sources exports. */
function exportedOf(symbols: readonly string[], texts: readonly string[]): string | undefined {
  return symbols.find(symbol => {
    const line = new RegExp(`^\\s*EXPORT_SYMBOL\\w*\\s*\\(\\s*${symbol}\\s*[,)]`, 'm')
    return texts.some(text => line.test(text))
  })
}

/** Kernels of the same series come first: `debian-6.12` for `minimal-6.12`. */
function nearestFirst(builds: readonly CachedBuild[], label: string): CachedBuild[] {
  const series = (it: string) => it.slice(it.lastIndexOf('-'))
  const others = builds.filter(build => build.label !== label)
  return others.sort((a, b) => rank(a) - rank(b))
  function rank(build: CachedBuild): number {
    return series(build.label) === series(label) ? 0 : 1
  }
}

/**
 * The first kernel that exports a symbol, with the module that does, and its option, which only complete sources
 * tell: those of a tree.
 */
function exporterOf(
  symbol: string,
  builds: readonly CachedBuild[],
  { build }: Pick<Kernel, 'build'>,
): string | undefined {
  for (const { label, source, output } of builds) {
    // crc, symbol, module, kind of export, namespace (scripts/mod/modpost.c)
    const [, module] =
      new RegExp(`^\\S+\\t${symbol}\\t(\\S+)\\t`, 'm').exec(textOf(path.join(output, 'Module.symvers'))) ?? []
    if (module === undefined) continue
    if (module === 'vmlinux') return label
    const option = optionOf(module, build.source) ?? optionOf(module, source)
    return `${label}, in ${path.basename(module)}${option === undefined ? '' : ` (${option})`}`
  }
  return undefined
}

/** The option that builds a module of the kernel's tree, as its folder's makefile says. */
function optionOf(module: string, source: string): string | undefined {
  const makefile = textOf(path.join(source, path.dirname(module), 'Makefile')).replaceAll('\\\n', ' ')
  const object = `${path.basename(module)}.o`
  return [...makefile.matchAll(/^obj-\$\((CONFIG_\w+)\)\s*[:+]?=\s*(.*)$/gm)].find(([, , objects = '']) =>
    objects.split(/\s+/).includes(object),
  )?.[1]
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // A kernel that is being removed, or that has no such folder.
  }
}
