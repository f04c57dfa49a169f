// SPDX-License-Identifier: MIT
/** The custom family's sender, and a listener for its group. */
import { encodeMessage, type Message, Socket } from '../netlink/index.ts'
import { NETLINK_CUSTOMFAMILY, NETLINK_MYGROUP } from './nlcustom.ts'
import { type Call, listen, main, print } from './program.ts'

/** Bytes of payload: the text, then zeros. */
const MAX_PAYLOAD = 1024

main({
  usage: '[TEXT]',
  description:
    'Sends TEXT ("HELLO KERNEL FROM USER") to the nlcustom module, which logs it, and prints the answer.',
  arguments: [0, 1],
  options: ['listen', 'count'],
  run: call => (call.listen ? hearGroup(call) : sendText(call)),
})

async function sendText({ args: [text = 'HELLO KERNEL FROM USER'], timeout }: Call): Promise<void> {
  const bytes = Buffer.from(text)
  const payload = Buffer.alloc(Math.max(MAX_PAYLOAD, bytes.length + 1))
  bytes.copy(payload)
  using socket = Socket.open(NETLINK_CUSTOMFAMILY)
  print('Sending message to kernel...\n')
  // The process id, as in the listing; others send 0 or their port id. The module ignores it.
  socket.send(encodeMessage({ type: 0, portId: process.pid }, payload))
  const answer = await socket.receive({ timeout })
  for (const message of answer.messages()) printMessage(message)
}

async function hearGroup(call: Call): Promise<void> {
  using socket = Socket.open(NETLINK_CUSTOMFAMILY, { memberships: [NETLINK_MYGROUP] })
  await listen(socket, call, printMessage)
}

/** A text ends at its NUL. */
function printMessage(message: Message): void {
  const [text] = message.payload.toString('utf8').split('\0')
  print(`Received message: ${text}\n`)
}
