// SPDX-License-Identifier: MIT
/** Listing 8: prints changes of the nlexample module's variable. */
import { findAttribute, Socket } from '../netlink/index.ts'
import { NETLINK_EXAMPLE, NLE_MYVAR, NLEX_GRP_MYVAR } from './nlexample.ts'
import { listen, main, print } from './program.ts'

main({
  usage: '',
  description: 'Prints myvar=VALUE for every update of the nlexample module.',
  arguments: [0, 0],
  options: ['count'],
  async run(call) {
    using socket = Socket.open(NETLINK_EXAMPLE, { groups: NLEX_GRP_MYVAR })
    await listen(socket, call, message => {
      const myvar = findAttribute(message.attributes(), NLE_MYVAR)
      if (myvar) print(`myvar=${myvar.u32()}\n`)
    })
  },
})
