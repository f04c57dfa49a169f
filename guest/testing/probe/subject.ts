// SPDX-License-Identifier: MIT
/** The family under probe: its module's life, and requests to it. */
import {
  type AttributePolicy,
  type Datagram,
  encodeGenericHeader,
  encodeMessage,
  GENL_HDRLEN,
  MalformedError,
  type Message,
  NETLINK_GENERIC,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  Socket,
  type SocketOptions,
  TimeoutError,
} from '../../netlink/index.ts'
import { loadModule, ModuleError, moduleReferences, unloadModule } from '../modules.ts'
import { requireTime } from './allowance.ts'
import { type Answer, readAnswer, Unasked } from './answer.ts'
import { endWork } from './ending-work.ts'
import { askFamily, type Family, type Operation, type Policy } from './family.ts'
import type { Told } from './faults.ts'
import type { Meaning } from './meaning.ts'
import { goOn } from './request-limit.ts'
import { ToldValues } from './told-values.ts'
import { type Form, formsOf, twins } from './twins.ts'
import type { Making } from './values.ts'

/** Deviations of a request from a usual one. */
export interface RequestOptions {
  readonly flags?: number
  /** NLM_F_CREATE and the like; those that were noted for the command else. */
  readonly creation?: number
  readonly sequence?: number
  readonly version?: number
  readonly reserved?: number
  /** Of the family's own header, which is zero else. */
  readonly header?: Uint8Array
}

/** Bytes after which a dump counts as endless; those that a datagram without any counts as, and a short one. */
const ENDLESS = 8 << 20
const EMPTY = 64 << 10
const SHORT = 2 << 10
/** Bytes of a receive buffer into which the answers to a batch fit. */
const ROOMY = 1 << 20

/** A payload that is good where its policy alone does not tell, or one for each variant. */
export type GivenValue = Uint8Array | ((variant: number) => Uint8Array)

/** How the family came to be there, and what is known of it. */
export interface SubjectOptions {
  /** What a specification says. */
  readonly meaning?: Meaning | undefined
  /** Good payloads by the attributes' types, or by their names in the specification. */
  readonly values?: Readonly<Record<string | number, GivenValue>> | undefined
  /** Commands that are to come before others, by number or name. */
  readonly order?: readonly (string | number)[] | undefined
  /** The errnos with which a command may refuse good requests, by number or name. */
  readonly expect?: Readonly<Record<string | number, readonly string[]>> | undefined
  /** Modules to load, in this order; unloaded in reverse. */
  readonly modules: readonly string[]
  readonly before?: (() => void | Promise<void>) | undefined
  readonly after?: (() => void | Promise<void>) | undefined
}

/** What was found by trying values. */
class Tried {
  /** As in {@link Making}. */
  readonly isDown: boolean
  /** Flags by command. */
  readonly creation = new Map<number, number>()
  /** Payloads by the attributes' types and limits. */
  readonly fitting = new Map<string, Buffer>()
  /** Payloads of attributes inside of nests. */
  readonly inside = new Map<AttributePolicy, Buffer>()
  /** Attributes that nests have to be without. */
  readonly left = new Set<AttributePolicy>()
  /** Payloads by command and type. */
  readonly learned = new Map<string, Buffer>()

  constructor(isDown: boolean) {
    this.isDown = isDown
  }
}

/** A family, and the modules that it comes with. */
export class Subject {
  readonly name: string
  readonly told: Told = new Map()
  /** Commands whose dump has no end: nobody tries it again. */
  readonly endless = new Set<number>()
  /** What came unasked, by command. */
  readonly unasked = new Unasked()
  readonly #untold = new Map<string, Policy>()
  readonly #options: SubjectOptions
  readonly #given: ReadonlyMap<number, GivenValue>
  readonly #order: readonly number[]
  readonly #expected: ReadonlyMap<number, readonly string[]>
  #family: Family | undefined
  readonly #strict = new Map<string, boolean>()
  #tried = new Tried(false)
  readonly #toldValues = new ToldValues()
  #forms: { family?: Family; known: ReadonlyMap<number, Form> } = { known: new Map() }
  /** Those that are open. */
  readonly #requesters = new Set<Requester>()
  #isLoaded = false

