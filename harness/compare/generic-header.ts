// SPDX-License-Identifier: MIT
/** What struct genlmsghdr says beside the command, which is in a message's name. */
import { encodeMessage, GENL_HDRLEN, Message, parseGenericHeader } from '../../guest/netlink/index.ts'

/** The name of the part that is the family's version. */
export const versionPart = 'version'

/** The parts of a message's generic header, and the message without it. */
export function withoutGenericHeader(message: Message): {
  readonly parts: readonly (readonly [name: string, value: string])[]
  readonly rest: Message
} {
  const { version, reserved } = parseGenericHeader(message)
  return {
    parts: [
      [versionPart, `${version}`],
      // Of most it is 0, which says nothing.
      ...(reserved === 0 ? [] : [['reserved', `${reserved}`] as const]),
    ],
    rest: new Message(encodeMessage(message, message.payload.subarray(GENL_HDRLEN))),
  }
}
