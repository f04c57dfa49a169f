// SPDX-License-Identifier: MIT
import type { Registration } from '../../../guest/testing/registration.ts'
import { ModuleError, UsageError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import type { Findings } from '../../session/registrations.ts'

/** A family to probe. */
export interface ProbedFamily {
  readonly name: string
  /** The modules to load for it, in this order; empty for one of the kernel's own. */
  readonly modules: readonly string[]
  /** Numbers of its commands, in order; undefined where nobody has asked yet. */
  readonly commands?: readonly number[]
  /** The text of its specification. */
  readonly specification?: string
}

/** What is to be probed, as given on the command line. */
export interface Wanted {
  /** Modules whose families are probed, as the kernel names them; all under test if empty. */
  readonly module: readonly string[]
  /** Families that are probed; all of the modules if empty. */
  readonly family: readonly string[]
}

/**
 * The families to probe: those that the modules under test register, and those of the kernel that are named.
 * @throws UsageError for names that nothing has, and where there is nothing to probe; ModuleError for a module
 *   that is wanted and does not load
 */
export function probedFamilies(
  { registrations, modules, faults, details }: Findings,
  { module, family }: Wanted,
): ProbedFamily[] {
  const missing = module.find(name => !modules.includes(name))
  if (missing !== undefined)
    throw new UsageError(`--module: there is no module ${missing} under test${likely(missing, modules)}`)
  for (const { module: name, refused } of registrations)
    if (refused && (module.length > 0 || family.length === 0))
      throw new ModuleError(`${name} cannot be probed: ${refused.message.split('\n', 1)[0]}`)
  const found = registrations.flatMap(familiesOf)
  const families = family.length === 0 ? found : family.flatMap(name => named(name, found))
  if (families.length > 0) return families
  // A guest that was lost at once tells of no family.
  const [fault] = faults
  if (fault !== undefined) throw new ModuleError(fault, { details })
  const names = registrations.map(registration => registration.module).join(', ')
  throw new UsageError(
    `there is nothing to probe: ${names || 'no module'} registers no family of generic netlink; --family NAME probes one of the kernel`,
  )
}

/**
 * Why modules are not probed that are wanted, a line each: they were lost before they had told what they register. And
 * what the kernel reported meanwhile.
 */
export function notProbed({ registrations, faults }: Findings, { family }: Wanted): string[] {
  const lost = registrations.filter(
    ({ unknown, families }) => unknown !== undefined && families.length === 0 && family.length === 0,
  )
  return [...faults, ...lost.map(({ module, unknown }) => `${module} is not probed: ${unknown}`)]
}

/** The families that a module registers. */
export function familiesOf({ module, families }: Registration): ProbedFamily[] {
  return families.map(({ name, operations }) => ({ name, modules: [module], commands: operations }))
}

/** The modules' families of that name, or else one that the kernel has or loads by itself. */
function named(name: string, found: readonly ProbedFamily[]): ProbedFamily[] {
  const own = found.filter(family => family.name === name)
  return own.length > 0 ? own : [{ name, modules: [] }]
}

function likely(name: string, names: readonly string[]): string {
  if (names.length === 0) return ': none is built'
  const near = nearest(name, names)
  return near === undefined ? `: choose one of ${names.join(', ')}` : `: did you mean ${near}?`
}
