// SPDX-License-Identifier: MIT
/**
 * A program for `probe --describe`: prints what nlctrl tells of families of generic netlink, a line of JSON (a
 * {@link Description}) for each. Its argument is a {@link DescribeRequest} as JSON.
 */
import { writeSync } from 'node:fs'
import { GenericFamilies, KernelError } from '../netlink/index.ts'
import { askFacts, type FamilyFacts } from '../ynl/facts.ts'
import { loadModule, loadNeeded, ModuleError, unloadModule } from './modules.ts'

/** What is to be described. */
export interface DescribeRequest {
  /** Modules to load, one after the other: their families are described. */
  readonly modules: readonly string[]
  /** Only these families, the kernel's own, too; all of the modules if empty. */
  readonly families: readonly string[]
}

/** A family; a module that was not loaded; or a family that is not there, with those that are. */
export type Description =
  | { readonly family: FamilyFacts; readonly module?: string }
  | { readonly refused: string; readonly message: string }
  | { readonly missing: string; readonly known: readonly string[] }

function print(description: Description): void {
  // At once, because the next module may end the machine.
  writeSync(1, `${JSON.stringify(description)}\n`)
}

async function names(): Promise<string[]> {
  using families = GenericFamilies.open()
  return (await families.list()).map(({ name }) => name)
}

async function main({ modules, families }: DescribeRequest): Promise<void> {
  const own = await askAll(families)
  for (const family of own.found) print({ family })
  const missing = new Set(own.missing)
  if (families.length > 0 && missing.size === 0) return
  const known = new Set(await names())
  for (const module of modules) {
    try {
      loadNeeded(module)
      const before = new Set(await names())
      loadModule(module)
      for (const name of await names()) {
        known.add(name)
        if (before.has(name) || (families.length > 0 && !missing.delete(name))) continue
        print({ family: await askFacts(name), module })
      }
      unloadModule(module)
    } catch (error) {
      if (!(error instanceof ModuleError)) throw error
      print({ refused: module, message: error.message })
    }
  }
  for (const name of missing) print({ missing: name, known: [...known].sort() })
}

/** The kernel's own families, and those of modules that it loads by itself. */
async function askAll(names: readonly string[]): Promise<{ found: FamilyFacts[]; missing: string[] }> {
  const found: FamilyFacts[] = []
  const missing: string[] = []
  for (const name of new Set(names)) {
    try {
      found.push(await askFacts(name))
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      missing.push(name)
    }
  }
  return { found, missing }
}

void main(JSON.parse(process.argv[2] ?? '') as DescribeRequest)
