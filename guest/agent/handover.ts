// SPDX-License-Identifier: MIT
import { type ConversationHook, conversationHook, type FromWorker } from './protocol.ts'

/** The package's record of what the sockets say, if the file uses the package. */
export function conversation(): ConversationHook | undefined {
  return (globalThis as unknown as Record<symbol, ConversationHook | undefined>)[Symbol.for(conversationHook)]
}

/**
 * Cuts the record into the conversations of tests, and hands those of failed ones to the host. Tests that run
 * at the same time have one conversation.
 */
export class Handover {
  /** Whether the host wants the conversations of passed tests, too, and those between tests. */
  all = false
  /** Whether the host wants all conversations to compare. */
  records = false
  readonly #send: (message: FromWorker) => void
  /** The tests that run, by id. */
  readonly #running = new Set<string>()
  /** The names of the conversation's tests, by id. */
  readonly #tests = new Map<string, string>()
  readonly #failed = new Set<string>()

  constructor(send: (message: FromWorker) => void) {
    this.#send = send
  }

  /** Whether the host wants more than the conversations of failed tests. */
  get isForAll(): boolean {
    return this.all || this.records
  }

  /** The names of the tests whose conversation it is: several only if they run at the same time. */
  get tests(): readonly string[] {
    return [...this.#tests.values()]
  }

  /** A file begins: nothing before it is its own. */
  fileBegins(): void {
    this.#running.clear()
    this.#begin()
  }

  /** An attempt to run a test begins. */
  attemptBegins(test: string, name: string): void {
    this.#running.delete(test)
    if (this.#running.size === 0) this.#handOver()
    this.#running.add(test)
    this.#tests.set(test, name)
  }

  attemptEnds(test: string, failed: boolean): void {
    if (failed) this.#failed.add(test)
    else this.#failed.delete(test)
  }

  testEnds(test: string, failed: boolean): void {
    this.attemptEnds(test, failed)
    this.#running.delete(test)
    if (this.#running.size === 0) this.#handOver()
  }

  /** @param failed whether a hook of the suite has failed, or the file itself */
  suiteEnds(failed: boolean): void {
    if (this.#running.size === 0) this.#handOver(failed)
  }

  #handOver(failed = this.#failed.size > 0): void {
    const tests = [...this.#tests.values()]
    if (this.records) this.#record(tests)
    if (failed || this.all) this.#sendTo(tests, failed)
    this.#begin()
  }

  #sendTo(tests: readonly string[], failed: boolean): void {
    try {
      const said = conversation()?.capture()
      if (said && said.packets.length > 0) this.#send({ type: 'conversation', tests, failed, ...said })
    } catch {
      // the test has replaced what this needs, which is told elsewhere
    }
  }

  #record(tests: readonly string[]): void {
    try {
      const said = conversation()?.record()
      if (said && said.first.length > 0) this.#send({ type: 'record', tests, ...said })
    } catch {
      // as above
    }
  }

  #begin(): void {
    this.#tests.clear()
    this.#failed.clear()
    conversation()?.begin()
  }
}
