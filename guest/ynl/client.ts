// SPDX-License-Identifier: MIT
/** A client for the family of a specification. */
import {
  type Datagram,
  type DumpOptions,
  GenericFamilies,
  MalformedError,
  type Message,
  NETLINK_GENERIC,
  NetlinkError,
  type OverflowError,
  parseGenericHeader,
  type RequestOptions,
  Socket,
  type SocketOptions,
  type Subscription,
  type SubscriptionOptions,
} from '../netlink/index.ts'
import { Codec, type Values } from './codec.ts'
import type { Operation, Specification } from './specification.ts'

/** How a client is opened. */
export interface YnlOptions extends SocketOptions {
  /** Whether requests are refused by a RangeError if their values fail the specification's `checks`. */
  readonly checked?: boolean
}

/** How a request is sent. */
export interface YnlRequestOptions extends Omit<RequestOptions, 'schema'> {
  /** nlmsg_flags besides NLM_F_REQUEST and NLM_F_ACK: NLM_F_CREATE and the like. */
  readonly flags?: number
}

/** How a dump is sent and waits. */
export interface YnlDumpOptions extends Omit<DumpOptions, 'schema'> {
  /** nlmsg_flags besides NLM_F_REQUEST, NLM_F_ACK and NLM_F_DUMP. */
  readonly flags?: number
}

/** What a client's subscription hands out, told apart by `kind`. */
export type YnlEvent =
  /** A notification of an operation. */
  | {
      readonly kind: 'notification'
      readonly operation: string
      readonly values: Values
      readonly datagram: Datagram
    }
  /** Messages were lost between the event before and the next. */
  | { readonly kind: 'lost'; readonly error: OverflowError }
  /** A message that the specification does not have. */
  | { readonly kind: 'unknown'; readonly message: Message; readonly datagram: Datagram }
  /** A message that is not as the specification says. */
  | { readonly kind: 'malformed'; readonly error: MalformedError; readonly datagram: Datagram }

/**
 * A client for the family of a specification, over a socket of its own.
 *
 *     using netdev = await Ynl.open(parseSpecification(readFileSync('netdev.yaml', 'utf8')))
 *     const { 'xdp-features': features } = (await netdev.do('dev-get', { ifindex: 1 })) ?? {}
 *     for (const device of await netdev.dump('dev-get')) console.log(device.ifindex)
 */
export class Ynl implements Disposable {
  /** The socket. */
  readonly socket: Socket
  /** What it was made of. */
  readonly specification: Specification
  readonly #codec: Codec
  /** The type of the family's messages; for netlink-raw 0, where it is the operation's number. */
  readonly #family: number
  readonly #groups: ReadonlyMap<string, number>
  readonly #operations: ReadonlyMap<string, Operation>
  /** By the number of replies and notifications. */
  readonly #replies: ReadonlyMap<number, Operation>

