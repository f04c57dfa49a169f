// SPDX-License-Identifier: MIT
/**
 * The families of generic netlink, from the family nlctrl: enum CTRL_CMD_* and CTRL_ATTR_* of
 * include/uapi/linux/genetlink.h; Documentation/netlink/specs/nlctrl.yaml.
 */
import { parseAttributes } from '../codec/attribute.ts'
import { GENL_ID_CTRL, NETLINK_GENERIC } from '../codec/constants.ts'
import { MalformedError, NetlinkError } from '../codec/errors.ts'
import { KernelError } from '../codec/kernel-error.ts'
import type { Message } from '../codec/message.ts'
import { type AttributePolicy, parsePolicy } from '../codec/policy.ts'
import { attributes, nested, nestedArray, nestedMap, payload } from '../codec/schema.ts'
import { string, u16, u32, type Value } from '../codec/value.ts'
import { OverflowError } from '../socket/errors.ts'
import { nextIdentity } from '../socket/identity.ts'
import type { SocketOptions } from '../socket/options.ts'
import { Socket } from '../socket/socket.ts'
import type { WaitOptions } from '../socket/wait.ts'
import { genlmsghdr } from './header.ts'

const CTRL_CMD_NEWFAMILY = 1
const CTRL_CMD_GETFAMILY = 3
const CTRL_CMD_GETPOLICY = 10
/** The version of nlctrl; it answers requests with version 1 without operations and groups. */
const VERSION = 2
/** nlctrl's group 'notify' has the number of its family. */
const NOTIFY_GROUP = GENL_ID_CTRL

/** The policy of one attribute, NL_POLICY_TYPE_ATTR_*. */
const attributePolicy: Value<AttributePolicy> = {
  kind: 'policy',
  read: (buffer, start, end) => parsePolicy(parseAttributes(buffer.subarray(0, end), start)),
  write: () => {
    throw new TypeError('policies are only read')
  },
}

/** The schema of nlctrl's messages. */
export const nlctrl = payload(
  genlmsghdr,
  attributes({
    familyId: [1, u16],
    familyName: [2, string],
    version: [3, u32],
    headerSize: [4, u32],
    maximumAttribute: [5, u32],
    operations: [6, nestedArray(nested(attributes({ id: [1, u32], flags: [2, u32] })))],
    groups: [7, nestedArray(nested(attributes({ name: [1, string], id: [2, u32] })))],
    policies: [8, nestedMap(nestedMap(attributePolicy))],
    operationPolicies: [9, nestedMap(nested(attributes({ do: [1, u32], dump: [2, u32] })))],
    operation: [10, u32],
  }),
)

/** A family of generic netlink. */
export interface GenericFamily {
  /** Its messages' nlmsg_type. */
  readonly id: number
  /** At most 15 bytes (GENL_NAMSIZ). */
  readonly name: string
  /** The `version` in the genlmsghdr of its messages. */
  readonly version: number
  /** Bytes of a header of its own, after the genlmsghdr; 0 for nearly all. */
  readonly headerSize: number
  /** The highest type of its attributes; 0 if each command has a policy of its own. */
  readonly maximumAttribute: number
  /** Its commands, with GENL_ADMIN_PERM, GENL_CMD_CAP_DO, _DUMP, _HASPOL and so on as flags. */
  readonly operations: readonly { readonly id: number; readonly flags: number }[]
  /** Its multicast groups: numbers to join, by name. */
  readonly groups: ReadonlyMap<string, number>
}

/** The policies of a family: CTRL_CMD_GETPOLICY. */
export interface FamilyPolicies {
  /** Policies by number, each by attribute type. A `policyIndex` names the policy of a nest. */
  readonly policies: ReadonlyMap<number, ReadonlyMap<number, AttributePolicy>>
  /** The policies of each command, for single requests and for dumps. */
  readonly operations: ReadonlyMap<number, { readonly do?: number; readonly dump?: number }>
}

/**
 * Finds families of generic netlink by name. Families are kept until the kernel reports a change: this has a
 * socket in nlctrl's group 'notify', which costs a non-blocking receive for each look-up.
 *
 *     using families = GenericFamilies.open()
 *     const family = await families.resolve('ethtool')
 *     socket.join(await families.group('ethtool', 'monitor'))
 */
export class GenericFamilies implements Disposable {
  /** Unique in this process: two objects are never equal in comparisons. */
  readonly identity: number = nextIdentity()
  readonly #socket: Socket
  readonly #known = new Map<string, GenericFamily>()

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  /** @throws SystemCallError */
  static open(options: SocketOptions = {}): GenericFamilies {
    const memberships = [...(options.memberships ?? []), NOTIFY_GROUP]
    return new GenericFamilies(Socket.open(NETLINK_GENERIC, { ...options, memberships }))
  }

