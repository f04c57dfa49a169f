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

/** What the sockets of the running test have said, for the report of a guest that is lost. */
export class LastTalk {
  #first: ToldEvent[] = []
  #last: ToldEvent[] = []
  #dropped = 0
  #epoch = 0

  add({ begins, epoch, missed, events }: Talk): void {
    if (begins) {
      this.#first = []
      this.#last = []
      this.#dropped = 0
    }
    this.#epoch = epoch
    this.#dropped += missed
    for (const event of events) this.#addEvent(event)
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
    const first = this.#first.map(event => listener.event(event))
    const last = this.#last.map(event => listener.event(event))
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

  #addEvent(event: ToldEvent): void {
    const all = this.#last.length > 0 ? this.#last : this.#first
    const before = all.at(-1)
    // A message was told of before it was sent.
    const isOutcome =
      event.kind === 'failed' &&
      event.bytes !== undefined &&
      before?.kind === 'sent' &&
      before.socket.identity === event.socket.identity
    if (isOutcome) all.pop()
    if (this.#first.length < FIRST && this.#dropped === 0 && this.#last.length === 0) this.#first.push(event)
    else this.#last.push(event)
    if (this.#last.length > LAST) {
      this.#last.shift()
      this.#dropped++
    }
  }
}
