// SPDX-License-Identifier: MIT
/** What has changed in what modules are, on one kernel. */
import type { VisibleFamily } from '../../../guest/testing/registration.ts'
import type { FamilyFacts } from '../../../guest/ynl/facts.ts'
import type { Finding } from '../finding.ts'
import { type Change, changed, paired, unequal, withoutAddresses, withRenamed } from './changes.ts'
import type { KernelFacts, ModuleFacts } from './facts.ts'
import { familyChanges } from './family-changes.ts'
import { fileChanges } from './file-changes.ts'
import { loadingChanges, outcomeOf } from './loading-changes.ts'
import { messageChanges } from './message-changes.ts'

/**
 * The findings, in the order of findingKinds within each module; none for facts of the same modules. What only
 * words tell, what a module uses of the kernel, small sizes and warnings that are gone do not matter.
 * @param named gives operations and attributes the names of a specification; by default they have numbers
 */
export function factFindings(
  base: KernelFacts,
  head: KernelFacts,
  named: (family: VisibleFamily) => FamilyFacts = family => family,
): Finding[] {
  const modules = paired(entriesOf(base), entriesOf(head), ([name]) => name)
  const withNames = (family: VisibleFamily) => ({ ...family, ...named(family) })
  const families = pairedFamilies(base, head)
  const changes: Change[] = [
    ...modules.gone.flatMap(([name]) => changed('module', name, 'built', undefined)),
    ...modules.fresh.flatMap(([name]) => changed('module', name, undefined, 'built')),
    ...families.renamed.flatMap(([was, is]) =>
      changed('family', `${is.module}: the name of a family`, was.family.name, is.family.name),
    ),
    ...families.gone.flatMap(({ family, module }) =>
      changed('family', family.name, `registered by ${module}`, undefined),
    ),
    ...families.fresh.flatMap(({ family, module }) =>
      changed('family', family.name, undefined, `registered by ${module}`),
    ),
    ...[...families.renamed, ...families.both].flatMap(([was, is]) => [
      ...changed('family', `${is.family.name}: its module`, was.module, is.module),
      ...familyChanges(withNames(was.family), withNames(is.family)),
    ]),
    ...modules.both.flatMap(([[name, was], [, is]]) => [
      ...(was.registration && is.registration ? loadingChanges(name, was.registration, is.registration) : []),
      ...fileChanges(name, was, is),
    ]),
    ...faultChanges(base, head),
    ...messageChanges('compiler', base.messages, head.messages),
    ...head.checks.flatMap(({ tool, messages }) => {
      const before = base.checks.find(check => check.tool === tool)
      return before ? messageChanges(tool, before.messages, messages) : []
    }),
  ]
  return changes.map(change => ({ ...change, kernel: head.kernel }))
}

/** Families by their names; the only one of a module that is gone may have another name now. */
function pairedFamilies(base: KernelFacts, head: KernelFacts) {
  const all = paired(familiesOf(base), familiesOf(head), ({ family }) => family.name)
  // Of a module that is not loaded that is told.
  const isUnloaded = ({ modules }: KernelFacts, module: string) => {
    const registration = modules[module]?.registration
    return registration !== undefined && outcomeOf(registration) !== undefined
  }
  const gone = all.gone.filter(({ module }) => !isUnloaded(head, module))
  const fresh = all.fresh.filter(({ module }) => !isUnloaded(base, module))
  const modules = new Set([...gone, ...fresh].map(({ module }) => module))
  const ofModules = [...modules].map(name =>
    withRenamed({
      gone: gone.filter(({ module }) => module === name),
      fresh: fresh.filter(({ module }) => module === name),
    }),
  )
  return {
    gone: ofModules.flatMap(each => each.gone),
    fresh: ofModules.flatMap(each => each.fresh),
    renamed: ofModules.flatMap(each => each.renamed),
    both: all.both,
  }
}

/** Modules of which nothing is compared but their files, a line each. */
export function notLoaded(base: KernelFacts, head: KernelFacts): string[] {
  return paired(entriesOf(base), entriesOf(head), ([name]) => name).both.flatMap(([[name, was], [, is]]) => {
    const [before, why] = [was, is].map(({ registration }) => registration && outcomeOf(registration))
    return before === undefined || why === undefined
      ? []
      : [`${name} loads on neither side (${why}): what it does is not compared`]
  })
}

/** Times and lines of sources may be others in each guest, or version. */
const wordsOf = (fault: string) => withoutAddresses(fault).replace(/\d+/g, '…')

/**
 * Whether what went wrong may be the machine's doing: a guest that stands still reports a stall. Then both sides
 * are looked at again.
 */
export function differInFaults(base: KernelFacts, head: KernelFacts): boolean {
  const { gone, fresh } = unequal(base.faults, head.faults, wordsOf)
  const lost = ({ modules }: KernelFacts) =>
    JSON.stringify(Object.keys(modules).filter(name => modules[name]?.registration?.unknown !== undefined))
  return gone.length + fresh.length > 0 || lost(base) !== lost(head)
}

/** Of two looks at the same modules the one in which less went wrong: what always does, does in both. */
export function withFewerFaults(one: KernelFacts, other: KernelFacts): KernelFacts {
  const lost = ({ modules, faults }: KernelFacts) =>
    faults.length + Object.values(modules).filter(each => each.registration?.unknown !== undefined).length
  return lost(other) < lost(one) ? other : one
}

function faultChanges(base: KernelFacts, head: KernelFacts): Change[] {
  const { gone, fresh } = unequal(base.faults, head.faults, wordsOf)
  const where = 'loading and unloading the modules'
  return [
    ...gone.flatMap(fault => changed('splat', where, fault, undefined, { show: base.details })),
    ...fresh.flatMap(fault => changed('splat', where, undefined, fault, { show: head.details })),
  ]
}

function entriesOf({ modules }: KernelFacts): [string, ModuleFacts][] {
  return Object.entries(modules)
}

function familiesOf(facts: KernelFacts): { readonly family: VisibleFamily; readonly module: string }[] {
  return entriesOf(facts).flatMap(([module, { registration }]) =>
    (registration?.appearance?.families ?? []).map(family => ({ family, module })),
  )
}
