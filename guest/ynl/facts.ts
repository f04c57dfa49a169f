// SPDX-License-Identifier: MIT
/** What the kernel tells of a family of generic netlink (nlctrl), as plain data. */
import {
  type AttributePolicy,
  type FamilyPolicies,
  GenericFamilies,
  type GenericFamily,
  KernelError,
} from '../netlink/index.ts'

// Flags of operations: include/uapi/linux/genetlink.h
const GENL_ADMIN_PERM = 0x01
const GENL_CMD_CAP_DO = 0x02
const GENL_CMD_CAP_DUMP = 0x04
const GENL_CMD_CAP_HASPOL = 0x08
const GENL_UNS_ADMIN_PERM = 0x10

/** A family. All of it survives JSON. */
export interface FamilyFacts {
  /** Its name in the specification. */
  readonly name: string
  /** The `version` in its genlmsghdrs. */
  readonly version: number
  /** Bytes of a header of its own, after the genlmsghdr. */
  readonly headerSize: number
  /** By number. */
  readonly operations: readonly OperationFacts[]
  /** By number. */
  readonly policies: readonly PolicyFacts[]
  /** The names of its multicast groups. */
  readonly groups: readonly string[]
}

/** An operation. */
export interface OperationFacts {
  /** Its number. */
  readonly number: number
  /** From a specification. */
  readonly name?: string
  /** `admin`: CAP_NET_ADMIN in the first user namespace; `namespace admin`: in that of the network namespace. */
  readonly privilege: 'none' | 'admin' | 'namespace admin'
  /** Whether it answers single requests. */
  readonly do?: RequestFacts
  /** Whether it answers dumps. */
  readonly dump?: RequestFacts
}

/** The attributes of a request. */
export interface RequestFacts {
  /** The number of its policy; absent where the kernel tells none, and any attribute may be right. */
  readonly policy?: number
}

/** The attributes that are taken; of types that are not in it none is. */
export interface PolicyFacts {
  /** Its number. */
  readonly number: number
  /** By type. */
  readonly attributes: readonly AttributeFacts[]
}

/** What is demanded of an attribute. Numbers of 64 bits are decimal. */
export interface AttributeFacts {
  /** Its type (nla_type). */
  readonly value: number
  /** From a specification. */
  readonly name?: string
  /** NL_ATTR_TYPE_ without its prefix: `U32`, `NUL_STRING`, `NESTED` ... */
  readonly type: string
  /** The least value of an integer. */
  readonly minimum?: string
  /** The greatest value of an integer. */
  readonly maximum?: string
  /** Bytes. */
  readonly minimumLength?: number
  /** The greatest number of bytes. */
  readonly maximumLength?: number
  /** Valid bits. */
  readonly mask?: string
  /** The number of the policy of what is in it. */
  readonly policy?: number
}

/** Asks nlctrl. @throws KernelError ENOENT if there is no such family */
export async function askFacts(name: string): Promise<FamilyFacts> {
  using families = GenericFamilies.open()
  return await factsIn(families, await families.resolve(name))
}

/** The facts of a family that these have resolved. */
export async function factsIn(families: GenericFamilies, family: GenericFamily): Promise<FamilyFacts> {
  return factsOf(family, await policiesOf(families, family))
}

/** The policies of a family: none where no operation has one (ENODATA), or before 5.7 (EOPNOTSUPP). */
export async function policiesOf(
  families: GenericFamilies,
  { name }: Pick<GenericFamily, 'name'>,
): Promise<FamilyPolicies> {
  try {
    return await families.policies(name)
  } catch (error) {
    if (!(error instanceof KernelError && ['ENODATA', 'EOPNOTSUPP'].includes(error.code))) throw error
    return { policies: new Map(), operations: new Map() }
  }
}

/** The operations of a family, by number, and what their flags say. */
export function operationFacts(
  { operations }: Pick<GenericFamily, 'operations'>,
  told: Pick<FamilyPolicies, 'operations'>,
): OperationFacts[] {
  return operations
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, flags }): OperationFacts => {
      const request = (kind: 'do' | 'dump'): RequestFacts => {
        const policy = told.operations.get(id)?.[kind]
        return flags & GENL_CMD_CAP_HASPOL && policy !== undefined ? { policy } : {}
      }
      return {
        number: id,
        privilege:
          flags & GENL_ADMIN_PERM ? 'admin' : flags & GENL_UNS_ADMIN_PERM ? 'namespace admin' : 'none',
        ...(flags & GENL_CMD_CAP_DO && { do: request('do') }),
        ...(flags & GENL_CMD_CAP_DUMP && { dump: request('dump') }),
      }
    })
}

/** The facts of a family. */
export function factsOf(family: GenericFamily, told: FamilyPolicies): FamilyFacts {
  const operations = operationFacts(family, told)
  // a policy that takes nothing is told by its number alone
  const used = operations.flatMap(it => [it.do?.policy, it.dump?.policy]).filter(it => it !== undefined)
  const numbers = [...new Set([...told.policies.keys(), ...used])].sort((a, b) => a - b)
  return {
    name: family.name,
    version: family.version,
    headerSize: family.headerSize,
    operations,
    policies: numbers.map(number => ({
      number,
      attributes: [...(told.policies.get(number) ?? [])]
        .sort(([a], [b]) => a - b)
        .map(([value, policy]) => attributeFacts(value, policy)),
    })),
    groups: [...family.groups.keys()],
  }
}

function attributeFacts(value: number, policy: AttributePolicy): AttributeFacts {
  const { type = 'INVALID', minimum, maximum, minimumLength, maximumLength, policyIndex } = policy
  const mask = policy.mask ?? policy.bitfieldMask
  return {
    value,
    type,
    ...(minimum !== undefined && { minimum: `${minimum}` }),
    ...(maximum !== undefined && { maximum: `${maximum}` }),
    ...(minimumLength !== undefined && { minimumLength }),
    ...(maximumLength !== undefined && { maximumLength }),
    ...(mask !== undefined && { mask: `${mask}` }),
    ...(policyIndex !== undefined && { policy: policyIndex }),
  }
}
