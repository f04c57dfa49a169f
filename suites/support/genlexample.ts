// SPDX-License-Identifier: MIT
/**
 * The contract of the genlexample module in numbers and messages: a variable as nlexample's, by a generic
 * netlink family, whose numbers the kernel assigns.
 */
import {
  attr,
  encodeGenericHeader,
  encodeMessage,
  type GenericHeader,
  NLM_F_REQUEST,
  type SocketOptions,
} from 'netlink-vmtest/netlink'
import { openGeneric, resolveFamily, type WireDatagram, wire } from 'netlink-vmtest/testing'
import {
  NLE_MYVAR,
  NLEX_CMD_GET,
  NLEX_CMD_UPD,
  NLEX_FAMILY_NAME,
  NLEX_FAMILY_VERSION,
  NLEX_GRP_MYVAR_NAME,
} from '../../guest/programs/genlexample.ts'
import type { RequestFields } from './nlexample.ts'

export { NLEX_CMD_GET, NLEX_CMD_UPD, NLEX_FAMILY_NAME, NLEX_FAMILY_VERSION, NLEX_GRP_MYVAR_NAME }

/** The fields of a request's two headers. */
export type GenericFields = RequestFields & Partial<GenericHeader>

/** The family's numbers in this kernel, while the module is loaded. */
export class GenericExample {
  /** The message type of all its messages. */
  readonly family: number
  /** The group that is notified of updates. */
  readonly group: number

  constructor(family: number, group: number) {
    this.family = family
    this.group = group
  }

  /** Its present numbers, from nlctrl. @throws KernelError ENOENT if the module is not loaded */
  static async resolve(): Promise<GenericExample> {
    using socket = openGeneric()
    const { id, groups } = await resolveFamily(socket, NLEX_FAMILY_NAME)
    const group = groups?.[NLEX_GRP_MYVAR_NAME]
    if (group === undefined) throw new Error(`the family has no group ${NLEX_GRP_MYVAR_NAME}`)
    return new GenericExample(id, group)
  }

  /** A subscription to its group by number: NETLINK_ADD_MEMBERSHIP. */
  get byMembership(): SocketOptions {
    return { memberships: [this.group] }
  }
  /** A subscription to its group by bind(2), which takes a mask. */
  get byMask(): SocketOptions {
    return { groups: this.mask }
  }

  /** A request to set the variable: the attribute with that value, or any bytes in its place. */
  update(value: number | Uint8Array, fields: GenericFields = {}): Buffer {
    const payload = typeof value === 'number' ? attr.u32(NLE_MYVAR, value) : value
    return this.request(payload, { command: NLEX_CMD_UPD, ...fields })
  }

  /** A request for the variable. */
  get(fields: GenericFields = {}, payload: Uint8Array = Buffer.alloc(0)): Buffer {
    return this.request(payload, { command: NLEX_CMD_GET, ...fields })
  }

  /** Any request to the family. */
  request(payload: Uint8Array, { command = 0, version, reserved, ...fields }: GenericFields): Buffer {
    const header = encodeGenericHeader({
      command,
      version: version ?? NLEX_FAMILY_VERSION,
      reserved: reserved ?? 0,
    })
    const flags = (fields.flags ?? 0) | NLM_F_REQUEST
    return encodeMessage({ ...fields, type: this.family, flags }, header, payload)
  }

  /** The reply to a GET of `to` with that sequence number (0 if not given). */
  reply(value: number, to: { portId: number }, sequence = 0): WireDatagram {
    return wire(this.variableBytes(value, to, sequence))
  }

  /** The notification of an update by `by` with that sequence number (0 if not given). */
  notification(value: number, by: { portId: number }, sequence = 0): WireDatagram {
    return wire(this.variableBytes(value, by, sequence), { groups: this.mask })
  }

  /** The bytes of {@link reply} and {@link notification}. */
  variableBytes(value: number, { portId }: { portId: number }, sequence: number): Buffer {
    const header = encodeGenericHeader({ command: NLEX_CMD_UPD, version: NLEX_FAMILY_VERSION })
    return encodeMessage({ type: this.family, sequence, portId }, header, attr.u32(NLE_MYVAR, value))
  }

  /**
   * Its group's bit. Numbers over 32 have none, but a guest's kernel has too few families for such numbers.
   */
  get mask(): number {
    if (this.group > 32) throw new RangeError(`group ${this.group} has no bit in a mask`)
    return (1 << (this.group - 1)) >>> 0
  }
}
