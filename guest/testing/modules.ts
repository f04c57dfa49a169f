// SPDX-License-Identifier: MIT
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { guestPaths, loadedHook } from '../agent/protocol.ts'
import { SystemCallError } from '../netlink/index.ts'
import { KernelLog } from './kernel-log.ts'
import { deleteModule, finitModule } from './system-call.ts'

const O_NONBLOCK = 0o4000
const loaded = '/sys/module'
/** Kept from before any test, which may empty the environment. */
const { NETLINK_VMTEST_MODULES } = process.env

/** A module could not be loaded or unloaded. */
export class ModuleError extends Error {
  /** The name in reports. */
  override readonly name = 'ModuleError'
  /** The errno's name, 'EEXIST' for instance. */
  readonly code: string
  /** What the kernel logged meanwhile, a line each. */
  readonly log: readonly string[]

  constructor(message: string, code: string, log: readonly string[] = [], options: ErrorOptions = {}) {
    super([message, ...log].join('\n  '), options)
    this.code = code
    this.log = log
  }
}

/**
 * Loads a module by finit_module(2), and before it the modules that it needs, as modprobe does: one under
 * test, or one of the kernel's own.
 * @param name without .ko, with - or _, or an alias
 * @param parameters 'name=value name=value', after those that the configuration has for the module
 * @throws ModuleError EEXIST if it is loaded already, ENOENT if there is none of that name, EINVAL if it has
 * no such parameter, which the kernel would ignore, or the error of its init function
 */
export function loadModule(name: string, parameters = ''): void {
  const file = fileOf(name)
  for (const needed of neededBy(file)) loadIfMissing(needed, name)
  const fd = openSync(file, 'r')
  try {
    const given = [configured(file), parameters].filter(Boolean).join(' ')
    const log = explained(name, loading, () => finitModule(fd, given))
    requireParameters(canonical(path.basename(file, '.ko')), log)
  } finally {
    closeSync(fd)
  }
  loadedFor(globalThis as Record<symbol, unknown>)?.(canonical(path.basename(file, '.ko')))
}

/** The configuration's parameters of a module, where modprobe finds them, too. */
function configured(file: string): string {
  if (!existsSync(guestPaths.parameters)) return ''
  const beginning = `options ${canonical(path.basename(file, '.ko'))} `
  const lines = readFileSync(guestPaths.parameters, 'utf8').split('\n')
  return lines.find(line => line.startsWith(beginning))?.slice(beginning.length) ?? ''
}

/** The worker's function, which waits for a debugger if one is wanted. */
function loadedFor(worker: Record<symbol, unknown>): ((name: string) => void) | undefined {
  return worker[Symbol.for(loadedHook)] as ((name: string) => void) | undefined
}

/** A module with a parameter that it does not have is loaded all the same: unknown_module_param_cb(). */
function requireParameters(name: string, log: readonly string[]): void {
  const unknown = log.flatMap(text => {
    const [, module, parameter = ''] = /^([^:]+): unknown parameter '(.*)' ignored$/.exec(text) ?? []
    return module === name ? [parameter] : []
  })
  if (unknown.length === 0) return
  const folder = `${loaded}/${name}/parameters`
  const known = existsSync(folder) ? readdirSync(folder).sort() : []
  try {
    deleteModule(name, O_NONBLOCK)
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error // It stays: what matters is the wrong parameter.
  }
  throw new ModuleError(
    `${name}: it has no parameter ${unknown.join(', ')}, but ${known.join(', ') || 'none at all'}`,
    'EINVAL',
  )
}

/**
 * Loads what a module needs, and not itself.
 * @returns the names of those modules, loaded before or not
 * @throws ModuleError as {@link loadModule}
 */
export function loadNeeded(name: string): string[] {
  const needed = neededBy(fileOf(name))
  for (const file of needed) loadIfMissing(file, name)
  return needed.map(file => canonical(path.basename(file).replace(/\.ko.*/, '')))
}

/** The file of a module: one under test before the kernel's own, a name before an alias. */
function fileOf(name: string): string {
  const folder = modulesFolder()
  const file = path.join(folder, `${canonical(name)}.ko`)
  if (existsSync(file)) return file
  const found = treeModule(canonical(name)) ?? aliased(name).map(treeModule).find(Boolean)
  if (found !== undefined) return found
  const known = (existsSync(folder) ? readdirSync(folder) : [])
    .filter(each => each.endsWith('.ko'))
    .map(each => path.basename(each, '.ko'))
  throw new ModuleError(
    `${name}: there is no such module under test, but ${known.sort().join(', ') || 'none at all'}; nor ` +
      'has the kernel one in this guest, which image.modules in the configuration adds',
    'ENOENT',
  )
}

