// SPDX-License-Identifier: MIT
import { GENL_HDRLEN, GENL_ID_CTRL, parseAttributes, parseMessages } from '../netlink/index.ts'

/** The names of generic netlink families that messages of nlctrl tell, by number; without nlctrl itself. */
export function familiesIn(datagrams: readonly Uint8Array[]): Map<number, string> {
  const families = new Map<number, string>()
  for (const bytes of datagrams) {
    try {
      for (const { payload } of parseMessages(Buffer.from(bytes))) {
        const attributes = parseAttributes(payload, GENL_HDRLEN)
        // CTRL_ATTR_FAMILY_ID and CTRL_ATTR_FAMILY_NAME of include/uapi/linux/genetlink.h
        const id = attributes.find(({ type }) => type === 1)?.payload
        const name = attributes.find(({ type }) => type === 2)?.payload
        if (id?.length === 2 && name && id.readUInt16LE() !== GENL_ID_CTRL)
          families.set(id.readUInt16LE(), name.toString().replace(/\0.*$/s, ''))
      }
    } catch {
      // malformed, or an error
    }
  }
  return families
}
