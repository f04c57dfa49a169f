// SPDX-License-Identifier: MIT
/** Listings 14 to 16: the numbers of a generic netlink family and of its groups. */
import {
  type Attribute,
  attr,
  encodeGenericHeader,
  findAttribute,
  GENL_HDRLEN,
  GENL_ID_CTRL,
  type Message,
  NETLINK_GENERIC,
  Socket,
} from '../netlink/index.ts'
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_ATTR_MCAST_GROUPS,
  CTRL_ATTR_MCAST_GRP_ID,
  CTRL_ATTR_MCAST_GRP_NAME,
  CTRL_CMD_GETFAMILY,
} from './nlctrl.ts'
import { main, print } from './program.ts'

main({
  usage: 'FAMILY_NAME',
  description: 'Prints the numbers of a generic netlink family and of its multicast groups.',
  arguments: [1, 1],
  hints: { ENOENT: 'there is no family of that name' },
  async run({ args: [family = ''], timeout }) {
    using socket = Socket.open(NETLINK_GENERIC)
    const replies = await socket.request(
      { type: GENL_ID_CTRL },
      [encodeGenericHeader({ command: CTRL_CMD_GETFAMILY }), attr.string(CTRL_ATTR_FAMILY_NAME, family)],
      { timeout },
    )
    for (const reply of replies) printFamily(reply)
  },
})

/** Listing 15 */
function printFamily(message: Message): void {
  const attributes = message.attributes(GENL_HDRLEN)
  const id = findAttribute(attributes, CTRL_ATTR_FAMILY_ID)
  if (id) print(`family-id: ${id.u16()}\n`)
  const groups = findAttribute(attributes, CTRL_ATTR_MCAST_GROUPS)
  if (groups) {
    print('multicast -> id\n')
    for (const group of groups.attributes()) printGroup(group)
  }
}

/** Listing 16 */
function printGroup(group: Attribute): void {
  const attributes = group.attributes()
  const name = findAttribute(attributes, CTRL_ATTR_MCAST_GRP_NAME)
  const id = findAttribute(attributes, CTRL_ATTR_MCAST_GRP_ID)
  if (name && id) print(`'${name.string()}' -> ${id.u32()}\n`)
}