/** The file of a module in modules.dep, which has those under test and the kernel's own. */
function treeModule(name: string): string | undefined {
  const places = dependencies().map(([place]) => place)
  const place = places.find(each => canonical(path.basename(each).replace(/\.ko.*/, '')) === name)
  return place && path.resolve(tree(), place)
}

/** The modules that have an alias, in the order of modules.alias: "alias PATTERN MODULE". */
function aliased(alias: string): string[] {
  const wanted = canonical(alias)
  return linesOf('modules.alias').flatMap(line => {
    const [word, pattern = '', module] = line.split(' ')
    return word === 'alias' && module && globOf(canonical(pattern)).test(wanted) ? [canonical(module)] : []
  })
}

/** As fnmatch(3), which modprobe uses: `*`, `?` and `[...]`. */
function globOf(pattern: string): RegExp {
  const text = pattern.replace(/[.+^${}()|\\]/g, '\\$&')
  return new RegExp(`^${text.replaceAll('*', '.*').replaceAll('?', '.')}$`)
}

function tree(): string {
  return `/lib/modules/${os.release()}`
}

function linesOf(name: string): string[] {
  const file = `${tree()}/${name}`
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
}

/** modules.dep: the place of each module, and those of the modules that it needs. */
function dependencies(): [place: string, needs: string][] {
  return linesOf('modules.dep').flatMap(line => {
    const [place, needs] = line.split(':')
    return place && needs !== undefined ? [[place, needs] as [string, string]] : []
  })
}

function modulesFolder(): string {
  const folder = process.env.NETLINK_VMTEST_MODULES ?? NETLINK_VMTEST_MODULES
  if (!folder) throw new Error('NETLINK_VMTEST_MODULES is not set: modules are loaded in guests only')
  return folder
}

/** The files of the modules that one needs, in the order of loading, which modules.dep has in reverse. */
function neededBy(file: string): string[] {
  const [, needs = ''] = dependencies().find(([place]) => path.resolve(tree(), place) === file) ?? []
  return needs
    .split(' ')
    .filter(Boolean)
    .map(place => path.resolve(tree(), place))
    .reverse()
}

/** Loads a module that another one needs, if it is not loaded yet. */
function loadIfMissing(file: string, by: string): void {
  const name = canonical(path.basename(file, '.ko'))
  if (existsSync(`/sys/module/${name}/initstate`)) return
  const fd = openSync(file, 'r')
  try {
    explained(`${name}, which ${by} needs`, loading, () => finitModule(fd, configured(file)))
  } finally {
    closeSync(fd)
  }
}

/**
 * Unloads a module, by delete_module(2).
 * @throws ModuleError EAGAIN while it is in use, ENOENT when it is not loaded
 */
export function unloadModule(name: string): void {
  // as rmmod does: without it the call waits until the module is not in use
  explained(name, unloading, () => deleteModule(canonical(name), O_NONBLOCK))
}

/**
 * The number of references to a module; undefined if it is not loaded.
 * @throws Error without /sys
 */
export function moduleReferences(name: string): number | undefined {
  if (!existsSync(loaded)) throw new Error(`whether ${name} is loaded is not known: there is no ${loaded}`)
  const file = `${loaded}/${canonical(name)}/refcnt`
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined
}

/** The kernel, and the files in the guest, have _ for each - in a source file's name. */
function canonical(name: string): string {
  return name.replaceAll('-', '_')
}

/** Explanations of errnos. */
const loading: Readonly<Record<string, string>> = {
  EEXIST: 'it is loaded already',
  ENOEXEC: 'it is no module, or none for this kernel',
}
const unloading: Readonly<Record<string, string>> = {
  ENOENT: 'it is not loaded',
  EAGAIN: 'it is in use',
  EBUSY: 'it has an init function and no exit function, or is being loaded or unloaded',
}

/** What the kernel has logged, a line each; nothing if it was so much that records are gone. */
function textOf(log: KernelLog): string[] {
  try {
    return log.read().map(record => record.text)
  } catch {
    return []
  }
}

/** @returns what the kernel has logged meanwhile, a line each */
function explained(
  name: string,
  meanings: Readonly<Record<string, string>>,
  call: () => void,
): readonly string[] {
  using log = KernelLog.fromNow()
  try {
    call()
    return textOf(log)
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    const { code, message } = error
    const meaning = meanings[code]
    throw new ModuleError(
      `${name}: ${message}${meaning === undefined ? '' : `: ${meaning}`}`,
      code,
      textOf(log),
      { cause: error },
    )
  }
}