  private constructor(
    specification: Specification,
    codec: Codec,
    socket: Socket,
    family: number,
    groups: ReadonlyMap<string, number>,
  ) {
    this.specification = specification
    this.socket = socket
    this.#codec = codec
    this.#family = family
    this.#groups = groups
    const { operations } = specification
    this.#operations = new Map(operations.map(operation => [operation.name, operation]))
    this.#replies = new Map(
      operations
        .filter(({ attributeSet }) => attributeSet !== undefined)
        .flatMap(operation => (operation.reply === undefined ? [] : [[operation.reply, operation]])),
    )
  }

  /**
   * A client for a family. Of generic netlink it is looked up once: open another when its module has been
   * loaded again.
   * @throws KernelError ENOENT if the kernel has no such family, SystemCallError
   */
  static async open(specification: Specification, options: YnlOptions = {}): Promise<Ynl> {
    const { checked = false, ...ofSocket } = options
    const codec = new Codec(specification, { checked })
    if (specification.protocol === 'netlink-raw') {
      const groups = specification.groups.flatMap(({ name, value }) =>
        value === undefined ? [] : [[name, value] as const],
      )
      const socket = Socket.open(specification.protocolNumber ?? 0, { strictCheck: true, ...ofSocket })
      return new Ynl(specification, codec, socket, 0, new Map(groups))
    }
    const { timeout, namespace, trace } = ofSocket
    using families = GenericFamilies.open({
      ...(timeout !== undefined && { timeout }),
      ...(namespace !== undefined && { namespace }),
      ...(trace !== undefined && { trace }),
    })
    const { id, groups } = await families.resolve(specification.name)
    return new Ynl(specification, codec, Socket.open(NETLINK_GENERIC, ofSocket), id, groups)
  }

  /**
   * Sends a request and waits for the acknowledgement.
   * @returns the reply, undefined if there is none
   * @throws KernelError with the names of attributes, NetlinkError for several replies, which {@link doAll}
   * returns, RangeError and TypeError for values that do not fit
   */
  async do(
    operation: string,
    values: Values = {},
    options: YnlRequestOptions = {},
  ): Promise<Values | undefined> {
    const [reply, ...more] = await this.doAll(operation, values, options)
    if (more.length > 0)
      throw new NetlinkError(`${operation} was answered by ${more.length + 1} messages: doAll() returns them`)
    return reply
  }

  /** As {@link do}, for any number of replies. */
  async doAll(operation: string, values: Values = {}, options: YnlRequestOptions = {}): Promise<Values[]> {
    const { flags = 0, ...waiting } = options
    const { found, type, parts } = this.#request(operation, values)
    const schema = this.#codec.payload(found)
    const replies = await this.socket.request({ type, flags }, parts, { ...waiting, schema })
    return replies.map(reply => this.#reply(found, reply))
  }

  /** Sends a request with NLM_F_DUMP. @returns all replies, in order @throws as {@link do} */
  async dump(operation: string, values: Values = {}, options: YnlDumpOptions = {}): Promise<Values[]> {
    const { flags = 0, ...waiting } = options
    const { found, type, parts } = this.#request(operation, values)
    const schema = this.#codec.payload(found)
    const messages = await this.socket.dump({ type, flags }, parts, { ...waiting, schema }).collect()
    return messages.map(message => this.#reply(found, message))
  }

  /**
   * Joins groups, at once, and hands out what comes: `await using` or leaving the loop ends it.
   * @throws NetlinkError for a group that the family does not have
   */
  subscribe(
    groups: string | readonly string[],
    options: Omit<SubscriptionOptions, 'groups'> = {},
  ): YnlSubscription {
    const numbers = [groups].flat().map(name => {
      const number = this.#groups.get(name)
      if (number !== undefined) return number
      const there = [...this.#groups.keys()].join(', ')
      throw new NetlinkError(
        `${this.specification.name} has no group ${name}, only ${there || 'none at all'}`,
      )
    })
    const subscription = this.socket.subscribe({ ...options, groups: numbers })
    return new YnlSubscription(subscription, (message, datagram) => this.#event(message, datagram))
  }

  /** The content of a message of the family. @throws MalformedError */
  decode(message: Message): { readonly operation: string; readonly values: Values } | undefined {
    const operation = this.#replies.get(this.#number(message))
    return operation && { operation: operation.name, values: this.#codec.decode(operation, message) }
  }

  /** Closes its socket. */
  close(): void {
    this.socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #request(name: string, values: Values) {
    const found = this.#operations.get(name)
    const number = found?.request
    if (found === undefined || number === undefined) {
      const there = [...this.#operations.values()].filter(it => it.do || it.dump).map(it => it.name)
      throw new NetlinkError(`${this.specification.name} has no operation ${name}, but ${there.join(', ')}`)
    }
    const type = this.#family === 0 ? number : this.#family
    return { found, type, parts: this.#codec.encode(found, number, values) }
  }

  #number(message: Message): number {
    return this.#family === 0 ? message.type : parseGenericHeader(message).command
  }

  /** A reply may be another operation's. */
  #reply(asked: Operation, message: Message): Values {
    return this.#codec.decode(this.#replies.get(this.#number(message)) ?? asked, message)
  }

  #event(message: Message, datagram: Datagram): YnlEvent {
    const decoded = this.decode(message)
    return decoded === undefined
      ? { kind: 'unknown', message, datagram }
      : { kind: 'notification', ...decoded, datagram }
  }
}

/** The notifications of groups, as an async iterator. Made by {@link Ynl.subscribe}. */
export class YnlSubscription<E = YnlEvent> implements AsyncIterableIterator<E, undefined>, AsyncDisposable {
  readonly #subscription: Subscription
  readonly #decode: (message: Message, datagram: Datagram) => E

  /** {@link Ynl.subscribe} makes it. */
  constructor(subscription: Subscription, decode: (message: Message, datagram: Datagram) => E) {
    this.#subscription = subscription
    this.#decode = decode
  }

  /** The next event. @throws TimeoutError, ClosedError as `Socket.receive` */
  async next(): Promise<IteratorResult<E, undefined>> {
    const { done, value } = await this.#subscription.next()
    if (done) return { done: true, value: undefined }
    if (value.kind !== 'message') return { done: false, value: value as E }
    const { message, datagram } = value
    try {
      return { done: false, value: this.#decode(message, datagram) }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      return { done: false, value: { kind: 'malformed', error, datagram } as E }
    }
  }

  /** Ends it, and leaves the groups that were joined for it. */
  async return(): Promise<IteratorResult<E, undefined>> {
    await this.#subscription.return()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
