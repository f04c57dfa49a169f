// SPDX-License-Identifier: MIT
/**
 * Listing 18: prints changes of the genlexample module's variable; `resolve nlex` prints the group's number.
 */
import { findAttribute, GENL_HDRLEN, NETLINK_GENERIC, Socket } from '../netlink/index.ts'
import { NLE_MYVAR } from './genlexample.ts'
import { listen, main, number, print } from './program.ts'

main({
  usage: 'GROUP_ID',
  description:
    'Prints myvar=VALUE for every update of the genlexample module; "resolve nlex" tells its GROUP_ID.',
  arguments: [1, 1],
  options: ['count'],
  hints: { EINVAL: 'there is no group of that number' },
  async run(call) {
    const [group = ''] = call.args
    // By membership, as in the listing: a bind mask has 32 groups only.
    using socket = Socket.open(NETLINK_GENERIC, { memberships: [number(group, 'GROUP_ID')] })
    await listen(socket, call, message => {
      const myvar = findAttribute(message.attributes(GENL_HDRLEN), NLE_MYVAR)
      if (myvar) print(`myvar=${myvar.u32()}\n`)
    })
  },
})
