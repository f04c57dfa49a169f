// SPDX-License-Identifier: MIT
/** Generic netlink's own header: struct genlmsghdr of include/uapi/linux/genetlink.h. */
import { GENL_HDRLEN, NLMSG_HDRLEN } from '../codec/constants.ts'
import { MalformedError } from '../codec/errors.ts'
import { readU16, writeU16 } from '../codec/integers.ts'
import type { Message } from '../codec/message.ts'
import { struct } from '../codec/schema.ts'
import { u8, u16 } from '../codec/value.ts'

/** The version of a family that says nothing else. */
const USUAL_VERSION = 1

const layout = struct({ command: u8, version: u8, reserved: u16 })

/**
 * struct genlmsghdr, for schemas: `payload(genlmsghdr, attributes({ ... }))`. The version is written as 1 where
 * it is not given, as by {@link encodeGenericHeader}.
 */
export const genlmsghdr: typeof layout = {
  ...layout,
  put: (buffer, header, offset) =>
    layout.put(buffer, { ...header, version: header.version ?? USUAL_VERSION }, offset),
}

/** The fields of a struct genlmsghdr. */
export interface GenericHeader {
  /** cmd: the family's command. */
  readonly command: number
  /** The family's version; 1, the usual one, by default. */
  readonly version?: number
  /** Must be 0 for families that check strictly (kernels from 6.1 on). */
  readonly reserved?: number
}

/** A struct genlmsghdr, 4 bytes: the first part of a generic netlink message. */
export function encodeGenericHeader({
  command,
  version = USUAL_VERSION,
  reserved = 0,
}: GenericHeader): Buffer {
  const bytes = Buffer.allocUnsafe(GENL_HDRLEN)
  bytes.writeUInt8(command, 0)
  bytes.writeUInt8(version, 1)
  writeU16(bytes, reserved, 2)
  return bytes
}

/**
 * The generic netlink header of a message. Its attributes are `message.attributes(GENL_HDRLEN)`.
 * @throws MalformedError when the payload is shorter
 */
export function parseGenericHeader(message: Message): Required<GenericHeader> {
  const { bytes } = message
  if (bytes.length < NLMSG_HDRLEN + GENL_HDRLEN)
    throw new MalformedError('a payload shorter than a genlmsghdr', NLMSG_HDRLEN)
  return {
    command: bytes.readUInt8(NLMSG_HDRLEN),
    version: bytes.readUInt8(NLMSG_HDRLEN + 1),
    reserved: readU16(bytes, NLMSG_HDRLEN + 2),
  }
}
