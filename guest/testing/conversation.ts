// SPDX-License-Identifier: MIT
/** Records the sockets of tests, for the test worker, which is bundled separately. */
import { type ConversationHook, conversationHook, type Talk, talkHook } from '../agent/protocol.ts'
import { observeSockets } from '../netlink/index.ts'
import { captured } from './capture.ts'
import { diagram } from './diagram.ts'
import { Expectations } from './expectation.ts'
import { recorded } from './record.ts'
import { Recording } from './recording.ts'
import { sequenceOf } from './sequence.ts'
import { allTell } from './speakers.ts'
import { Teller } from './teller.ts'

type Tell = (talk: Talk) => void
const tell = (globalThis as unknown as Record<symbol, Tell | undefined>)[Symbol.for(talkHook)]
const recording = new Recording(tell && new Teller(tell))
observeSockets(recording)
const expectations = new Expectations()

const hook: ConversationHook = {
  begin: () => {
    recording.begin()
    expectations.begin()
  },
  compared: (thrown, negated) => expectations.note(thrown, negated),
  capture: () => captured(recording.conversation, recording.families),
  record: () => recorded(recording),
  tell: () => recording.tell(),
  get current() {
    return recording.current
  },
  hear: (told, conversation) => recording.hear(told, conversation),
  unheard: (thread, conversation) => recording.unheard(thread, conversation),
  askThreads: () => allTell(recording.current),
  elsewhere: () => recording.elsewhere,
  describe: (errors, tests) => {
    const { conversation, families } = recording
    const sequence = sequenceOf(conversation, families, { expectations: expectations.of(errors), tests })
    return sequence && { text: diagram(sequence), sequence }
  },
}
Object.defineProperty(globalThis, Symbol.for(conversationHook), { value: hook, configurable: true })
