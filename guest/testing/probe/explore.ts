// SPDX-License-Identifier: MIT
/**
 * Finds out what operations do: which requests succeed, which of them change what dumps and other answers
 * tell, and by which attributes. Only what is seen with several values counts: state may change by itself.
 */
import { isTimeShort } from './allowance.ts'
import type { Answer } from './answer.ts'
import { tryCreation } from './creation.ts'
import type { Operation } from './family.ts'
import { Faults } from './faults.ts'
import { Shape } from './shape.ts'
import { State } from './state.ts'
import type { Requester, Subject } from './subject.ts'
import { FIRST } from './variants.ts'

/** A request that writes its attributes into what can be read. */
export interface Writer {
  readonly shape: Shape
  /** The types that are read as they were written. */
  readonly stored: readonly number[]
  /** The attribute that says which entry is changed; undefined where it makes a new one, or there is one only. */
  readonly key?: number
  /** Whether each call makes an entry of a dump. */
  readonly adds: boolean
}

/** A request that removes the entry that it names from a dump. */
export interface Remover {
  readonly shape: Shape
  /** What makes such entries. */
  readonly adder: Writer
}

/** What is known of a family's operations. */
export interface Explored {
  /** A request that succeeds, by command. */
  readonly working: ReadonlyMap<number, Shape>
  /** The operations whose dump works without attributes, and tells not too much to look at often. */
  readonly dumps: readonly Operation[]
  /** Requests that answer with messages. */
  readonly readers: readonly Shape[]
  readonly writers: readonly Writer[]
  readonly removers: readonly Remover[]
}

/** Entries of a dump that is looked at often. */
const SMALL = 256
/** Rounds over all operations: some succeed only after others. */
const ROUNDS = 3
/** The first variant of those that are tried, each once. */
const TRIED = 40
/** Values that must be read as they were written. */
const TIMES = 2

/** Tries all operations of a family. */
export class Explorer {
  readonly #subject: Subject
  readonly #requester: Requester
  readonly faults: Faults
  readonly #state: State
  readonly #working = new Map<number, Shape>()
  readonly #readers = new Map<number, Shape>()
  readonly #writers = new Map<number, Writer>()
  readonly #removers = new Map<number, Remover>()
  #dumps: Operation[] = []
  #next = TRIED

