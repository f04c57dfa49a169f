// SPDX-License-Identifier: MIT
/** Generic netlink: sockets, and the messages of nlctrl about families. */
import {
  type Attribute,
  type AttributePolicy,
  attr,
  encodeGenericHeader,
  findAttribute,
  GENL_HDRLEN,
  GENL_ID_CTRL,
  KernelError,
  type Message,
  NETLINK_GENERIC,
  parseGenericHeader,
  parsePolicy,
  Socket,
  type SocketOptions,
} from '../netlink/index.ts'
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_ATTR_HDRSIZE,
  CTRL_ATTR_MAXATTR,
  CTRL_ATTR_MCAST_GROUPS,
  CTRL_ATTR_MCAST_GRP_ID,
  CTRL_ATTR_MCAST_GRP_NAME,
  CTRL_ATTR_OP_FLAGS,
  CTRL_ATTR_OP_ID,
  CTRL_ATTR_OP_POLICY,
  CTRL_ATTR_OPS,
  CTRL_ATTR_POLICY,
  CTRL_ATTR_VERSION,
  CTRL_CMD_GETFAMILY,
} from '../programs/nlctrl.ts'

export {
  CTRL_CMD_DELFAMILY,
  CTRL_CMD_DELMCAST_GRP,
  CTRL_CMD_GETFAMILY,
  CTRL_CMD_GETPOLICY,
  CTRL_CMD_NEWFAMILY,
  CTRL_CMD_NEWMCAST_GRP,
} from '../programs/nlctrl.ts'

/** A socket for generic netlink. Extended acknowledgements are off, the kernel's default, unless given. */
export function openGeneric(options: SocketOptions = {}): Socket {
  return Socket.open(NETLINK_GENERIC, { extendedAck: false, ...options })
}

/** The content of a message of nlctrl; what it does not have is absent. */
export interface ControlMessage {
  /** CTRL_CMD_* */
  readonly command: number
  /** The family's name. */
  readonly name?: string
  /** The family's number, which is the type of its messages. */
  readonly id?: number
  /** The family's version. */
  readonly version?: number
  /** Bytes of a header of its own after the genlmsghdr. */
  readonly headerSize?: number
  /** The highest type of its attributes; 0 if each command has a policy of its own. */
  readonly maxAttribute?: number
  /** Commands and their flags (GENL_CMD_CAP_*), by number. */
  readonly operations?: readonly { readonly id: number; readonly flags: number }[]
  /** Group numbers by name. */
  readonly groups?: Readonly<Record<string, number>>
  /** In a policy dump: the policies of each command, by kind of request (CTRL_ATTR_POLICY_DO is 1). */
  readonly commandPolicies?: Readonly<Record<number, Readonly<Record<number, number>>>>
  /** In a policy dump: attributes by policy and type. */
  readonly policies?: Readonly<Record<number, Readonly<Record<number, AttributePolicy>>>>
}

/** Reads a message of nlctrl. @throws MalformedError */
export function parseControl(message: Message): ControlMessage {
  const attributes = message.attributes(GENL_HDRLEN)
  const read = <T>(type: number, how: (attribute: Attribute) => T): T | undefined => {
    const attribute = findAttribute(attributes, type)
    return attribute && how(attribute)
  }
  return withoutAbsent({
    command: parseGenericHeader(message).command,
    name: read(CTRL_ATTR_FAMILY_NAME, attribute => attribute.string()),
    id: read(CTRL_ATTR_FAMILY_ID, attribute => attribute.u16()),
    version: read(CTRL_ATTR_VERSION, attribute => attribute.u32()),
    headerSize: read(CTRL_ATTR_HDRSIZE, attribute => attribute.u32()),
    maxAttribute: read(CTRL_ATTR_MAXATTR, attribute => attribute.u32()),
    operations: read(CTRL_ATTR_OPS, list =>
      list
        .attributes()
        .map(each => ({ id: numberIn(each, CTRL_ATTR_OP_ID), flags: numberIn(each, CTRL_ATTR_OP_FLAGS) }))
        .sort((a, b) => a.id - b.id),
    ),
    groups: read(CTRL_ATTR_MCAST_GROUPS, list =>
      Object.fromEntries(
        list
          .attributes()
          .map(each => [
            findAttribute(each.attributes(), CTRL_ATTR_MCAST_GRP_NAME)?.string() ?? '',
            numberIn(each, CTRL_ATTR_MCAST_GRP_ID),
          ]),
      ),
    ),
    commandPolicies: read(CTRL_ATTR_OP_POLICY, list =>
      byType(list, each => byType(each, kind => kind.u32())),
    ),
    policies: read(CTRL_ATTR_POLICY, list =>
      byType(list, each => byType(each, attribute => parsePolicy(attribute.attributes()))),
    ),
  })
}

/** There is no family of that name: ENOENT. Its text lists those that exist. */
export class UnknownFamilyError extends KernelError {
  constructor(family: string, known: readonly string[], { answer }: KernelError) {
    super(answer)
    this.message = `${this.code}: there is no generic netlink family '${family}', but ${known.join(', ')}`
  }
}

/** A family as nlctrl describes it. @throws UnknownFamilyError if there is none of that name */
export async function resolveFamily(
  socket: Socket,
  name: string,
): Promise<ControlMessage & { readonly id: number }> {
  const type = GENL_ID_CTRL
  const header = encodeGenericHeader({ command: CTRL_CMD_GETFAMILY })
  const replies = await socket
    .request({ type }, [header, attr.string(CTRL_ATTR_FAMILY_NAME, name)])
    .catch(async (error: unknown) => {
      if (!(error instanceof KernelError) || error.code !== 'ENOENT') throw error
      const all = await socket.dump({ type }, [header]).collect()
      throw new UnknownFamilyError(name, all.map(family => parseControl(family).name ?? '').sort(), error)
    })
  const [reply] = replies
  const family = reply && parseControl(reply)
  if (family?.id === undefined || replies.length !== 1)
    throw new Error(`nlctrl answered with ${replies.length} messages about ${name}, and no family id`)
  return { ...family, id: family.id }
}

function byType<T>(nest: Attribute, read: (attribute: Attribute) => T): Record<number, T> {
  return Object.fromEntries(nest.attributes().map(attribute => [attribute.type, read(attribute)]))
}

function numberIn(nest: Attribute, type: number): number {
  return findAttribute(nest.attributes(), type)?.u32() ?? Number.NaN
}

/** Without undefined fields, so that comparisons show only what is there. */
function withoutAbsent(message: { [Key in keyof ControlMessage]: ControlMessage[Key] | undefined }) {
  return Object.fromEntries(
    Object.entries(message).filter(([, value]) => value !== undefined),
  ) as unknown as ControlMessage
}
