// SPDX-License-Identifier: MIT
import type { CapturedConversation, SequenceDiagram, Talk, ToldEvent } from '../../guest/agent/protocol.ts'

/** Events that are kept from a conversation's beginning, and from its end. */
const FIRST = 100
const LAST = 200

/** A conversation as far as the guest has told of it. */
export interface ToldConversation {
  /** As a diagram; '' and undefined if nothing was said. */
  readonly text: string
  readonly sequence: SequenceDiagram | undefined
  readonly captured: CapturedConversation
}

/** An event with the number of those before it that the guest has not told. */
interface Heard {
  readonly event: ToldEvent
  readonly missed: number
}

/** What the sockets of the running test have said, for the report of a guest that is lost. */
export class LastTalk {
  #first: Heard[] = []
  #last: Heard[] = []
  #dropped = 0
  #epoch = 0
  /** The tests that run, by id: those that run at the same time have one conversation. */
  readonly #running = new Set<string>()

  /** An attempt to run a test begins: what came before is not its own, whether it says anything or not. */
  testStarted(test: string): void {
    this.testEnded(test)
    this.#running.add(test)
  }

  testEnded(test: string): void {
    this.#running.delete(test)
    if (this.#running.size === 0) this.#forget()
  }

  add({ begins, epoch, missed, events }: Talk): void {
    if (begins) this.#forget()
    this.#epoch = epoch
    if (events.length === 0) this.#dropped += missed
    for (const [index, event] of events.entries()) this.#add(event, index === 0 ? missed : 0)
  }

  async conversation(): Promise<ToldConversation> {
    // Only then: the client library would be loaded with each start of the command line.
    const [{ Listener }, { sequenceOf }, { diagram }, { captured }, { familiesIn }] = await Promise.all([
      import('../../guest/testing/told.ts'),
      import('../../guest/testing/sequence.ts'),
      import('../../guest/testing/diagram.ts'),
      import('../../guest/testing/capture.ts'),
      import('../../guest/testing/families.ts'),
    ])
    const listener = new Listener()
    const heard = ({ event, missed }: Heard) => ({ ...listener.event(event), missed })
    const first = this.#first.map(heard)
    const last = this.#last.map(heard)
    const conversation = { first, dropped: this.#dropped, last, sockets: listener.sockets }
    const families = familiesIn(
      [...first, ...last].flatMap(event => (event.kind === 'received' ? [event.datagram.bytes] : [])),
    )
    const sequence = sequenceOf(conversation, families)
    return {
      text: sequence ? diagram(sequence) : '',
      sequence,
      captured: captured(conversation, families, this.#epoch),
    }
  }

  #forget(): void {
    this.#first = []
    this.#last = []
    this.#dropped = 0
  }

  #add(event: ToldEvent, missed: number): void {
    const all = this.#last.length > 0 ? this.#last : this.#first
    const before = all.at(-1)
    // A message was told of before it was sent.
    const isOutcome =
      missed === 0 &&
      event.kind === 'failed' &&
      event.bytes !== undefined &&
      before?.event.kind === 'sent' &&
      before.event.socket.identity === event.socket.identity
    if (isOutcome) all.pop()
    const heard = { event, missed: isOutcome ? before.missed : missed }
    if (this.#first.length < FIRST && this.#dropped === 0 && this.#last.length === 0) this.#first.push(heard)
    else this.#last.push(heard)
    if (this.#last.length > LAST) this.#dropped += 1 + (this.#last.shift()?.missed ?? 0)
  }
}
