// SPDX-License-Identifier: MIT
/** A family's state, as far as its dumps and answers tell. */
import type { Message } from '../../netlink/index.ts'
import type { Operation } from './family.ts'
import type { Faults } from './faults.ts'
import { type Shape, type Told, toldBy } from './shape.ts'
import type { Requester, Subject } from './subject.ts'

/** Milliseconds, in which what is told of time changes: several ticks of the slowest kernel. */
export const TICKS = 30

/** What is asked to see the state. */
export interface Views {
  /** Operations whose dump works without attributes. */
  readonly dumps: readonly Operation[]
  /** Requests that answer with messages. */
  readonly readers: readonly Shape[]
}

export class State {
  readonly #subject: Subject
  readonly #requester: Requester
  readonly #views: () => Views
  readonly #faults: Faults

  constructor(subject: Subject, requester: Requester, faults: Faults, views: () => Views) {
    this.#subject = subject
    this.#requester = requester
    this.#views = views
    this.#faults = faults
  }

  /** All that dumps tell, and readers when they are asked for each of the variants. */
  async entries(variants: readonly number[]): Promise<Told[]> {
    const { headerSize } = this.#subject.family
    return (await this.messages(variants)).map(message => toldBy(message, headerSize))
  }

  /** The messages of {@link entries}. */
  async messages(variants: readonly number[]): Promise<Message[]> {
    return [...(await this.#dumped()), ...(await this.#looked(variants))]
  }

  /**
   * What tells of a variant: readers if there are some, for dumps may be long.
   * @param own payloads by which readers look as well
   */
  async entry(variants: readonly number[], own?: ReadonlyMap<number, Uint8Array>): Promise<Told[]> {
    const { readers } = this.#views()
    const { headerSize } = this.#subject.family
    const messages = readers.length > 0 ? await this.#looked(variants, own) : await this.#dumped()
    return messages.map(message => toldBy(message, headerSize))
  }

  /** What readers tell when they are asked for each of the variants. */
  async looked(variants: readonly number[]): Promise<Told[]> {
    const { headerSize } = this.#subject.family
    return (await this.#looked(variants)).map(message => toldBy(message, headerSize))
  }

  /** What dumps tell, or one of them. */
  async dumped(of?: Operation): Promise<Told[]> {
    const { headerSize } = this.#subject.family
    return (await this.#dumped(of)).map(message => toldBy(message, headerSize))
  }

  async #dumped(of?: Operation): Promise<Message[]> {
    const messages: Message[] = []
    for (const operation of of === undefined ? this.#views().dumps : [of])
      messages.push(...(await this.#replies(operation, Buffer.alloc(0), 'a dump')))
    return messages
  }

  async #looked(variants: readonly number[], own?: ReadonlyMap<number, Uint8Array>): Promise<Message[]> {
    const { readers } = this.#views()
    const messages: Message[] = []
    for (const shape of readers) {
      const requests = (shape.types.length === 0 ? [0] : variants).map(variant => shape.attributes(variant))
      if (own !== undefined && shape.types.some(type => own.has(type)))
        requests.push(...variants.map(variant => shape.attributes(variant, own)))
      for (const attributes of requests)
        messages.push(...(await this.#replies(shape.operation, attributes, shape.words)))
    }
    return messages
  }

  /** How many entries the dumps have, or one of them. */
  async count(of?: Operation): Promise<number> {
    return (await this.#dumped(of)).length
  }

  /** How many entries each dump has. */
  async counts(): Promise<Map<Operation, number>> {
    const counts = new Map<Operation, number>()
    for (const operation of this.#views().dumps) counts.set(operation, await this.count(operation))
    return counts
  }

  async #replies(operation: Operation, attributes: Buffer, what: string) {
    const answer = await this.#requester.ask(operation, attributes)
    this.#faults.add(what, answer.faults)
    return answer.replies
  }
}
