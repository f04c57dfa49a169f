// SPDX-License-Identifier: MIT
/** Listing 7: sets the variable of the nlexample module, and waits for the acknowledgement. */
import { attr, Socket } from '../netlink/index.ts'
import { NETLINK_EXAMPLE, NLE_MYVAR, NLEX_MSG_UPD } from './nlexample.ts'
import { main, number } from './program.ts'

main({
  usage: '[VALUE]',
  description: 'Sets myvar of the nlexample module: to 10, as printed, or to VALUE.',
  arguments: [0, 1],
  async run({ args: [value = '10'], timeout }) {
    const myvar = attr.u32(NLE_MYVAR, number(value, 'VALUE'))
    using socket = Socket.open(NETLINK_EXAMPLE)
    // request() sets NLM_F_REQUEST, NLM_F_ACK and a sequence number, and finds the answer by it
    await socket.request({ type: NLEX_MSG_UPD }, [myvar], { timeout })
  },
})
