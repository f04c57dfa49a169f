// SPDX-License-Identifier: MIT
/** A family as nlctrl describes it: what a probe knows before it asks the module itself. */
import {
  type AttributePolicy,
  type FamilyPolicies,
  GenericFamilies,
  type GenericFamily,
  type SocketOptions,
} from '../../netlink/index.ts'
import { type OperationFacts, operationFacts, policiesOf } from '../../ynl/facts.ts'

/** Attributes by type. */
export type Policy = ReadonlyMap<number, AttributePolicy>

/** How a command can be asked: for one thing, or for all by NLM_F_DUMP. */
export type Kind = 'do' | 'dump'

/** A command in one of its ways, which may have policies of their own. */
export interface Operation {
  readonly command: number
  readonly kind: Kind
  /** What the kernel asks of the sender before the module hears of a request. */
  readonly privilege: OperationFacts['privilege']
  /** The attributes that it takes; undefined where the kernel tells none, and any may be right. */
  readonly policy: Policy | undefined
}

/** A family of generic netlink, with its policies. */
export interface Family extends GenericFamily {
  /** In the order of commands, each `do` before its `dump`. */
  readonly all: readonly Operation[]
  /** By index: a nest's policy is one of them. */
  readonly policies: FamilyPolicies['policies']
}

/**
 * Asks nlctrl.
 * @param known the same family before its module was loaded again, which has the same policies
 * @throws KernelError ENOENT if there is no such family
 */
export async function askFamily(
  name: string,
  { known, ...options }: SocketOptions & { readonly known?: Family | undefined } = {},
): Promise<Family> {
  using families = GenericFamilies.open(options)
  const family = await families.resolve(name)
  if (known !== undefined) return { ...family, all: known.all, policies: known.policies }
  const told = await policiesOf(families, family)
  const { policies } = told
  const all = operationFacts(family, told).flatMap(operation =>
    (['do', 'dump'] as const).flatMap((kind): Operation[] => {
      const request = operation[kind]
      if (request === undefined) return []
      const { number: command, privilege } = operation
      return [{ command, kind, privilege, policy: policyAt(policies, request.policy) }]
    }),
  )
  return { ...family, all, policies }
}

/** A policy that refuses every attribute is told by its index alone. */
function policyAt(policies: FamilyPolicies['policies'], index: number | undefined): Policy | undefined {
  return index === undefined ? undefined : (policies.get(index) ?? new Map())
}

/** The first number that is no command of the family. */
export function unknownCommand({ operations }: GenericFamily): number | undefined {
  const known = new Set(operations.map(({ id }) => id))
  for (let command = 255; command >= 0; command--) if (!known.has(command)) return command
  return undefined
}