  constructor(subject: Subject, requester: Requester) {
    this.#subject = subject
    this.#requester = requester
    this.faults = new Faults('exploring', subject.told)
    this.#state = new State(subject, requester, this.faults, () => ({
      dumps: this.#dumps,
      readers: [...this.#readers.values()],
    }))
  }

  /** @returns what the operations do; entries of tried requests are left */
  async explore(): Promise<Explored> {
    const all = this.#subject.family.all
    for (const operation of all.filter(({ kind }) => kind === 'dump')) {
      const { code, replies } = await this.#ask(operation, Buffer.alloc(0), 'a dump')
      if (code === undefined && replies.length <= SMALL) this.#dumps.push(operation)
    }
    const commands = this.#subject.inOrder(all.filter(({ kind }) => kind === 'do'))
    for (let round = 0; round < ROUNDS; round++) {
      await this.#refill()
      for (const operation of commands) await this.#findWorking(operation)
      for (const operation of round === 0 ? commands : [])
        if (!this.#working.has(operation.command))
          await tryCreation(this.#subject, this.#requester, operation)
    }
    await this.#findActors(commands)
    // Some can be seen only when others make what they change.
    for (const operation of [...commands, ...commands]) await this.#findWriter(operation)
    await this.#supply()
    for (const operation of commands)
      if (!this.#working.has(operation.command)) await this.#findWorking(operation)
    for (const operation of commands) await this.#findRemover(operation)
    return {
      working: this.#working,
      dumps: this.#dumps,
      readers: [...this.#readers.values()],
      writers: [...this.#writers.values()],
      removers: [...this.#removers.values()],
    }
  }

  async #ask(operation: Operation, attributes: Buffer, what: string): Promise<Answer> {
    const answer = await this.#requester.ask(operation, attributes)
    this.faults.add(what, answer.faults)
    return answer
  }

  /** Repeats what has worked, so that there is something to get, to change and to delete. */
  async #refill(): Promise<void> {
    for (const shape of this.#working.values()) await this.#try(shape, FIRST)
  }

  async #try(shape: Shape, variant: number): Promise<Answer> {
    return await this.#ask(shape.operation, shape.attributes(variant), shape.words)
  }

  async #findWorking(operation: Operation): Promise<void> {
    const { command } = operation
    const known = this.#working.get(command)
    if (isTimeShort()) return
    // Those with more attributes show more; one that only fails again is of no use.
    for (const shape of known ? [known] : Shape.all(this.#subject, operation)) {
      const { code, replies } = await this.#try(shape, FIRST)
      if (code !== undefined) continue
      this.#working.set(command, shape)
      if (replies.length > 0 && replies.length <= SMALL) this.#readers.set(command, shape)
      return
    }
  }

  /** Some answer with what they make, change or remove: who looks by them changes what it looks at. */
  async #findActors(commands: readonly Operation[]): Promise<void> {
    const isDumped = ({ command }: Operation) => this.#dumps.some(dump => dump.command === command)
    const doubtful = [...this.#readers].filter(
      ([, shape]) => shape.types.length > 0 && !isDumped(shape.operation),
    )
    const findWriters = async (hidden: typeof doubtful) => {
      for (const [command] of hidden) this.#readers.delete(command)
      for (const operation of commands)
        if (hidden.some(([command]) => command === operation.command)) await this.#findWriter(operation)
    }
    await findWriters(doubtful)
    for (const [command, shape] of doubtful)
      if (!this.#writers.has(command) && !(await this.#spends(shape)) && !(await this.#changes(shape)))
        this.#readers.set(command, shape)
    if (this.#dumps.length > 0) return
    // Without dumps, only the others show what one of them writes.
    for (const each of doubtful.filter(([command]) => this.#readers.has(command))) {
      await findWriters([each])
      const [command, shape] = each
      if (!this.#writers.has(command)) this.#readers.set(command, shape)
    }
  }

  /** Whether a request is answered once and then refused, each time, with new values or with those that are there. */
  async #spends(shape: Shape): Promise<boolean> {
    const isOnce = async (variant: number) =>
      (await this.#try(shape, variant)).code === undefined &&
      (await this.#try(shape, variant)).code !== undefined
    let makes = true
    let removes = true
    for (let time = 0; (makes || removes) && time < TIMES; time++) {
      if (isTimeShort()) return false
      makes &&= await isOnce(this.#next++)
      if (!removes) continue
      await this.#supply()
      removes = await isOnce(FIRST)
    }
    return makes || removes
  }

  /** Whether dumps tell something else after a request, each time, and the same where there was none. */
  async #changes(shape: Shape): Promise<boolean> {
    for (let time = 0; time < TIMES; time++) {
      if (isTimeShort()) return false
      await this.#supply()
      const before = await this.#lines()
      if (before !== (await this.#lines())) return false
      await this.#try(shape, FIRST)
      if (before === (await this.#lines())) return false
    }
    return this.#dumps.length > 0
  }

  async #lines(): Promise<string> {
    const entries = await this.#state.dumped()
    return entries.map(entry => [...entry].map(([type, own]) => `${type} ${own.toString('hex')}`)).join()
  }

  /** Makes what can be changed and removed. */
  async #supply(): Promise<void> {
    for (const { shape } of this.#writers.values()) await this.#try(shape, FIRST)
  }

  async #findWriter(operation: Operation): Promise<void> {
    const shape = this.#working.get(operation.command)
    if (shape === undefined || shape.types.length === 0 || this.#writers.has(operation.command)) return
    // A request that answers may make a new entry; that it changes one would be seen in every lookup.
    const isReader = this.#readers.has(operation.command)
    if (isReader && this.#dumps.length === 0) return
    for (const key of isReader ? [undefined] : [undefined, ...shape.types]) {
      if (isTimeShort()) return
      const writer = await this.#writes(shape, key)
      if (writer === undefined) continue
      this.#writers.set(operation.command, writer)
      return
    }
  }

  /** The next values that differ from those that are there at first, not only in the key. */
  #variant(shape: Shape, key: number | undefined): number | undefined {
    for (let more = 0; more < 8; more++) {
      const variant = this.#next++
      if (shape.distinct(FIRST, variant).some(type => type !== key)) return variant
    }
    return undefined
  }

  /** Whether what is written can be read, with each of the tried values. */
  async #writes(shape: Shape, key: number | undefined): Promise<Writer | undefined> {
    const isOther = (type: number) => type !== key
    let stored: readonly number[] | undefined
    let adds = true
    for (let time = 0; time < TIMES; time++) {
      const variant = this.#variant(shape, key)
      if (variant === undefined) return undefined
      const variantOf = (type: number) => (type === key ? FIRST : variant)
      await this.#supply()
      const before = await this.#state.entries([FIRST, variant])
      const countBefore = await this.#state.count()
      const { code } = await this.#ask(shape.operation, shape.attributes(variantOf), shape.words)
      if (code !== undefined) return undefined
      adds &&= (await this.#state.count()) === countBefore + 1
      const after = await this.#state.entries([FIRST, variant])
      const written = shape
        .distinct(FIRST, variant)
        .filter(isOther)
        .filter(type => shape.isTold(after, type, shape.payload(type, variant)))
        .filter(type => !shape.isTold(before, type, shape.payload(type, variant)))
      stored = stored?.filter(type => written.includes(type)) ?? written
      if (stored.length === 0) return undefined
    }
    return { shape, stored: stored ?? [], adds, ...(key !== undefined && { key }) }
  }

  /** Of two entries, the one that it names is gone, and the other is not. */
  async #findRemover(operation: Operation): Promise<void> {
    const working = this.#working.get(operation.command)
    if (working === undefined || this.#writers.has(operation.command)) return
    if (this.#readers.has(operation.command)) return
    for (const adder of this.#writers.values()) {
      if (!adder.adds) continue
      for (const shape of [working, ...Shape.all(this.#subject, operation)]) {
        if (isTimeShort()) return
        if (shape.types.length === 0 || !shape.types.every(type => adder.stored.includes(type))) continue
        const [gone, kept] = [this.#next++, this.#next++]
        for (const variant of [gone, kept]) await this.#try(adder.shape, variant)
        const count = await this.#state.count()
        const { code } = await this.#try(shape, gone)
        if (code !== undefined || (await this.#state.count()) !== count - 1) continue
        const after = await this.#state.entries([])
        const isThere = (variant: number) =>
          shape.types.some(type => adder.shape.isTold(after, type, adder.shape.payload(type, variant)))
        if (isThere(gone) || !isThere(kept)) continue
        this.#removers.set(operation.command, { shape, adder })
        return
      }
    }
  }
}
