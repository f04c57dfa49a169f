import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { SystemCallError } from '../netlink/index.ts'
import { KernelLog } from './kernel-log.ts'
import { deleteModule, finitModule } from './system-call.ts'

const O_NONBLOCK = 0o4000

/** A module could not be loaded or unloaded. */
export class ModuleError extends Error {
  /** By which reports call it. */
  override readonly name = 'ModuleError'
  /** The errno's name, 'EEXIST' for instance. */
  readonly code: string
  /** What the kernel logged meanwhile, a line each. */
  readonly log: readonly string[]

  constructor(module: string, cause: SystemCallError, log: readonly string[]) {
    super([`${module}: ${cause.message}`, ...log].join('\n  '), { cause })
    this.code = cause.code
    this.log = log
  }
}

/**
 * Loads a module under test, by finit_module(2).
 * @param name without .ko, with - or _; the file is looked up in the folder that NETLINK_VMTEST_MODULES names
 * @param parameters 'name=value name=value'
 * @throws ModuleError EEXIST when it is loaded already, or what its init function returned
 */
export function loadModule(name: string, parameters = ''): void {
  const folder = process.env.NETLINK_VMTEST_MODULES
  if (!folder)
    throw new Error('NETLINK_VMTEST_MODULES is not set: modules are loaded in the guest only (./run-vm.sh)')
  const fd = openSync(path.join(folder, `${canonical(name)}.ko`), 'r')
  try {
    explained(name, () => finitModule(fd, parameters))
  } finally {
    closeSync(fd)
  }
}

/**
 * Unloads a module, by delete_module(2).
 * @throws ModuleError EAGAIN while it is in use, ENOENT when it is not loaded
 */
export function unloadModule(name: string): void {
  // as rmmod does: without it the call waits until nobody uses the module
  explained(name, () => deleteModule(canonical(name), O_NONBLOCK))
}

/** Whether a module is loaded, and if so, how many references to it there are. */
export function moduleReferences(name: string): number | undefined {
  const file = `/sys/module/${canonical(name)}/refcnt`
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined
}

/** A source file may have a - in its name that the kernel, and the files in the guest, have as _. */
function canonical(name: string): string {
  return name.replaceAll('-', '_')
}

function explained(name: string, call: () => void): void {
  using log = KernelLog.fromNow()
  try {
    call()
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    throw new ModuleError(
      name,
      error,
      log.read().map(record => record.text),
    )
  }
}
