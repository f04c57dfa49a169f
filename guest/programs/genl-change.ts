// SPDX-License-Identifier: MIT
/** Listing 17: sets the variable of the genlexample module; `resolve nlex` prints the family's number. */
import { attr, encodeGenericHeader, NETLINK_GENERIC, Socket } from '../netlink/index.ts'
import { NLE_MYVAR, NLEX_CMD_UPD, NLEX_FAMILY_VERSION } from './genlexample.ts'
import { main, number } from './program.ts'

main({
  usage: 'FAMILY_ID VALUE',
  description: 'Sets myvar of the genlexample module; "resolve nlex" tells its FAMILY_ID.',
  arguments: [2, 2],
  hints: { ENOENT: 'there is no family of that number' },
  async run({ args: [family = '', value = ''], timeout }) {
    const type = number(family, 'FAMILY_ID', 16)
    const header = encodeGenericHeader({ command: NLEX_CMD_UPD, version: NLEX_FAMILY_VERSION })
    const myvar = attr.u32(NLE_MYVAR, number(value, 'VALUE'))
    using socket = Socket.open(NETLINK_GENERIC)
    await socket.request({ type }, [header, myvar], { timeout })
  },
})
