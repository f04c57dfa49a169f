// SPDX-License-Identifier: MIT
/** A family as nlctrl describes it: what a probe knows before it asks the module itself. */
import {
  type AttributePolicy,
  type FamilyPolicies,
  GenericFamilies,
  type GenericFamily,
  KernelError,
  type SocketOptions,
} from '../../netlink/index.ts'

// Flags of operations: include/uapi/linux/genetlink.h
const GENL_ADMIN_PERM = 0x01
const GENL_CMD_CAP_DO = 0x02
const GENL_CMD_CAP_DUMP = 0x04
const GENL_CMD_CAP_HASPOL = 0x08
const GENL_UNS_ADMIN_PERM = 0x10

/** Attributes by type. */
export type Policy = ReadonlyMap<number, AttributePolicy>

/** How a command can be asked: for one thing, or for all by NLM_F_DUMP. */
export type Kind = 'do' | 'dump'

/** A command in one of its ways, which may have policies of their own. */
export interface Operation {
  readonly command: number
  readonly kind: Kind
  /** What the kernel asks of the sender before the module hears of a request. */
  readonly privilege: 'none' | 'admin' | 'namespace admin'
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

/** Asks nlctrl. @throws KernelError ENOENT if there is no such family */
export async function askFamily(name: string, options: SocketOptions = {}): Promise<Family> {
  using families = GenericFamilies.open(options)
  const family = await families.resolve(name)
  const { policies, operations } = await families.policies(name).catch(withoutPolicies)
  const all = family.operations
    .toSorted((a, b) => a.id - b.id)
    .flatMap(({ id, flags }) => {
      const named = operations.get(id)
      const of = (kind: Kind): Operation => ({
        command: id,
        kind,
        privilege: privilegeOf(flags),
        policy: flags & GENL_CMD_CAP_HASPOL ? policyAt(policies, named?.[kind]) : undefined,
      })
      return [
        ...(flags & GENL_CMD_CAP_DO ? [of('do')] : []),
        ...(flags & GENL_CMD_CAP_DUMP ? [of('dump')] : []),
      ]
    })
  return { ...family, all, policies }
}

/** ENODATA: no operation has a policy. */
function withoutPolicies(error: unknown): FamilyPolicies {
  if (!(error instanceof KernelError && ['ENODATA', 'EOPNOTSUPP'].includes(error.code))) throw error
  return { policies: new Map(), operations: new Map() }
}

/** A policy that refuses every attribute is told by its index alone. */
function policyAt(policies: FamilyPolicies['policies'], index: number | undefined): Policy | undefined {
  return index === undefined ? undefined : (policies.get(index) ?? new Map())
}

function privilegeOf(flags: number): Operation['privilege'] {
  if (flags & GENL_ADMIN_PERM) return 'admin'
  return flags & GENL_UNS_ADMIN_PERM ? 'namespace admin' : 'none'
}

/** The first number that is no command of the family. */
export function unknownCommand({ operations }: GenericFamily): number | undefined {
  const known = new Set(operations.map(({ id }) => id))
  for (let command = 255; command >= 0; command--) if (!known.has(command)) return command
  return undefined
}
