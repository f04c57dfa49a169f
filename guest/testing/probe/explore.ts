// SPDX-License-Identifier: MIT
/**
 * Finds out what operations do: which requests succeed, which of them change what dumps and other answers
 * tell, and by which attributes. Only what is seen with several values counts: state may change by itself.
 */
import { setTimeout } from 'node:timers/promises'
import type { AttributePolicy } from '../../netlink/index.ts'
import { isTimeShort } from './allowance.ts'
import type { Answer } from './answer.ts'
import { tryCreation } from './creation.ts'
import type { Operation } from './family.ts'
import type { Faults } from './faults.ts'
import { isUnfit, tryFitting } from './fitting.ts'
import type { Explored, Grower, Remover, Writer } from './found.ts'
import { tryLearned } from './learning.ts'
import { entryOf, payloadsOf } from './names.ts'
import { lineOf, Shape } from './shape.ts'
import { State, TICKS } from './state.ts'
import type { Requester, Subject } from './subject.ts'
import { tryTogether } from './together.ts'
import { FIRST } from './variants.ts'

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
  readonly #faults: Faults
  readonly #state: State
  readonly #working = new Map<number, Shape>()
  readonly #readers = new Map<number, Shape>()
  readonly #writers = new Map<number, Writer>()
  readonly #removers = new Map<number, Remover>()
  /** Commands that may do more than answer. */
  readonly #doubtful = new Set<number>()
  #dumps: Operation[] = []
  #next = TRIED

  constructor(subject: Subject, requester: Requester, faults: Faults) {
    this.#subject = subject
    this.#requester = requester
    this.#faults = faults
    this.#state = new State(subject, requester, faults, () => ({
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
    for (const operation of commands)
      if (!this.#working.has(operation.command) && !isTimeShort())
        await tryFitting(this.#subject, this.#requester, operation)
    for (const operation of commands) await this.#findWorking(operation)
    for (const operation of commands) await this.#fitTogether(operation)
    for (const operation of commands) {
      if (this.#working.has(operation.command) || isTimeShort()) continue
      // What was asked so far may be why it is refused.
      await this.#subject.reload()
      await this.#findWorking(operation)
      await this.#refill()
      if (this.#working.has(operation.command)) continue
      const learned = await tryLearned(this.#subject, this.#requester, operation)
      await this.#refill()
      await this.#findWorking(operation)
      if (learned !== undefined && !this.#working.has(operation.command))
        this.#noteWorking(learned.shape, learned.answer)
    }
    await this.#findActors(commands)
    // Some can be seen only when others make what they change.
    for (const operation of [...commands, ...commands]) await this.#findWriter(operation)
    await this.#findLate(commands)
    for (const operation of commands) await this.#findLateReader(operation)
    for (const operation of commands) await this.#findRemover(operation)
    const growers: Grower[] = []
    for (const operation of commands) {
      const grower = await this.#growerOf(operation)
      if (grower !== undefined) growers.push(grower)
    }
    return {
      growers,
      working: this.#working,
      dumps: this.#dumps,
      readers: [...this.#readers.values()],
      writers: [...this.#writers.values()],
      removers: [...this.#removers.values()],
    }
  }

  async #ask(operation: Operation, attributes: Buffer, what: string): Promise<Answer> {
    const answer = await this.#requester.ask(operation, attributes)
    this.#faults.add(what, answer.faults)
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
      if (code === 'EEXIST' && known === undefined && (await this.#addsToOther(shape))) {
        this.#working.set(command, shape)
        return
      }
      if (code !== undefined) continue
      this.#noteWorking(shape, { replies })
      return
    }
  }

  #noteWorking(shape: Shape, { replies }: Pick<Answer, 'replies'>): void {
    const { command } = shape.operation
    this.#working.set(command, shape)
    if (replies.length > 0 && replies.length <= SMALL) this.#readers.set(command, shape)
  }

  /** Whether it succeeds where one of its attributes names what is there, and the others are new. */
  async #addsToOther(shape: Shape): Promise<boolean> {
    for (const key of shape.types.length > 1 ? shape.types : []) {
      if (isTimeShort()) return false
      const variant = this.#next++
      const attributes = shape.attributes(type => (type === key ? FIRST : variant))
      if ((await this.#ask(shape.operation, attributes, shape.words)).code === undefined) return true
    }
    return false
  }

  /** Where only a part of the attributes is taken, all may be where their values fit to each other. */
  async #fitTogether(operation: Operation): Promise<void> {
    const known = this.#working.get(operation.command)
    const [whole] = Shape.all(this.#subject, operation)
    if (whole === undefined || (known?.types.length ?? 0) >= whole.types.length - 1 || isTimeShort()) return
    const entries = await this.#state.entries([FIRST])
    if (!(await tryTogether(this.#subject, this.#requester, operation, entries))) return
    this.#working.delete(operation.command)
    await this.#findWorking(operation)
  }

  /** Some answer with what they make, change or remove: who looks by them changes what it looks at. */
  async #findActors(commands: readonly Operation[]): Promise<void> {
    const isDumped = ({ command }: Operation) => this.#dumps.some(dump => dump.command === command)
    const doubtful = [...this.#readers].filter(
      ([, { types, operation }]) => types.length > 0 && commands.includes(operation) && !isDumped(operation),
    )
    const findWriters = async (hidden: typeof doubtful) => {
      for (const [command] of hidden) this.#readers.delete(command)
      for (const operation of commands)
        if (hidden.some(([command]) => command === operation.command)) await this.#findWriter(operation)
    }
    for (const [command] of doubtful) this.#doubtful.add(command)
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

  /** Some succeed only where there is what others make, which is removed again where removers come first. */
  async #findLate(commands: readonly Operation[]): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      await this.#supply()
      const unknown = commands.filter(({ command }) => !this.#working.has(command))
      for (const operation of unknown) {
        await this.#findWorking(operation)
        if (this.#working.has(operation.command)) continue
        await this.#supply()
        const learned = await tryLearned(this.#subject, this.#requester, operation)
        if (learned !== undefined) this.#noteWorking(learned.shape, learned.answer)
      }
      const late = unknown.filter(({ command }) => this.#working.has(command))
      if (late.length === 0) return
      await this.#findActors(late)
      for (const operation of [...late, ...late]) await this.#findWriter(operation)
    }
  }

  /** Some are acknowledged without an answer as long as nothing is there. */
  async #findLateReader(operation: Operation): Promise<void> {
    const { command } = operation
    const isKnown = this.#readers.has(command) || this.#writers.has(command) || this.#doubtful.has(command)
    if (isKnown || !this.#working.has(command)) return
    await this.#supply()
    await this.#findWorking(operation)
    const shape = this.#readers.get(command)
    if (shape !== undefined && ((await this.#spends(shape)) || (await this.#changes(shape))))
      this.#readers.delete(command)
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
      await setTimeout(TICKS)
      if (before !== (await this.#lines())) return false
      await this.#try(shape, FIRST)
      if (before === (await this.#lines())) return false
    }
    return this.#dumps.length > 0
  }

  async #lines(): Promise<string> {
    const entries = await this.#state.dumped()
    return entries.map(lineOf).join()
  }

  /** As it is at first: what was tried may have filled it up. */
  async #fresh(): Promise<void> {
    await this.#subject.reload()
    await this.#refill()
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
    if (await this.#findKey(shape, isReader ? [undefined] : [undefined, ...shape.types])) return
    // What is named by two values has few of one of them mostly: that is left as it is.
    for (const type of isReader ? [] : shape.types) {
      const policy = shape.policyOf(type)
      if (!isOfFew(policy) || this.#subject.fitting(type, policy)) continue
      this.#subject.noteFitting(type, policy, shape.payload(type, FIRST))
      if (
        await this.#findKey(
          shape,
          shape.types.filter(each => each !== type),
        )
      )
        return
      this.#subject.forgetFitting(type, policy)
    }
  }

  /** Tries a request as a writer, with each of the attributes that may say what is changed. */
  async #findKey(shape: Shape, keys: readonly (number | undefined)[]): Promise<boolean> {
    for (const key of keys) {
      if (isTimeShort()) return false
      const writer = await this.#writes(shape, key)
      if (writer === undefined) continue
      this.#writers.set(shape.operation.command, writer)
      return true
    }
    return false
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
  async #writes(
    shape: Shape,
    key: number | undefined,
    again?: 'refilled' | 'alone',
  ): Promise<Writer | undefined> {
    const isOther = (type: number) => type !== key
    let stored: readonly number[] | undefined
    // Those that have one more entry each time, or more than one more.
    let growing = this.#dumps
    let growingMore = this.#dumps
    for (let time = 0; time < TIMES; time++) {
      const variant = this.#variant(shape, key)
      if (variant === undefined) return undefined
      const variantOf = (type: number) => (type === key ? FIRST : variant)
      if (again === 'alone') await this.#subject.reload()
      await this.#supply()
      const before = await this.#state.entries([FIRST, variant])
      const countsBefore = await this.#state.counts()
      const { code } = await this.#ask(shape.operation, shape.attributes(variantOf), shape.words)
      if (isFull(code) && again === undefined) {
        await this.#fresh()
        return await this.#writes(shape, key, 'refilled')
      }
      if (isUnfit(code) && key === undefined && again === undefined && !isTimeShort()) {
        // The first values may have fitted by chance.
        const isFitted = await tryFitting(this.#subject, this.#requester, shape.operation, variant)
        if (isFitted) {
          await this.#fresh()
          return await this.#writes(shape, key, 'refilled')
        }
      }
      if (code !== undefined) {
        if (again !== undefined || key !== undefined || isTimeShort() || !isDone(code)) return undefined
        // What it has done before is why it is refused.
        const writer = await this.#writes(shape, key, 'alone')
        await this.#fresh()
        return writer
      }
      const counts = await this.#state.counts()
      const addedTo = (dump: Operation) => (counts.get(dump) ?? 0) - (countsBefore.get(dump) ?? 0)
      growing = growing.filter(dump => addedTo(dump) === 1)
      growingMore = growingMore.filter(dump => addedTo(dump) > 1)
      const after = await this.#state.entries([FIRST, variant])
      const written = shape
        .distinct(FIRST, variant)
        .filter(isOther)
        .filter(type => shape.isTold(after, type, shape.payload(type, variant)))
        .filter(type => !shape.isTold(before, type, shape.payload(type, variant)))
      stored = stored?.filter(type => written.includes(type)) ?? written
      if (stored.length === 0) return undefined
    }
    const [dump] = growing
    const adds = dump !== undefined
    const addsSeveral = !adds && growingMore.length > 0
    return {
      ...{ shape, stored: stored ?? [], adds, addsSeveral },
      ...(dump && { dump }),
      ...(key !== undefined && { key }),
    }
  }

  /** A command of which nothing is known, if dumps have more entries after it each time. */
  async #growerOf({ command }: Operation): Promise<Grower | undefined> {
    const shape = this.#working.get(command)
    const isKnown = [this.#readers, this.#writers, this.#removers].some(known => known.has(command))
    if (shape === undefined || isKnown) return undefined
    for (const key of [undefined, ...shape.types]) {
      let grows = this.#dumps.length > 0
      for (let time = 0; grows && time < TIMES; time++) {
        if (isTimeShort()) return undefined
        await this.#supply()
        const before = await this.#state.count()
        const variant = this.#next++
        const attributes = shape.attributes(type => (type === key ? FIRST : variant))
        const { code } = await this.#ask(shape.operation, attributes, shape.words)
        grows = code === undefined && (await this.#state.count()) > before
      }
      if (grows) return { shape, ...(key !== undefined && { key }) }
    }
    return undefined
  }

  /** Of three entries, the one that it names is gone, and those before and after it are not. */
  async #findRemover(operation: Operation): Promise<void> {
    const working = this.#working.get(operation.command)
    if (working === undefined || this.#writers.has(operation.command)) return
    if (this.#readers.has(operation.command)) return
    for (const each of this.#writers.values()) {
      if (!each.adds) continue
      const adder = each.key === undefined ? each : { ...each, shape: each.shape.pinned(each.key) }
      const isStored = ({ types }: Shape) => types.every(type => adder.stored.includes(type))
      const shapes = [working, ...Shape.all(this.#subject, operation)].filter(({ types }) => types.length > 0)
      const few = shapes.filter(({ types }, at) => at < 2 || types.length === 1)
      for (const [shape, isLearned] of [
        ...shapes.filter(isStored).map(each => [each, false] as const),
        ...few.filter(each => !isStored(each)).map(each => [each, true] as const),
      ]) {
        if (isTimeShort()) return
        const learned = await this.#removes(shape, adder, isLearned)
        if (learned === undefined) continue
        this.#removers.set(operation.command, { shape, adder, learned })
        return
      }
    }
  }

  /** @returns the types of which the dump tells it the values; undefined if it does not remove what it names */
  async #removes(
    shape: Shape,
    adder: Writer,
    isLearned: boolean,
    isAgain = false,
  ): Promise<number[] | undefined> {
    const [before, gone, after] = [this.#next++, this.#next++, this.#next++]
    // What they belong to may be gone.
    if (adder.key !== undefined) await this.#supply()
    for (const variant of [before, gone, after])
      if (isFull((await this.#try(adder.shape, variant)).code)) {
        if (isAgain) return undefined
        await this.#fresh()
        return await this.#removes(shape, adder, isLearned, true)
      }
    const there = await this.#state.dumped(adder.dump)
    const own = payloadsOf(entryOf(adder, there, gone), isLearned ? shape.types : [])
    const { code } = await this.#ask(shape.operation, shape.attributes(gone, own), shape.words)
    const left = await this.#state.dumped(adder.dump)
    if (code !== undefined || left.length !== there.length - 1) return undefined
    const isThere = (variant: number) => entryOf(adder, left, variant) !== undefined
    return isThere(before) && !isThere(gone) && isThere(after) ? [...own.keys()] : undefined
  }
}

/** Values of a limited range, of which all that there are may be named. */
const FEW = 16n

function isOfFew({ minimum, maximum }: AttributePolicy = {}): boolean {
  return minimum !== undefined && maximum !== undefined && maximum > minimum && maximum - minimum < FEW
}

/** Errnos of what has been done already. */
function isDone(code: string): boolean {
  return ['EALREADY', 'EINPROGRESS', 'EISCONN'].includes(code)
}

/** Errnos of what is full. */
function isFull(code: string | undefined): boolean {
  return (
    code !== undefined && ['ENOSPC', 'EBUSY', 'ENOBUFS', 'ENFILE', 'EMFILE', 'EDQUOT', 'E2BIG'].includes(code)
  )
}
