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
 * @throws HarnessError for what is not the modules' fault: no guest, for instance
 */
export async function moduleFacts(prepared: PreparedKernel): Promise<KernelFacts> {
  const { built } = prepared.delivery
  const names = [...built.keys()].sort()
  const { registrations, faults, details } = await registrationsOf(prepared, names)
  const modules: [string, ModuleFacts][] = []
  for (const name of names) {
    const { file, exports } = built.get(name) as BuiltModule
    const registration = registrations.get(name)
    modules.push([
      name,
      { ...moduleFile(await readFile(file)), exports, ...(registration && { registration }) },
    ])
  }
  return {
    kernel: prepared.label,
    modules: Object.fromEntries(modules),
    messages: messagesOf([...built.values()]),
    ...(await checksOf(prepared)),
    faults,
    details,
  }
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

/** A module that ends its guest takes those after it along: they are loaded in another. */
async function registrationsOf(prepared: PreparedKernel, names: readonly string[]): Promise<Registrations> {
  const found = new Map<string, Registration>()
  const faults: string[] = []
  const details: string[] = []
  for (let left = names; left.length > 0; ) {
    const findings = await registrationsIn(prepared, { only: left, closely: true })
    faults.push(...findings.faults)
    details.push(findings.details)
    const [lost, ...others] = findings.registrations.filter(({ unknown }) => unknown !== undefined)
    for (const each of findings.registrations) if (!others.includes(each)) found.set(each.module, each)
    left = lost === undefined ? [] : others.map(({ module }) => module)
  }
  return { registrations: found, faults, details: details.filter(Boolean).join('\n\n') }
}
