// SPDX-License-Identifier: MIT
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
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
 * Loads a module under test, by finit_module(2), and before it the modules that it needs, as modprobe does:
 * others under test, and the kernel's own.
 * @param name without .ko, with - or _; its file is in the folder that NETLINK_VMTEST_MODULES names
 * @param parameters 'name=value name=value'
 * @throws ModuleError EEXIST if it is loaded already, ENOENT if there is none of that name, or the error of
 * its init function
 */
export function loadModule(name: string, parameters = ''): void {
  const folder = modulesFolder()
  const fd = openModule(folder, name)
  try {
    loadNeeded(name, folder)
    explained(name, loading, () => finitModule(fd, parameters))
  } finally {
    closeSync(fd)
  }
}

/** Loads what a module under test needs, and not itself. @throws ModuleError as {@link loadModule} */
export function loadNeeded(name: string, folder = modulesFolder()): void {
  for (const needed of neededBy(path.join(folder, `${canonical(name)}.ko`))) loadIfMissing(needed)
}

function modulesFolder(): string {
  const folder = process.env.NETLINK_VMTEST_MODULES ?? NETLINK_VMTEST_MODULES
  if (!folder) throw new Error('NETLINK_VMTEST_MODULES is not set: modules are loaded in guests only')
  return folder
}

/** The files of the modules that one needs, in the order of loading, which modules.dep has in reverse. */
function neededBy(file: string): string[] {
  const tree = `/lib/modules/${os.release()}`
  if (!existsSync(`${tree}/modules.dep`)) return []
  const lines = readFileSync(`${tree}/modules.dep`, 'utf8').split('\n')
  const [, needs = ''] = lines.find(line => line.startsWith(`${file}:`))?.split(':') ?? []
  return needs
    .split(' ')
    .filter(Boolean)
    .map(place => path.resolve(tree, place))
    .reverse()
}

/** Loads a module that another one needs, if it is not loaded yet. */
function loadIfMissing(file: string): void {
  const name = canonical(path.basename(file, '.ko'))
  if (existsSync(`/sys/module/${name}/initstate`)) return
  const fd = openSync(file, 'r')
  try {
    explained(name, loading, () => finitModule(fd, ''))
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

function openModule(folder: string, name: string): number {
  try {
    return openSync(path.join(folder, `${canonical(name)}.ko`), 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const known = (existsSync(folder) ? readdirSync(folder) : [])
      .filter(file => file.endsWith('.ko'))
      .map(file => path.basename(file, '.ko'))
    throw new ModuleError(
      `${name}: there is no such module under test, but ${known.sort().join(', ') || 'none at all'}; ` +
        "modprobe loads the kernel's own",
      'ENOENT',
    )
  }
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

function explained(name: string, meanings: Readonly<Record<string, string>>, call: () => void): void {
  using log = KernelLog.fromNow()
  try {
    call()
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    const { code, message } = error
    const meaning = meanings[code]
    throw new ModuleError(
      `${name}: ${message}${meaning === undefined ? '' : `: ${meaning}`}`,
      code,
      log.read().map(record => record.text),
      { cause: error },
    )
  }
}
