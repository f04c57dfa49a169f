// SPDX-License-Identifier: MIT
/** Sequences of requests as plain values, and how they are played. */
import { attr, MalformedError, OverflowError } from '../../netlink/index.ts'
import type { Kind, Operation } from './family.ts'
import type { Requester, Subject } from './subject.ts'

/** An attribute: its nla_type with its flags, and its payload in hex. */
export type StepAttribute = readonly [type: number, payload: string]

/**
 * One thing to do in a sequence. Requests have a socket of their own. Other sockets have numbers, and are
 * opened when they are first used.
 */
export type Step =
  /** A request and its whole answer. */
  | { readonly do: number; readonly attributes: readonly StepAttribute[] }
  /** A dump, and all of it. */
  | { readonly dump: number; readonly attributes: readonly StepAttribute[] }
  /** A dump on another socket, of which nothing is read yet. */
  | { readonly begin: number; readonly attributes: readonly StepAttribute[]; readonly socket: number }
  /** Another socket reads a datagram, if there is one, so that its dump goes on. */
  | { readonly read: number }
  /** Closes another socket, with what it has not read. */
  | { readonly close: number }
  /** Another socket joins a group of the family. */
  | { readonly join: string; readonly socket: number }
  /** Unloads the module and loads it again; other sockets stay open. */
  | { readonly reload: true }

/** What came in a step is wrong, whatever the module is for. */
export class SequenceError extends Error {
  /** The name in reports. */
  override readonly name = 'SequenceError'
  /** The step's place in the sequence, from 0 on. */
  readonly step: number

  constructor(step: number, what: string, faults: readonly string[]) {
    super(`step ${step + 1}, ${what}: ${faults.join('; ')}`)
    this.step = step
  }
}

/**
 * Plays a sequence on a family whose module is loaded. Its sockets are closed at the end.
 * @param begins called with each step's place before it
 * @throws SequenceError where an answer is wrong for any module; TimeoutError
 */
export async function play(
  subject: Subject,
  steps: readonly Step[],
  begins: (step: number) => void = () => {},
): Promise<void> {
  using player = new Player(subject)
  for (const [index, step] of steps.entries()) {
    begins(index)
    const faults = await player.play(step)
    if (faults.length > 0) throw new SequenceError(index, inWords(step), faults)
  }
}

/** A step in a few words. */
export function inWords(step: Step): string {
  if ('do' in step) return `command ${step.do}${withTypes(step.attributes)}`
  if ('dump' in step) return `dump of command ${step.dump}${withTypes(step.attributes)}`
  if ('begin' in step) return `socket ${step.socket} begins a dump of command ${step.begin}`
  if ('read' in step) return `socket ${step.read} reads`
  if ('close' in step) return `socket ${step.close} is closed`
  if ('join' in step) return `socket ${step.socket} joins ${step.join}`
  return 'the module is loaded again'
}

function withTypes(attributes: readonly StepAttribute[]): string {
  if (attributes.length === 0) return ''
  return ` with attribute${attributes.length === 1 ? '' : 's'} ${attributes.map(([type]) => type & 0x3fff).join(', ')}`
}

/** The attributes of a step as bytes. */
function attributeBytes(attributes: readonly StepAttribute[]): Buffer {
  return Buffer.concat(attributes.map(([type, payload]) => attr.binary(type, Buffer.from(payload, 'hex'))))
}

/** The sockets of a sequence. */
class Player implements Disposable {
  readonly #subject: Subject
  #requester: Requester | undefined
  readonly #others = new Map<number, Requester>()

  constructor(subject: Subject) {
    this.#subject = subject
  }

  /** @returns what is wrong, a line each */
  async play(step: Step): Promise<readonly string[]> {
    if ('do' in step) return await this.#ask('do', step.do, step.attributes)
    if ('dump' in step) return await this.#ask('dump', step.dump, step.attributes)
    if ('begin' in step) this.#begin(step.begin, step.attributes, this.#other(step.socket))
    else if ('read' in step) return read(this.#other(step.read))
    else if ('close' in step) this.#close(step.close)
    else if ('join' in step) this.#join(step.join, this.#other(step.socket))
    else return await this.#reload()
    return []
  }

  /** An operation of the family; undefined if it has none such, as after another module was loaded. */
  #operation(command: number, kind: Kind): Operation | undefined {
    return this.#subject.family.all.find(each => each.command === command && each.kind === kind)
  }

  async #ask(kind: Kind, command: number, attributes: readonly StepAttribute[]): Promise<readonly string[]> {
    const operation = this.#operation(command, kind)
    if (operation === undefined) return []
    if (!this.#requester?.isUsable) this.#requester = this.#subject.open().withRoom()
    const { faults } = await this.#requester.ask(operation, attributeBytes(attributes))
    return faults
  }

  #begin(command: number, attributes: readonly StepAttribute[], { socket }: Requester): void {
    const operation = this.#operation(command, 'dump')
    if (operation === undefined) return
    const sequence = socket.nextSequence()
    socket.send(this.#subject.encode(operation, attributeBytes(attributes), { sequence }))
  }

  #join(group: string, { socket }: Requester): void {
    const number = this.#subject.family.groups.get(group)
    if (number !== undefined) socket.join(number)
  }

  #close(number: number): void {
    this.#others.get(number)?.[Symbol.dispose]()
    this.#others.delete(number)
  }

  async #reload(): Promise<readonly string[]> {
    try {
      await this.#subject.reload()
      return []
    } catch (error) {
      if (!this.#subject.isInUse(error)) throw error
      // A dump that is under way holds the module: netlink_dump_start().
      if (this.#others.size === 0) return ['the module cannot be unloaded, though nothing uses it']
      for (const number of [...this.#others.keys()]) this.#close(number)
      return await this.#reload()
    }
  }

  #other(number: number): Requester {
    const known = this.#others.get(number)
    if (known) return known
    const made = this.#subject.open()
    this.#others.set(number, made)
    return made
  }

  [Symbol.dispose](): void {
    for (const each of [this.#requester, ...this.#others.values()]) each?.[Symbol.dispose]()
  }
}

/** Takes a datagram, if there is one: it must have messages. */
function read({ socket }: Requester): readonly string[] {
  try {
    socket.receiveNow()?.messages()
    return []
  } catch (error) {
    if (error instanceof OverflowError) return []
    if (error instanceof MalformedError) return [`a datagram that is no message: ${error.message}`]
    throw error
  }
}
