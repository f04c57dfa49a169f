// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { commonFolder } from '../../../kernel/build/module-sources.ts'
import { WrongOrder } from '../../../kernel/build/undefined-symbols.ts'
import { ExitStatus, type HarnessError } from '../../base/errors.ts'
import type { Findings } from '../../session/registrations.ts'
import { kernelTargets } from './kernel-targets.ts'
import { missingSource } from './missing-source.ts'
import type { ModuleEntry } from './plan.ts'

/** A way to build a project's modules, and what came of it. */
export interface FoundBuild {
  readonly modules: readonly ModuleEntry[]
  readonly findings: Findings
}

/** Folders of modules that need nothing else. */
export function plainly(folders: readonly string[]): ModuleEntry[] {
  return folders.map(dir => ({ dir, sources: [] }))
}

/**
 * Finds out how a project's modules build: as they are, with headers of the project that the build lacks, and
 * else by a target of a Makefile of their own.
 * @param folders those of the modules, relative to the project
 * @param look builds them in this way, and looks at what they register
 * @param note tells why something else is tried
 * @returns the first way that leads to modules; without one, the first of all
 */
export async function findBuild(
  project: string,
  folders: readonly string[],
  look: (modules: readonly ModuleEntry[]) => Promise<Findings>,
  note: (line: string) => void,
): Promise<FoundBuild> {
  const tryOut = async (given: readonly ModuleEntry[]): Promise<FoundBuild> => {
    let modules = given
    let findings = await look(modules)
    const orders = new Set([dirsOf(modules).join()])
    // For as long as that helps.
    for (;;) {
      const { broken } = findings
      const sorted = broken instanceof WrongOrder ? inOrder(project, modules, broken) : undefined
      const more = missingSource(project, dirsOf(modules), broken?.details ?? '')
      if (sorted !== undefined && !orders.has(dirsOf(sorted).join())) {
        orders.add(dirsOf(sorted).join())
        note(`${broken?.message}: trying in this order`)
        modules = sorted
      } else if (more !== undefined && !modules.some(({ sources }) => sources.includes(more))) {
        note(`${reasonOf(broken)}: trying with sources: ${more}`)
        modules = modules.map(each => ({ ...each, sources: [...each.sources, more] }))
      } else return { modules, findings }
      findings = await look(modules)
    }
  }
  const first = await tryOut(plainly(folders))
  let reason = reasonOf(first.findings.broken)
  for (const modules of isOver(first) ? [] : waysByTarget(project, folders)) {
    const named = modules.map(({ dir, target }) => `${target} of ${path.join(dir, 'Makefile')}`)
    note(`${reason}: trying make ${named.join(', ')}`)
    const found = await tryOut(modules)
    if (isOver(found)) return found
    reason = `make ${modules[0]?.target} does not build it either: ${reasonOf(found.findings.broken)}`
  }
  return first
}

/** The modules with a folder before the one that uses its symbols. */
function inOrder(project: string, modules: readonly ModuleEntry[], { user, exporter }: WrongOrder) {
  const is = (place: string) => (each: ModuleEntry) => path.join(project, each.dir) === place
  const first = modules.filter(is(exporter))
  const others = modules.filter(each => !first.includes(each))
  return others.toSpliced(others.findIndex(is(user)), 0, ...first)
}

/** Whether nothing else is to be tried: it builds, or the machine cannot build. */
function isOver({ findings: { broken } }: FoundBuild): boolean {
  return broken === undefined || broken.status === ExitStatus.machinery
}

/** Why a build failed, in a line. */
function reasonOf(broken: HarnessError | undefined): string {
  const error = broken?.details?.split('\n').find(line => /\berror\b|\*\*\*/i.test(line))
  return error?.trim() ?? broken?.message ?? ''
}

/** The targets that call the kernel's build: of the folders' own Makefiles, and of those above all of them. */
function waysByTarget(project: string, folders: readonly string[]): ModuleEntry[][] {
  const ways: ModuleEntry[][] = []
  const own = folders.map(dir => ({ dir, target: targetsOf(project, dir)[0] }))
  if (folders.length > 1 && own.every(each => each.target !== undefined))
    ways.push(own.map(({ dir, target = '' }) => ({ dir, sources: [], target })))
  const places = folders.map(dir => path.join(project, dir))
  for (let dir = path.relative(project, commonFolder(places)) || '.'; ; dir = path.dirname(dir)) {
    if (!dir.startsWith('..'))
      ways.push(...targetsOf(project, dir).map(target => [{ dir, sources: [], target }]))
    if (dir === '.' || dir.startsWith('..')) return ways
  }
}

function targetsOf(project: string, dir: string): string[] {
  const makefile = path.join(project, dir, 'Makefile')
  return existsSync(makefile) ? kernelTargets(readFileSync(makefile, 'utf8')) : []
}

function dirsOf(modules: readonly ModuleEntry[]): string[] {
  return modules.map(({ dir }) => dir)
}