  /**
   * The family of that name. The kernel loads the module that provides it, if it can.
   * @throws KernelError ENOENT if there is none
   */
  async resolve(name: string, options: WaitOptions = {}): Promise<GenericFamily> {
    this.#forgetChanged()
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const replies = await this.#socket
      .request(
        { type: GENL_ID_CTRL },
        nlctrl.encode({
          header: { command: CTRL_CMD_GETFAMILY, version: VERSION },
          attributes: { familyName: name },
        }),
        { ...options, schema: nlctrl },
      )
      .catch((error: unknown) => {
        throw about(name, error)
      })
    const [reply] = replies
    if (reply === undefined) throw new NetlinkError(`nlctrl acknowledged without telling about ${name}`)
    return this.#remember(reply)
  }

  /**
   * The number of a family's group.
   * @throws KernelError ENOENT if there is no such family, NetlinkError if it has no such group
   */
  async group(family: string, group: string, options: WaitOptions = {}): Promise<number> {
    const { groups } = await this.resolve(family, options)
    const id = groups.get(group)
    if (id !== undefined) return id
    const names = [...groups.keys()].join(', ')
    throw new NetlinkError(`${family} has no group ${group}, only ${names || 'none at all'}`)
  }

  /** All families. */
  async list(options: WaitOptions = {}): Promise<GenericFamily[]> {
    this.#forgetChanged()
    const dump = this.#socket.dump(
      { type: GENL_ID_CTRL },
      nlctrl.encode({ header: { command: CTRL_CMD_GETFAMILY, version: VERSION } }),
      { ...options, schema: nlctrl },
    )
    return (await dump.collect()).map(message => this.#remember(message))
  }

  /**
   * The policies of a family; kernels from 5.10 on also have those of each command.
   * @param operation only the policies of this command
   * @throws KernelError ENOENT if there is no such family, ENODATA if it has no policies
   */
  async policies(
    name: string,
    { operation, ...options }: WaitOptions & { readonly operation?: number } = {},
  ): Promise<FamilyPolicies> {
    const dump = this.#socket.dump(
      { type: GENL_ID_CTRL },
      nlctrl.encode({
        header: { command: CTRL_CMD_GETPOLICY, version: VERSION },
        attributes: { familyName: name, ...(operation !== undefined && { operation }) },
      }),
      { ...options, schema: nlctrl },
    )
    const policies = new Map<number, Map<number, AttributePolicy>>()
    const operations = new Map<number, { do?: number; dump?: number }>()
    const messages = await dump.collect().catch((error: unknown) => {
      throw about(name, error)
    })
    for (const message of messages) {
      const { attributes } = nlctrl.decode(message)
      // each policy comes in one message or several
      for (const [index, part] of attributes.policies ?? [])
        policies.set(index, new Map([...(policies.get(index) ?? []), ...part]))
      // asked for alone, a command that only dumps has the number 0 (ctrl_dumppolicy_put_op() of 6.18)
      for (const [command, indices] of attributes.operationPolicies ?? [])
        operations.set(operation !== undefined && command === 0 ? operation : command, indices)
    }
    return { policies, operations }
  }

  /** Closes its socket. */
  close(): void {
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #remember(message: Message): GenericFamily {
    const family = parseFamily(message)
    this.#known.set(family.name, family)
    return family
  }

  /** Takes the notifications that have come, and forgets the families that they are about. */
  #forgetChanged(): void {
    for (;;) {
      try {
        const datagram = this.#socket.receiveNow()
        if (datagram === undefined) return
        // privileged processes may send to this socket too
        if (datagram.portId !== 0) continue
        for (const message of datagram.messages()) {
          const { familyName, familyId } = nlctrl.decode(message).attributes
          for (const { name, id } of [...this.#known.values()])
            if (name === familyName || id === familyId) this.#known.delete(name)
        }
      } catch (error) {
        // lost or malformed notifications were about families too
        if (!(error instanceof OverflowError || error instanceof MalformedError)) throw error
        this.#known.clear()
      }
    }
  }
}

/** A refusal of nlctrl with the name of the family; other errors unchanged. */
function about(name: string, error: unknown): unknown {
  return error instanceof KernelError
    ? new KernelError(error.answer, error.paths, `the generic netlink family ${name}`)
    : error
}

/** Reads a message of nlctrl about a family. */
function parseFamily(message: Message): GenericFamily {
  const { header, attributes } = nlctrl.decode(message)
  const { familyId: id, familyName: name } = attributes
  if (header.command !== CTRL_CMD_NEWFAMILY || id === undefined || name === undefined)
    throw new MalformedError('a family without its id or name', 0)
  const groups = new Map<string, number>()
  for (const group of attributes.groups ?? [])
    if (group.name !== undefined && group.id !== undefined) groups.set(group.name, group.id)
  return {
    id,
    name,
    version: attributes.version ?? 0,
    headerSize: attributes.headerSize ?? 0,
    maximumAttribute: attributes.maximumAttribute ?? 0,
    operations: (attributes.operations ?? []).map(({ id = 0, flags = 0 }) => ({ id, flags })),
    groups,
  }
}
