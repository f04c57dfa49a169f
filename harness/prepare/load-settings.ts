// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs'
import { type ResolveHookSync, registerHooks } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ExitStatus, firstWords, messageOf, UsageError } from '../base/errors.ts'
import { isPackage, ownFolder, ownModule } from '../base/own-folder.ts'
import type { LoadLimit } from './end-at-limit.ts'
import { checkSettings, type Settings, SettingsError, settingsFile } from './settings.ts'

/** Milliseconds for a configuration to load: it may wait for something outside. */
const LOAD_LIMIT = 30_000
/** Milliseconds more for the event loop to tell what it awaits. */
const BLOCKED_AFTER = 1_000

/**
 * The project that a folder belongs to: the nearest folder upwards with a `netlink-vmtest.config.ts`. Without
 * one, a checkout is its own project, with example modules and suites; the package, which has none, takes the
 * nearest folder with a package.json.
 */
export function projectRoot(folder: string): string {
  const other = isPackage ? (nearestWith('package.json', folder) ?? folder) : ownFolder
  return nearestWith(settingsFile, folder) ?? other
}

/** The nearest folder upwards that has this file. */
function nearestWith(file: string, folder: string): string | undefined {
  for (let at = folder; ; at = path.dirname(at)) {
    if (existsSync(path.join(at, file))) return at
    if (at === path.dirname(at)) return undefined
  }
}

/**
 * The settings of the project in this folder: `netlink-vmtest.config.ts`, or the defaults without one.
 * @param limit milliseconds for the file to load
 * @throws UsageError that names the setting and what is wrong with it
 */
export async function loadSettings(root: string, limit = LOAD_LIMIT): Promise<Settings> {
  const file = path.join(root, settingsFile)
  if (!existsSync(file)) {
    for (let at = process.cwd(); at !== path.dirname(at); at = path.dirname(at)) refuseOtherNames(at)
    return checkSettings({})
  }
  refuseOtherNames(root)
  const watch = endIfBlocked(limit)
  let settings: Settings
  try {
    settings = await checked(await withoutExit(() => settled(exportOf(file), limit)), file)
  } finally {
    void watch.terminate()
  }
  const fromHere = (label: string) => labelFrom(root, label)
  return {
    ...settings,
    ...(settings.kernels && { kernels: settings.kernels.map(fromHere) }),
    matrix: settings.matrix.map(fromHere),
  }
}

/** @throws UsageError for a configuration that would be ignored, in this folder */
export function refuseOtherNames(folder: string): void {
  const others = ['js', 'mjs', 'cjs', 'mts', 'cts', 'json'].map(ending => settingsFile.replace(/ts$/, ending))
  const other = others.find(name => existsSync(path.join(folder, name)))
  if (other === undefined) return
  const cure = existsSync(path.join(folder, settingsFile))
    ? `${settingsFile} is: remove one of them`
    : `rename it to ${settingsFile}, or remove it`
  throw new UsageError(`${other} is not read: ${cure}`)
}

/** Ends this process if the file loops: then no timer of its event loop comes. */
function endIfBlocked(limit: number): Worker {
  const workerData: LoadLimit = {
    limit: limit + BLOCKED_AFTER,
    words: `error: ${endless(`it took longer than ${limit / 1000} s, and waits for nothing`, 'look for a loop')}\n`,
    status: ExitStatus.usage,
  }
  const thread = new Worker(ownModule('harness/prepare/end-at-limit'), { workerData, execArgv: [] })
  thread.unref()
  return thread
}

/** As {@link checkSettings}, with the place in the file; a getter of the configuration may throw, too. */
async function checked(exported: unknown, file: string): Promise<Settings> {
  try {
    return checkSettings(exported)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw notLoaded(error)
    // Vite's parser takes a while to load, which only errors cost.
    const { placeOfSetting } = await import('./place-of-setting.ts')
    const place = placeOfSetting(readFileSync(file, 'utf8'), error.path)
    throw place ? error.at(place.line, place.column) : error
  }
}

/** Loads what may call process.exit(), which would look as if all had passed. */
async function withoutExit<T>(load: () => Promise<T>): Promise<T> {
  const { exit } = process
  process.exit = code => {
    throw new UsageError(`${settingsFile} cannot be loaded: it calls process.exit(${code ?? ''})`)
  }
  try {
    return await load()
  } finally {
    process.exit = exit
  }
}

/** The file's default export, or what that returns if it is a function. */
async function exportOf(file: string): Promise<unknown> {
  const module = await evaluated(file)
  try {
    const exported = await module.default
    return typeof exported === 'function' ? await exported() : exported
  } catch (error) {
    throw notLoaded(error)
  }
}

/** A way to load it. */
interface Loader {
  readonly hook: ResolveHookSync
  readonly load: (file: string) => Promise<{ default?: unknown }>
}

/**
 * Imports the file with Node's own type stripping, at no cost. tsx is for what Node lacks: enums, imports
 * without an extension, `paths` of a tsconfig.json, .tsx, JSON; and for CommonJS.
 */
