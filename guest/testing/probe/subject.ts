// SPDX-License-Identifier: MIT
/** The family under probe: its module's life, and requests to it. */
import {
  type Datagram,
  encodeGenericHeader,
  encodeMessage,
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
import { answers } from '../exchange.ts'
import { loadModule, ModuleError, moduleReferences, unloadModule } from '../modules.ts'
import { type Answer, readAnswer } from './answer.ts'
import { askFamily, type Family, type Operation } from './family.ts'
import type { Told } from './faults.ts'

/** Deviations of a request from a usual one. */
export interface RequestOptions {
  readonly flags?: number
  readonly sequence?: number
  readonly version?: number
  readonly reserved?: number
}

/** Bytes after which a dump counts as endless. */
const ENDLESS = 8 << 20
/** Bytes of a receive buffer into which the answers to a batch fit. */
const ROOMY = 1 << 20

/** A payload that is good where its policy alone does not tell, or one for each variant. */
export type GivenValue = Uint8Array | ((variant: number) => Uint8Array)

/** How the family came to be there. */
export interface SubjectOptions {
  /** Good payloads by the attributes' types. */
  readonly values?: Readonly<Record<number, GivenValue>> | undefined
  /** Modules to load, in this order; unloaded in reverse. */
  readonly modules: readonly string[]
  readonly before?: (() => void | Promise<void>) | undefined
  readonly after?: (() => void | Promise<void>) | undefined
}

/** A family, and the modules that it comes with. */
export class Subject {
  readonly name: string
  readonly told: Told = new Map()
  /** Commands whose dump has no end: nobody tries it again. */
  readonly endless = new Set<number>()
  readonly #options: SubjectOptions
  #family: Family | undefined
  readonly #strict = new Map<string, boolean>()
  #isLoaded = false

  constructor(name: string, options: SubjectOptions) {
    this.name = name
    this.#options = options
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

  /** A payload that was given for an attribute. */
  given(type: number, variant: number): Buffer | undefined {
    const value = this.#options.values?.[type]
    const payload = typeof value === 'function' ? value(variant) : value
    return payload && Buffer.from(payload)
  }

  /** Loads it, and does what has to be done before. */
  async load(): Promise<Family> {
    if (!this.#isLoaded) for (const module of this.modules) this.#load(module)
    this.#isLoaded = true
    await this.#options.before?.()
    this.#family = await askFamily(this.name)
    return this.#family
  }

  #load(module: string): void {
    if (moduleReferences(module) === undefined) loadModule(module)
  }

  /** Unloads it. @throws ModuleError EAGAIN while it is in use */
  async unload(): Promise<void> {
    if (!this.#isLoaded) return
    await this.#options.after?.()
    for (const module of this.modules.toReversed()) unloadModule(module)
    this.#isLoaded = false
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
    return new Requester(this, Socket.open(NETLINK_GENERIC, options))
  }

  /** A request's bytes. */
  encode(
    { command, kind }: Pick<Operation, 'command' | 'kind'>,
    attributes: Uint8Array = Buffer.alloc(0),
    { flags = NLM_F_ACK, sequence = 1, version = this.family.version, reserved = 0 }: RequestOptions = {},
  ): Buffer {
    return encodeMessage(
      {
        type: this.family.id,
        flags: NLM_F_REQUEST | flags | (kind === 'dump' ? NLM_F_DUMP : 0),
        sequence,
      },
      encodeGenericHeader({ command, version, reserved }),
      Buffer.alloc(this.family.headerSize),
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

/** A socket that asks the family under probe, and reads whole answers. */
export class Requester implements Disposable {
  readonly socket: Socket
  readonly #subject: Subject
  readonly #sequences = new Set<number>()

  constructor(subject: Subject, socket: Socket) {
    this.#subject = subject
    this.socket = socket
  }

  /** Sends a request of a sequence number of its own, and reads its answer. */
  async ask(
    operation: Operation,
    attributes: Uint8Array = Buffer.alloc(0),
    options: RequestOptions = {},
  ): Promise<Answer> {
    const { command, kind } = operation
    if (kind === 'dump' && this.#subject.endless.has(command))
      return { datagrams: [], replies: [], code: 'endless', faults: [endless] }
    const sequence = options.sequence ?? this.socket.nextSequence()
    return await this.send(this.#subject.encode(operation, attributes, { ...options, sequence }))
  }

  /** Sends a request as it is, in a way of the caller's if it has one, and reads its answer. */
  async send(request: Buffer, how?: (bytes: Buffer) => void): Promise<Answer> {
    const { id: family, headerSize } = this.#subject.family
    const asked = { request, family, headerSize, portId: this.socket.portId, earlier: this.#sequences }
    const isDump = (request.readUInt16LE(6) & NLM_F_DUMP) === NLM_F_DUMP
    const answer = isDump
      ? await this.#dump(request)
      : { datagrams: await this.#answers(request, how), faults: [] }
    const { faults, ...read } = readAnswer(answer.datagrams, asked)
    this.#sequences.add(request.readUInt32LE(8))
    return { ...read, faults: [...answer.faults, ...faults] }
  }

  async #answers(request: Buffer, how: ((bytes: Buffer) => void) | undefined): Promise<Datagram[]> {
    if (how === undefined) return await answers(this.socket, request)
    how(request)
    return await answers(this.socket)
  }

  /** Reads a dump to its end, and no further if it has none. */
  async #dump(request: Buffer): Promise<{ datagrams: Datagram[]; faults: string[] }> {
    const { socket } = this
    const sequence = request.readUInt32LE(8)
    const datagrams: Datagram[] = []
    let bytes = 0
    socket.send(request)
    for (;;) {
      const datagram = await this.#next()
      if (datagram === undefined) return { datagrams, faults: ['the dump does not go on, and has no end'] }
      datagrams.push(datagram)
      if (hasEnd(datagram, sequence)) return { datagrams, faults: [] }
      bytes += datagram.length
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
    return this
  }

  [Symbol.dispose](): void {
    this.socket.close()
  }
}

const endless = `the dump does not end: ${ENDLESS >> 20} MiB came`

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
