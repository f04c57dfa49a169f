// SPDX-License-Identifier: MIT
import type { Talk, ToldEvent } from '../agent/protocol.ts'
import type { RecordedEvent } from './recorded.ts'
import { told } from './told.ts'

// Kept from before any test.
const now = performance.now.bind(performance)
const { now: wallClock } = Date

/** Times that a conversation may be told at once; then they come back, one in so many milliseconds. */
const MOST_TURNS = 16
const TURN = 20
/** Events that wait for a turn; of more, the first ones are only counted, because each costs 20 us. */
const MOST_WAITING = 8

/**
 * Tells the host what sockets do while a test runs, because the recording ends with its guest. Before a message
 * is sent, since the kernel may not survive it; so often that it costs a hundredth of the time at most (a
 * write to the port takes 100 us of an emulated guest, and each event 20 us).
 */
export class Teller {
  readonly #tell: (talk: Talk) => void
  #waiting: RecordedEvent[] = []
  #missed = 0
  #begins = true
  #turns = MOST_TURNS
  #last = 0

  constructor(tell: (talk: Talk) => void) {
    this.#tell = tell
  }

  /** A test begins. */
  begin(): void {
    this.#waiting = []
    this.#missed = 0
    this.#begins = true
  }

  // By index: a test may have replaced push.
  add(event: RecordedEvent): void {
    if (this.#waiting.length === MOST_WAITING) {
      this.#waiting = this.#waiting.slice(MOST_WAITING / 2)
      this.#missed += MOST_WAITING / 2
    }
    this.#waiting[this.#waiting.length] = event
  }

  /**
   * Whether it may tell now; half of the turns are for messages to be sent. A flood of messages costs no more
   * than this.
   * @param time as performance.now(), which an emulated guest does not call for nothing
   */
  hasTurn(isSending: boolean, time: number): boolean {
    this.#turns = Math.min(MOST_TURNS, this.#turns + (time - this.#last) / TURN)
    this.#last = time
    return this.#turns >= (isSending ? 1 : MOST_TURNS / 2)
  }

  /** Takes a turn and tells what there is. */
  flush(): void {
    this.#turns--
    const events: ToldEvent[] = []
    for (let index = 0; index < this.#waiting.length; index++) {
      const event = told(this.#waiting[index] as RecordedEvent)
      if (event) events[events.length] = event
    }
    this.#waiting = []
    try {
      this.#tell({ begins: this.#begins, epoch: wallClock() - now(), missed: this.#missed, events })
      this.#begins = false
      this.#missed = 0
    } catch {
      // the test has replaced what this needs, which is told elsewhere
    }
  }
}