  constructor(name: string, options: SubjectOptions) {
    this.name = name
    this.#options = options
    const { meaning, values = {}, order = [], expect = {} } = options
    if (meaning !== undefined && meaning.specification.name !== name)
      throw new TypeError(`spec is of the family ${meaning.specification.name}, not of ${name}`)
    this.#given = new Map(
      Object.entries(values).flatMap(([key, value]) =>
        typesOf(key, meaning).map((type): [number, GivenValue] => [type, value]),
      ),
    )
    this.#order = order.map(key => commandOf('order', `${key}`, meaning))
    this.#expected = new Map(
      Object.entries(expect).map(([key, codes]) => [commandOf('expect', key, meaning), codes]),
    )
  }

  /** What a specification says of it. */
  get meaning(): Meaning | undefined {
    return this.#options.meaning
  }

  /** The commands that are asked for one thing. */
  get commands(): Operation[] {
    return this.family.all.filter(({ kind }) => kind === 'do')
  }

  /** The dumps that end. */
  get dumps(): Operation[] {
    return this.family.all.filter(({ kind, command }) => kind === 'dump' && !this.endless.has(command))
  }

  /** A command by its number, and its name if a specification has one: `command 1 (add)`. */
  commandWords(command: number): string {
    const name = this.meaning?.commandName(command)
    return `command ${command}${name === undefined ? '' : ` (${name})`}`
  }

  /** Operations in the order that was given; others follow as they are. */
  inOrder(operations: readonly Operation[]): Operation[] {
    const place = ({ command }: Operation) => {
      const at = this.#order.indexOf(command)
      return at < 0 ? this.#order.length : at
    }
    return operations.toSorted((a, b) => place(a) - place(b))
  }

  /** The commands that were given to come before one. */
  before({ command }: Operation): Operation[] {
    const earlier = this.#order.slice(0, Math.max(0, this.#order.indexOf(command)))
    return this.inOrder(this.family.all).filter(each => each.kind === 'do' && earlier.includes(each.command))
  }

  /** What is wrong with the answer to a good request, by what was said to be expected. */
  unexpected({ command }: Operation, { code }: Answer): string[] {
    const expected = this.#expected.get(command)
    if (code === undefined || expected === undefined || expected.includes(code)) return []
    return [`refused with ${code}; expected is ${['success', ...expected].join(' or ')}`]
  }

  /** As nlctrl describes it since it was last loaded: numbers may change each time. */
  get family(): Family {
    if (this.#family === undefined) throw new Error(`the family ${this.name} is not loaded`)
    return this.#family
  }

  /** The modules that are loaded for it. */
  get modules(): readonly string[] {
    return this.#options.modules
  }

  /** The attributes of an operation that the kernel checks and does not tell of, as far as it was asked. */
  untold({ command, kind }: Operation): Policy {
    return this.#untold.get(`${command} ${kind}`) ?? new Map()
  }

  noteUntold({ command, kind }: Operation, policy: Policy): void {
    this.#untold.set(`${command} ${kind}`, policy)
  }

  /** NLM_F_CREATE and the like, without which a command makes nothing, as far as it was tried. */
  creation({ command, kind }: Pick<Operation, 'command' | 'kind'>): number {
    return kind === 'dump' ? 0 : (this.#tried.creation.get(command) ?? 0)
  }

  noteCreation({ command }: Operation, flags: number): void {
    this.#tried.creation.set(command, flags)
  }

  /** How attributes are made that their policies accept. */
  making(variant: number, counts?: readonly number[]): Making {
    const { policies } = this.family
    const { inside, left, isDown } = this.#tried
    return { policies, variant, isDown, inside, left, ...(counts && { counts }) }
  }

  /** A value that fits to others, of attributes of that type and policy: found by trying. */
  fitting(type: number, policy: AttributePolicy | undefined): Buffer | undefined {
    return this.#tried.fitting.get(limitsKey(type, policy))
  }

  noteFitting(type: number, policy: AttributePolicy | undefined, payload: Buffer): void {
    this.#tried.fitting.set(limitsKey(type, policy), payload)
  }

  forgetFitting(type: number, policy: AttributePolicy | undefined): void {
    this.#tried.fitting.delete(limitsKey(type, policy))
  }

  /** The same of an attribute inside of nests, which may have the number of another one. */
  noteInside(policy: AttributePolicy, payload: Buffer): void {
    this.#tried.inside.set(policy, payload)
  }

  /** An attribute of nests that has to be left out, as one address where there is another. */
  noteLeft(policy: AttributePolicy): void {
    this.#tried.left.add(policy)
  }

  /** A value that was told, with which alone a command has succeeded. */
  learned({ command }: Pick<Operation, 'command'>, type: number): Buffer | undefined {
    return this.#tried.learned.get(`${command} ${type}`)
  }

  noteLearned({ command }: Pick<Operation, 'command'>, type: number, payload: Buffer): void {
    this.#tried.learned.set(`${command} ${type}`, payload)
  }

  /**
   * Forgets which values were found by trying.
   * @param isDown whether integers are counted down from the greatest ones from now on
   * @returns goes back to what there was
   */
  tryAnew({ isDown = false } = {}): () => void {
    const tried = this.#tried
    this.#tried = new Tried(isDown)
    return () => {
      this.#tried = tried
    }
  }

  /** Values of an attribute that were told since the family is there. */
  toldValues(type: number): readonly Buffer[] {
    return this.#toldValues.of(type)
  }

  /** Attributes of a message that have the number of another one. */
  twinsOf(message: Message): string[] {
    const { family } = this
    if (this.#forms.family !== family) this.#forms = { family, known: formsOf(family.all) }
    try {
      return twins(message.attributes(GENL_HDRLEN + family.headerSize), this.#forms.known)
    } catch (error) {
      if (error instanceof MalformedError) return []
      throw error
    }
  }

  noteReplies(replies: readonly Message[]): void {
    this.#toldValues.noteReplies(replies, GENL_HDRLEN + this.family.headerSize)
  }

  /** A payload that was given for an attribute. */
  given(type: number, variant: number): Buffer | undefined {
    const value = this.#given.get(type)
    const payload = typeof value === 'function' ? value(variant) : value
    return payload && Buffer.from(payload)
  }

  /** Loads it, and does what has to be done before. */
  async load(): Promise<Family> {
    if (!this.#isLoaded) for (const module of this.modules) this.#load(module)
    this.#isLoaded = true
    await this.#options.before?.()
    this.#family = await askFamily(this.name, { known: this.#family })
    return this.#family
  }

  #load(module: string): void {
    if (moduleReferences(module) === undefined) loadModule(module)
  }

  /** Unloads it. @throws ModuleError EAGAIN while it is in use */
  async unload(): Promise<void> {
    if (!this.#isLoaded) return
    await this.#options.after?.()
    for (const module of this.modules.toReversed()) await this.#unload(module)
    this.#toldValues.clear()
    this.#isLoaded = false
  }

  /** What sockets have, and work, may keep a module until they end: these are no references that were forgotten. */
  async #unload(module: string): Promise<void> {
    const remedies = [
      () => {
        for (const requester of this.#requesters) requester.renew()
      },
      async () => await this.endWork(),
    ]
    for (const remedy of remedies)
      try {
        return unloadModule(module)
      } catch (error) {
        if (!this.isInUse(error)) throw error
        await remedy()
      }
    unloadModule(module)
  }

  /** Ends work that holds its modules, as far as commands do. */
  async endWork(): Promise<void> {
    using requester = this.open().withRoom()
    const { modules, commands, dumps, family } = this
    const ask = async (operation: Operation, attributes?: Buffer) =>
      await requester.ask(operation, attributes)
    await endWork({ modules, commands, dumps, headerSize: family.headerSize, ask })
  }

  /** A fresh one, if it comes with a module. */
  async reload(): Promise<void> {
    await this.unload()
    await this.load()
  }

  /** References to its modules that something still has; none if it has no module. */
  references(): string[] {
    return this.modules.flatMap(module => {
      const count = moduleReferences(module) ?? 0
      return count > 0 ? [`${module} has ${count} references`] : []
    })
  }

  /** Whether an error is that the module is in use. */
  isInUse(error: unknown): boolean {
    return error instanceof ModuleError && error.code === 'EAGAIN'
  }

  /** A socket with extended acknowledgements. */
  open(options: SocketOptions = {}): Requester {
    const requester = new Requester(this, options, () => this.#requesters.delete(requester))
    this.#requesters.add(requester)
    return requester
  }

  /** A request's bytes. */
  encode(
    { command, kind }: Pick<Operation, 'command' | 'kind'>,
    attributes: Uint8Array = Buffer.alloc(0),
    options: RequestOptions = {},
  ): Buffer {
    const { flags = NLM_F_ACK, sequence = 1, version = this.family.version, reserved = 0 } = options
    const { creation = this.creation({ command, kind }) } = options
    return encodeMessage(
      {
        type: this.family.id,
        flags: NLM_F_REQUEST | flags | creation | (kind === 'dump' ? NLM_F_DUMP : 0),
        sequence,
      },
      encodeGenericHeader({ command, version, reserved }),
      options.header ?? Buffer.alloc(this.family.headerSize),
      attributes,
    )
  }

  /** Where attributes begin in a request. */
  get start(): number {
    return 20 + ((this.family.headerSize + 3) & ~3)
  }

  /**
   * Whether attributes are checked strictly, as nlctrl does not tell it: an unknown one is refused. The first
   * call for an operation asks it.
   */
  async isStrict(operation: Operation): Promise<boolean> {
    const key = `${operation.command} ${operation.kind}`
    const known = this.#strict.get(key)
    if (known !== undefined) return known
    using requester = this.open()
    const unknown = Buffer.from([4, 0, 0xff, 0x3f])
    const { code, extendedAck } = await requester.ask(operation, unknown)
    const strict =
      code === 'EINVAL' &&
      extendedAck?.message === 'Unknown attribute type' &&
      extendedAck.offset === this.start
    this.#strict.set(key, strict)
    return strict
  }
}

/** A dump that is read datagram by datagram. */
export interface BegunDump {
  /** Reads the next one. @returns whether there are more */
  step(): Promise<boolean>
  /** What has come. */
  answer(): Answer
}

/** A socket that asks the family under probe, and reads whole answers. */
export class Requester implements Disposable {
  readonly #subject: Subject
  readonly #options: SocketOptions
  readonly #closed: () => void
  readonly #sequences = new Set<number>()
  #socket: Socket
  #isRoomy = false

  constructor(subject: Subject, options: SocketOptions, closed: () => void) {
    this.#subject = subject
    this.#options = options
    this.#closed = closed
    this.#socket = Socket.open(NETLINK_GENERIC, options)
  }

  get socket(): Socket {
    return this.#socket
  }

  /** Goes on with another socket; what the module has kept for this one goes with it. */
  renew(): void {
    if (!this.isUsable) return
    this.#socket.close()
    this.#socket = Socket.open(NETLINK_GENERIC, this.#options)
    if (this.#isRoomy) this.withRoom()
  }

  /** Sends a request of a sequence number of its own, and reads its answer. */
  async ask(
    operation: Operation,
    attributes: Uint8Array = Buffer.alloc(0),
    options: RequestOptions = {},
    how?: (bytes: Buffer) => void,
  ): Promise<Answer> {
    const { command, kind } = operation
    if (kind === 'dump' && this.#subject.endless.has(command))
      return { datagrams: [], replies: [], code: 'endless', faults: [endless] }
    const sequence = options.sequence ?? this.socket.nextSequence()
    return await this.send(this.#subject.encode(operation, attributes, { ...options, sequence }), how)
  }

  /** Sends a request as it is, in a way of the caller's if it has one, and reads its answer. */
  async send(
    request: Buffer,
    how: (bytes: Buffer) => void = bytes => this.socket.send(bytes),
  ): Promise<Answer> {
    const { id: family, headerSize } = this.#subject.family
    const { unasked } = this.#subject
    const { portId } = this.socket
    const isUnderTest = this.#subject.modules.length > 0
    const asked = { request, family, headerSize, portId, earlier: this.#sequences, unasked, isUnderTest }
    const isDump = (request.readUInt16LE(6) & NLM_F_DUMP) === NLM_F_DUMP
    await goOn()
    requireTime(() => `${this.#subject.commandWords(request[NLMSG_HDRLEN] ?? 0)}${isDump ? ' (dump)' : ''}`)
    const answer = isDump ? await this.#dump(request) : { datagrams: this.#answers(request, how), faults: [] }
    const { faults, ...read } = readAnswer(answer.datagrams, asked)
    const sequence = request.readUInt32LE(8)
    this.#sequences.add(sequence)
    this.#subject.noteReplies(read.replies)
    const { meaning } = this.#subject
    const command = request[NLMSG_HDRLEN] ?? 0
    const unnumbered =
      read.hasEventEachTime === true &&
      (await unasked.isAnswer(command, () => this.#isToldElsewhere(request)))
        ? [`a reply has the sequence number 0, not ${sequence}`]
        : []
    const kind = isDump ? 'dump' : 'do'
    const numbers = read.replies.flatMap(reply => this.#subject.twinsOf(reply))
    const meant = read.replies.flatMap(reply => meaning?.faultsOf(reply, { command, kind }) ?? [])
    return {
      ...read,
      faults: [...answer.faults, ...faults, ...unnumbered, ...new Set(numbers), ...new Set(meant)],
    }
  }

  /** Whether an event comes to another socket that asks the same; undefined if it is refused. */
  async #isToldElsewhere(request: Buffer): Promise<boolean | undefined> {
    const { id: family, headerSize } = this.#subject.family
    using other = this.#subject.open()
    const datagrams = other.#answers(request, bytes => other.socket.send(bytes))
    const unasked = new Unasked()
    const asked = {
      request,
      family,
      headerSize,
      portId: other.socket.portId,
      earlier: new Set<number>(),
      unasked,
    }
    const { code } = readAnswer(datagrams, asked)
    if (code !== undefined) return undefined
    return datagrams.some(datagram =>
      datagram.messages().some(message => message.sequence === 0 && message.type === family),
    )
  }

  /** What the kernel answers is there when the send has returned. */
  #answers(request: Buffer, how: (bytes: Buffer) => void): Datagram[] {
    how(request)
    const came: Datagram[] = []
    for (let more = this.socket.receiveReady(); more.length > 0; more = this.socket.receiveReady())
      came.push(...more)
    return came
  }

  /** Begins a dump, of which nothing is read yet. */
  begin(operation: Operation): BegunDump {
    const request = this.#subject.encode(operation, undefined, { sequence: this.socket.nextSequence() })
    const { id: family, headerSize } = this.#subject.family
    const { unasked } = this.#subject
    const { portId } = this.socket
    this.socket.send(request)
    const sequence = request.readUInt32LE(8)
    const datagrams: Datagram[] = []
    let isOver = false
    let bytes = 0
    return {
      step: async () => {
        const datagram = isOver || bytes > ENDLESS ? undefined : await this.#next()
        if (datagram === undefined) return false
        datagrams.push(datagram)
        bytes += weightOf(datagram)
        isOver = hasEnd(datagram, sequence)
        return !isOver
      },
      answer: () =>
        readAnswer(datagrams, { request, family, headerSize, portId, earlier: this.#sequences, unasked }),
    }
  }

  /** Reads a dump to its end, and no further if it has none. */
  async #dump(request: Buffer): Promise<{ datagrams: Datagram[]; faults: string[] }> {
    const sequence = request.readUInt32LE(8)
    const datagrams: Datagram[] = []
    let bytes = 0
    this.socket.send(request)
    for (;;) {
      const datagram = await this.#next()
      if (datagram === undefined) return { datagrams, faults: ['the dump does not go on, and has no end'] }
      datagrams.push(datagram)
      if (hasEnd(datagram, sequence)) return { datagrams, faults: [] }
      bytes += weightOf(datagram)
      if (bytes < ENDLESS) continue
      this.#subject.endless.add(request[NLMSG_HDRLEN] ?? 0)
      this.socket.close()
      return { datagrams, faults: [endless] }
    }
  }

  async #next(): Promise<Datagram | undefined> {
    try {
      return await this.socket.receive()
    } catch (error) {
      if (error instanceof TimeoutError) return undefined
      throw error
    }
  }

  /** Whether another request can be sent: not after an endless dump. */
  get isUsable(): boolean {
    return !this.socket.isClosed
  }

  /** Makes room for many answers. */
  withRoom(): this {
    this.socket.setReceiveBuffer(ROOMY, { force: true })
    this.#isRoomy = true
    return this
  }

  [Symbol.dispose](): void {
    this.#closed()
    this.socket.close()
  }
}

function limitsKey(type: number, { type: kind, minimum, maximum, mask }: AttributePolicy = {}): string {
  return [type, kind, minimum, maximum, mask].join(' ')
}

/** The types of an attribute that is given by its number, or by its name in a specification. */
function typesOf(key: string, meaning: Meaning | undefined): number[] {
  if (/^\d+$/.test(key)) return [Number(key)]
  if (meaning === undefined) throw new TypeError(`values: ${key} is a name, and there is no spec that has it`)
  const types = meaning.typesOf(key)
  if (types.length === 0) throw new TypeError(`values: the specification has no attribute ${key}`)
  return types
}

function commandOf(option: string, key: string, meaning: Meaning | undefined): number {
  if (/^\d+$/.test(key)) return Number(key)
  if (meaning === undefined)
    throw new TypeError(`${option}: ${key} is a name, and there is no spec that has it`)
  const command = meaning.commandOf(key)
  if (command === undefined)
    throw new TypeError(
      `${option}: the specification has no operation ${key}, but ${meaning.commandNames.join(', ')}`,
    )
  return command
}

const endless = `the dump does not end: ${ENDLESS >> 20} MiB came, or ${ENDLESS / SHORT} short datagrams, or many without a byte`

/** What a datagram counts as where a dump may have no end: each takes its time. */
function weightOf({ length }: Datagram): number {
  return length === 0 ? EMPTY : Math.max(length, SHORT)
}

/** Whether the last message of a datagram ends the dump. */
function hasEnd(datagram: Datagram, sequence: number): boolean {
  try {
    return datagram
      .messages()
      .some(
        message =>
          message.sequence === sequence && (message.type === NLMSG_DONE || message.type === NLMSG_ERROR),
      )
  } catch {
    return true
  }
}
