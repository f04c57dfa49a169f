// SPDX-License-Identifier: MIT
/** What modules are: their files, what compilers say of them, and what is seen when they are loaded. */
import { readFile } from 'node:fs/promises'
import type { Registration } from '../../../guest/testing/registration.ts'
import type { BuiltModule } from '../../../kernel/build/build-modules.ts'
import { isInstalled } from '../../../kernel/build/check-modules.ts'
import type { ExportedSymbol } from '../../../kernel/build/exported-symbols.ts'
import { ModuleError } from '../../base/errors.ts'
import { lastLines } from '../../base/process.ts'
import type { PreparedKernel } from '../../prepare/prepare.ts'
import { registrationsIn } from '../../session/registrations.ts'
import { checkerMessages, isLost, type Message, messagesIn } from './messages.ts'
import { type ModuleFile, moduleFile } from './module-file.ts'

/** The modules that are built for a kernel. All of it survives JSON. */
export interface KernelFacts {
  /** The kernel's label. */
  readonly kernel: string
  /** By name, in order. */
  readonly modules: Readonly<Record<string, ModuleFacts>>
  /** Warnings of compiler and modpost. */
  readonly messages: readonly Message[]
  /** Those of each tool that checks sources and is installed. */
  readonly checks: readonly Check[]
  /** What is not known, a line each. */
  readonly notes: readonly string[]
  /** What a kernel or a module did wrong while they were loaded, a line each, and the kernel's reports. */
  readonly faults: readonly string[]
  readonly details: string
}

/** A module. */
export interface ModuleFacts extends ModuleFile {
  readonly exports: readonly ExportedSymbol[]
  /** What is seen when it is loaded; undefined if it was not tried. */
  readonly registration?: Registration
}

/** What a tool says of sources. */
export interface Check {
  /** Its name: `sparse`. */
  readonly tool: string
  readonly messages: readonly Message[]
}

/**
 * The facts of the modules that a kernel is prepared with: each is loaded and unloaded twice in a guest.
 * @param known facts on the same kernel: if all modules are the same to it, what is seen of them is taken from
 *   there, and none is loaded
 * @throws HarnessError for what is not the modules' fault: no guest, for instance
 */
export async function moduleFacts(prepared: PreparedKernel, known?: KernelFacts): Promise<KernelFacts> {
  const { built } = prepared.delivery
  const modules = new Map<string, Omit<ModuleFacts, 'registration'>>()
  for (const [name, { file, exports }] of [...built].sort(([a], [b]) => (a < b ? -1 : 1)))
    modules.set(name, { ...moduleFile(await readFile(file)), exports })
  const names = [...modules.keys()]
  const seen =
    known && haveSameModules(known, modules) ? seenIn(known) : await registrationsOf(prepared, names)
  const { registrations, faults, details } = seen
  const withRegistrations = [...modules].map(([name, module]) => {
    const registration = registrations.get(name)
    return [name, { ...module, ...(registration && { registration }) }] as const
  })
  return {
    kernel: prepared.label,
    modules: Object.fromEntries(withRegistrations),
    messages: messagesOf([...built.values()]),
    ...(await checksOf(prepared)),
    faults,
    details,
  }
}

function haveSameModules(
  { modules }: KernelFacts,
  others: ReadonlyMap<string, Pick<ModuleFacts, 'identity'>>,
): boolean {
  const names = Object.keys(modules)
  return (
    names.length === others.size &&
    names.every(name => modules[name]?.identity === others.get(name)?.identity)
  )
}

function seenIn({ modules, faults, details }: KernelFacts): Registrations {
  const registrations = Object.entries(modules).flatMap(([name, { registration }]) =>
    registration ? [[name, registration] as const] : [],
  )
  return { registrations: new Map(registrations), faults, details }
}

/** Smatch, which distributions do not have, is not missed. */
async function checksOf({ label, delivery }: PreparedKernel): Promise<Pick<KernelFacts, 'checks' | 'notes'>> {
  const checks: Check[] = []
  const notes = isInstalled('sparse') ? [] : ['sparse is not installed: it checks no sources']
  for (const tool of ['sparse', 'smatch'] as const) {
    if (!isInstalled(tool)) continue
    try {
      const lines = await delivery.checked(tool)
      if (isLost(lines)) notes.push(`${tool} does not know the headers of ${label}: a newer one may`)
      else checks.push({ tool, messages: checkerMessages(lines) })
    } catch (error) {
      if (!(error instanceof ModuleError)) throw error
      notes.push(`${tool} does not check the sources for ${label}: ${lastLines(error.details ?? '', 1)}`)
    }
  }
  return { checks, notes }
}

/** The modules of a folder have the lines of its build in common. */
function messagesOf(modules: readonly BuiltModule[]): Message[] {
  return [...new Set(modules.map(({ lines }) => lines))].flatMap(messagesIn)
}

interface Registrations {
  readonly registrations: ReadonlyMap<string, Registration>
  readonly faults: readonly string[]
  readonly details: string
}

async function registrationsOf(prepared: PreparedKernel, names: readonly string[]): Promise<Registrations> {
  const { registrations, faults, details } = await registrationsIn(prepared, { only: names, closely: true })
  return { registrations: new Map(registrations.map(each => [each.module, each])), faults, details }
}