async function evaluated(file: string): Promise<{ default?: unknown }> {
  const byNode: Loader = { hook: esModules, load: file => import(pathToFileURL(file).href) }
  const byTsx: Loader = { hook: esModules, load: importedByTsx }
  const byTsxAsCommonJs: Loader = { hook: ownPackage, load: importedByTsx }
  // Node prints a warning about an ES module in a commonjs package before it fails.
  const loaders = packageType(file) === 'commonjs' ? [byTsxAsCommonJs] : [byNode, byTsx, byTsxAsCommonJs]
  let failure: unknown
  for (const { hook, load } of loaders) {
    const own = registerHooks({ resolve: hook })
    try {
      return await load(file)
    } catch (error) {
      failure = error
      if (!isShortOfTypeScript(error)) break
    } finally {
      own.deregister()
    }
  }
  throw notLoaded(failure)
}

/** With the project's tsconfig.json, wherever the command is run. */
async function importedByTsx(file: string): Promise<{ default?: unknown }> {
  const tsconfig = path.join(path.dirname(file), 'tsconfig.json')
  const { tsImport } = await import('tsx/esm/api')
  const loaded = (await tsImport(pathToFileURL(file).href, {
    parentURL: import.meta.url,
    ...(existsSync(tsconfig) && { tsconfig }),
  })) as { default?: unknown }
  // What tsx has compiled to CommonJS.
  return isCompiledModule(loaded.default) ? loaded.default : loaded
}

function isCompiledModule(exported: unknown): exported is { default?: unknown } {
  return typeof exported === 'object' && exported !== null && '__esModule' in exported
}

/** The `type` of the nearest package.json. */
function packageType(file: string): unknown {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    try {
      const { type } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
        type?: unknown
      }
      return type
    } catch {
      if (folder === path.dirname(folder)) return undefined
    }
  }
}

const fallsShort = new Set([
  ...['ERR_MODULE_NOT_FOUND', 'ERR_UNSUPPORTED_DIR_IMPORT', 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'],
  // .tsx; JSON; names with # in `paths`
  ...['ERR_UNKNOWN_FILE_EXTENSION', 'ERR_IMPORT_ATTRIBUTE_MISSING'],
  ...['ERR_PACKAGE_IMPORT_NOT_DEFINED', 'ERR_INVALID_MODULE_SPECIFIER'],
])

/** Whether a loader, rather than the configuration, may be the reason of an error. */
function isShortOfTypeScript(error: unknown): boolean {
  // CommonJS in a package without a type.
  if (error instanceof ReferenceError) return / in ES module scope/.test(error.message)
  if (error instanceof SyntaxError) {
    // Thrown by the configuration itself, as JSON.parse does.
    const isThrown = /^ +at .*file:/m.test(error.stack ?? '')
    // A name that a module does not export is nowhere else either.
    return !isThrown && !/does not provide an export named/.test(error.message)
  }
  return fallsShort.has(String((error as { code?: unknown } | null | undefined)?.code))
}

/** `netlink-vmtest/config` is this package, even if the project has not installed it. */
const ownPackage: ResolveHookSync = (specifier, context, next) => {
  if (specifier !== 'netlink-vmtest/config') return next(specifier, context)
  return { url: pathToFileURL(ownModule('harness/prepare/settings')).href, shortCircuit: true }
}

/**
 * TypeScript in a package without a type is taken for an ES module: Node finds out by itself, but warns of
 * the time that it takes.
 */
const esModules: ResolveHookSync = (specifier, context, next) => {
  const found = ownPackage(specifier, context, next)
  return /^file:.*\.ts$/.test(found.url) && !found.format ? { ...found, format: 'module-typescript' } : found
}

function notLoaded(error: unknown): UsageError {
  if (error instanceof UsageError) return error
  return new UsageError(`${settingsFile} cannot be loaded: ${firstWords(messageOf(error))}`, { cause: error })
}

function endless(why: string, what: string): string {
  return `${settingsFile} does not come to an end: ${why}; ${what}`
}

/** The loaded configuration, unless it never settles or takes too long. */
async function settled<T>(loading: Promise<T>, limit: number): Promise<T> {
  const { promise: given, reject } = Promise.withResolvers<never>()
  const refuse = (why: string) => reject(new UsageError(endless(why, 'look at what it awaits')))
  const timer = setTimeout(refuse, limit, `it took longer than ${limit / 1000} s`)
  timer.unref()
  // The event loop is empty, so nothing can settle it: node would exit with status 13.
  const idle = () => refuse('it waits for what never happens')
  process.once('beforeExit', idle)
  try {
    return await Promise.race([loading, given])
  } finally {
    clearTimeout(timer)
    process.off('beforeExit', idle)
  }
}

/** A label with its path, if any, which is relative to `folder`, made relative to the current folder. */
function labelFrom(folder: string, label: string): string {
  const [, kind, file] = /^(tree|pack):(.+)$/s.exec(label) ?? []
  if (kind === undefined || file === undefined || path.isAbsolute(file)) return label
  return `${kind}:${path.relative('', path.resolve(folder, file)) || '.'}`
}
