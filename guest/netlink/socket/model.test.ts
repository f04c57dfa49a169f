// SPDX-License-Identifier: MIT
/**
 * Any mixture of calls, on a kernel side that answers with any bytes; MODEL_RUNS sets the number of
 * sequences. Each message carries a tag, and the place where it turns up is compared with the rules of
 * inbox.ts.
 */
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import {
  attr,
  encodeMessage,
  KernelError,
  MalformedError,
  type Message,
  NETLINK_ROUTE,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLMSG_DONE,
  NLMSG_ERROR,
  parseMessages,
  Socket,
  UnmatchedError,
} from '../index.ts'
import { type FakeSocket, type Sent, sockets } from './fake-kernel.ts'

vi.mock('./libc.ts', async () => (await import('./fake-kernel.ts')).libc)
vi.mock('./poller.ts', async () => (await import('./fake-kernel.ts')).poller)
/** When turns of the event loop are due and time goes on: a part of the sequence, and no matter of how fast this machine is. */
const due = vi.hoisted(() => ({ pattern: [false], at: 0, time: 0 }))
vi.mock('./fairness.ts', async original => {
  const fairness = await original<typeof import('./fairness.ts')>()
  let coming: Promise<void> | undefined
  const isNext = () => due.pattern[due.at++ % due.pattern.length] === true
  return {
    ...fairness,
    now: () => {
      if (isNext()) due.time += 20
      return due.time
    },
    isTurnDue: () => coming !== undefined || isNext(),
    turn: () => {
      coming ??= new Promise(resolve => {
        setImmediate(() => {
          coming = undefined
          resolve()
        })
      })
      return coming
    },
  }
})

const runs = Number(process.env.MODEL_RUNS ?? 10_000)
const TYPE = 40
const PORT = 4711

const answers = ['reply', 'two', 'portless', 'ack', 'refusal', 'bare refusal'] as const
const strays = ['event', 'next', 'otherPort', 'group', 'highGroup', 'forged', 'mixed'] as const
const garbage = ['trailing', 'length0', 'beyond', 'short'] as const
type Item = (typeof answers)[number] | (typeof strays)[number] | (typeof garbage)[number]

/** What the kernel side sends for one request; most answers are right. */
const script = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .array(fc.constantFrom<Item>('reply', 'two', 'portless'), { maxLength: 2 })
      .map(items => [...items, 'ack' as const]),
  },
  {
    weight: 3,
    arbitrary: fc.array(fc.constantFrom<Item>(...answers, ...strays, ...garbage), { maxLength: 4 }),
  },
)
const call = fc.oneof(
  fc.record({
    call: fc.constant('request' as const),
    scripts: fc.tuple(script),
    echo: fc.boolean(),
    held: fc.boolean(),
  }),
  fc.record({
    call: fc.constant('batch' as const),
    scripts: fc.array(script, { minLength: 1, maxLength: 4 }),
    echo: fc.boolean(),
    held: fc.boolean(),
  }),
  fc.record({
    call: fc.constant('dump' as const),
    scripts: fc.tuple(script.map(items => items.filter(item => item !== 'ack'))),
    parts: fc.nat(3),
    end: fc.constantFrom('done', 'never', 'left'),
    held: fc.constant(false),
  }),
  fc.record({
    call: fc.constantFrom(
      'receiveNow' as const,
      'receiveReady' as const,
      'receive' as const,
      'next' as const,
      'return' as const,
    ),
  }),
  fc.record({ call: fc.constant('stray' as const), item: fc.constantFrom<Item>(...strays, 'short') }),
  fc.record({ call: fc.constantFrom('tick' as const, 'release' as const, 'abort' as const) }),
)
const pattern = fc.oneof(fc.constant([false]), fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }))
const sequence = fc.record({
  pattern,
  listens: fc.boolean(),
  calls: fc.array(call, { minLength: 1, maxLength: 10 }),
})

/** A request that was sent, and its expected outcome. */
interface Exchange {
  readonly sequence: number
  readonly echo: boolean
  /** In the order of sending: tags of replies, and the end. */
  readonly replies: string[]
  end: 'ack' | 'refusal' | 'malformed' | undefined
  /** Messages after its end or after a malformed one are passed over. */
  isClosed: boolean
  outcome: { readonly tags: readonly string[] } | { readonly reason: unknown } | undefined
}

const tagsOf = (messages: readonly Message[]) =>
  messages.flatMap(message =>
    message.type === TYPE ? message.attributes().map(attribute => attribute.string()) : [],
  )

class World {
  readonly socket: Socket
  readonly fake: FakeSocket
  readonly exchanges: Exchange[] = []
  /** Tags that must turn up at receivers, once. */
  readonly forReceivers: string[] = []
  readonly received: string[] = []
  readonly echoes: string[] = []
  /** Garbage that was sent without an owner, and garbage that receivers got. */
  garbageSent = 0
  garbageReceived = 0
  /** An UnmatchedError may report what has been sent. */
  hasStrays = false
  readonly work: Promise<void>[] = []
  /** What answers dumps, in the order of sending, and what answers all else. */
  readonly dumps = new Set<(request: Message) => void>()
  answer: (requests: readonly Message[]) => void = () => {}
  #tags = 0
  #held: (() => void)[] = []
  #controllers: AbortController[] = []

  constructor() {
    this.socket = Socket.open(NETLINK_ROUTE, { portId: PORT, memberships: [3, 40], timeout: 60_000 })
    this.fake = sockets.get(this.socket.fd) as FakeSocket
    this.fake.answer = bytes => {
      const [first, ...others] = parseMessages(bytes) as [Message, ...Message[]]
      if ((first.flags & NLM_F_DUMP) !== NLM_F_DUMP) {
        this.answer([first, ...others])
        return
      }
      const [dump] = this.dumps
      if (dump === undefined) throw new Error('a dump that nobody asked for')
      this.dumps.delete(dump)
      dump(first)
    }
  }

  signal(): AbortSignal {
    const controller = new AbortController()
    this.#controllers.push(controller)
    return controller.signal
  }

  abort(): void {
    for (const controller of this.#controllers.splice(0)) controller.abort(new Error('aborted'))
  }

  release(): void {
    for (const send of this.#held.splice(0)) send()
  }

  tag(): string {
    return `t${++this.#tags}`
  }

  #message(sequence: number, tag: string, portId = PORT): Buffer {
    return encodeMessage({ type: TYPE, sequence, portId }, attr.string(1, tag))
  }

  #stray(bytes: (tag: string) => Buffer, rest: Omit<Sent, 'bytes'> = {}): Sent {
    const tag = this.tag()
    this.forReceivers.push(tag)
    if (!rest.group && !rest.portId) this.hasStrays = true
    return { bytes: bytes(tag), ...rest }
  }

  /** Makes an item, and notes where it has to turn up. */
  make(item: Item, exchange: Exchange | undefined): Sent {
    const sequence = exchange?.sequence ?? 0
    const isOpen = exchange !== undefined && exchange.end === undefined
    const isLate = exchange !== undefined && !isOpen && !exchange.isClosed
    const reply = (portId?: number) => {
      const tag = isLate ? 'late' : this.tag()
      if (isOpen) exchange.replies.push(tag)
      else if (!isLate) {
        this.forReceivers.push(tag)
        this.hasStrays = true
      }
      return this.#message(sequence, tag, portId)
    }
    const final = (end: Exchange['end'], errno: number, isBare = false): Sent => {
      const error = Buffer.alloc(4)
      error.writeInt32LE(-errno)
      const bytes = encodeMessage(
        { type: NLMSG_ERROR, sequence, portId: PORT },
        error,
        isBare ? Buffer.alloc(0) : encodeMessage({ type: TYPE, sequence }),
      )
      if (isOpen) exchange.end = end
      else if (!isLate) this.hasStrays = true
      if (exchange !== undefined) exchange.isClosed = true
      return { bytes }
    }
    const malformed = (bytes: Buffer): Sent => {
      if (isOpen) exchange.end = 'malformed'
      else if (!isLate) {
        this.garbageSent++
        this.hasStrays = true
      }
      return { bytes }
    }
    const raw = (length?: number) => {
      const bytes = this.#message(sequence, 'garbage')
      if (length !== undefined) bytes.writeUInt32LE(length, 0)
      return bytes
    }
    switch (item) {
      case 'reply':
        return { bytes: reply() }
      case 'two':
        return { bytes: Buffer.concat([reply(), reply()]) }
      case 'portless':
        return { bytes: reply(0) }
      case 'ack':
        return final('ack', 0)
      case 'refusal':
        return final('refusal', 22)
      case 'bare refusal':
        return final('refusal', 2, true)
      case 'event':
        return this.#stray(tag => this.#message(0, tag))
      case 'next':
        return this.#stray(tag => this.#message(0xfffff, tag))
      case 'otherPort':
        return this.#stray(tag => this.#message(sequence, tag, PORT + 1))
      case 'group':
      case 'highGroup': {
        const group = item === 'group' ? 3 : 40
        if (exchange?.echo && isOpen) {
          const bytes = reply()
          // once nobody waits for it, it is an ordinary notification
          this.echoes.push(exchange.replies.at(-1) ?? '')
          return { bytes, group }
        }
        return this.#stray(tag => this.#message(sequence, tag), { group })
      }
      case 'forged':
        return this.#stray(tag => this.#message(sequence, tag), { portId: 99 })
      case 'mixed': {
        const answer = reply()
        const { bytes } = this.#stray(tag => this.#message(0, tag))
        return { bytes: Buffer.concat([bytes, answer]) }
      }
      case 'trailing':
        return malformed(Buffer.concat([raw(), Buffer.from([1, 2])]))
      case 'length0':
        return malformed(raw(0))
      case 'beyond':
        return malformed(raw(4000))
      case 'short':
        this.garbageSent++
        this.hasStrays = true
        return { bytes: Buffer.from([4, 0, 0]) }
    }
  }

  /** Answers the next requests that are sent by these scripts. */
  expectRequests(scripts: readonly (readonly Item[])[], echo: boolean, held: boolean): Exchange[] {
    const exchanges: Exchange[] = []
    this.answer = requests => {
      for (const [i, { sequence }] of requests.entries()) {
        const exchange: Exchange = {
          sequence,
          echo,
          replies: [],
          end: undefined,
          isClosed: false,
          outcome: undefined,
        }
        exchanges.push(exchange)
        this.exchanges.push(exchange)
        const send = () => {
          // answers to a request that has ended are passed over
          const isWaiting = exchange.outcome === undefined
          for (const item of scripts[i] ?? [])
            this.fake.deliver(isWaiting ? this.make(item, exchange) : { bytes: raw(sequence) })
        }
        if (held) this.#held.push(send)
        else send()
      }
    }
    return exchanges
  }

  take(messages: readonly Message[]): void {
    this.received.push(...tagsOf(messages))
  }

  takeDatagram(datagram: { readonly messages: () => Message[] }): void {
    try {
      this.take(datagram.messages())
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.garbageReceived++
    }
  }
}

/** For a request that has ended: nobody is to see it. */
const raw = (sequence: number) =>
  encodeMessage({ type: TYPE, sequence, portId: PORT }, attr.string(1, 'late'))

async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await Promise.resolve()
}

it('whatever comes goes where it belongs', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(sequence, async ({ pattern, listens, calls }) => {
      Object.assign(due, { pattern, at: 0 })
      const world = new World()
      const { socket, fake } = world
      if (listens) socket.receiveNow()
      let subscription = listens ? socket.subscribe({ fromKernel: false, signal: world.signal() }) : undefined
      /** Receiving is refused while a subscription reads, and ends with the signal. */
      const reading = async (read: () => void | Promise<void>) => {
        try {
          await read()
        } catch (error) {
          if (!/a subscription reads|aborted/.test(`${error}`)) throw error
        }
      }
      for (const each of calls) {
        switch (each.call) {
          case 'request': {
            const exchanges = world.expectRequests(each.scripts, each.echo, each.held)
            const work = socket.request({ type: TYPE, flags: each.echo ? NLM_F_ECHO : 0 }, [], {
              signal: world.signal(),
            })
            const [exchange] = exchanges as [Exchange]
            world.work.push(
              work.then(
                replies => {
                  exchange.outcome = { tags: tagsOf(replies) }
                },
                reason => {
                  exchange.outcome = { reason }
                },
              ),
            )
            break
          }
          case 'batch': {
            const exchanges = world.expectRequests(each.scripts, each.echo, each.held)
            const flags = each.echo ? NLM_F_ECHO : 0
            const work = socket.batch(
              each.scripts.map(() => ({ type: TYPE, flags })),
              { signal: world.signal() },
            )
            world.work.push(
              work.then(results => {
                for (const [i, result] of results.entries()) {
                  const exchange = exchanges[i] as Exchange
                  exchange.outcome =
                    result.status === 'fulfilled' ? { tags: tagsOf(result.value) } : { reason: result.reason }
                }
              }),
            )
            break
          }
          case 'dump': {
            const { parts, end } = each
            const options = { signal: world.signal() }
            world.work.push(
              (async () => {
                let exchange: Exchange | undefined
                const tags: string[] = []
                const dump = socket.dump({ type: TYPE }, [], options)
                const respond = ({ sequence }: Message) => {
                  exchange = {
                    sequence,
                    echo: false,
                    replies: [],
                    end: undefined,
                    isClosed: false,
                    outcome: undefined,
                  }
                  world.exchanges.push(exchange)
                  for (const item of each.scripts[0]) fake.deliver(world.make(item, exchange))
                  for (let i = 0; i < parts; i++) fake.deliver(world.make('two', exchange))
                  if (end === 'never') return
                  fake.deliver({
                    bytes: encodeMessage({ type: NLMSG_DONE, sequence, portId: PORT }, Buffer.alloc(4)),
                  })
                  if (exchange.isClosed) world.hasStrays = true
                  exchange.end ??= 'ack'
                  exchange.isClosed = true
                }
                world.dumps.add(respond)
                try {
                  for await (const message of dump) {
                    tags.push(...tagsOf([message]))
                    if (end === 'left') break
                  }
                  if (exchange !== undefined)
                    (exchange as Exchange).outcome = end === 'left' ? { reason: 'left' } : { tags }
                } catch (reason) {
                  if (exchange !== undefined) (exchange as Exchange).outcome = { reason }
                }
                world.dumps.delete(respond)
              })(),
            )
            break
          }
          case 'receiveNow':
            if (listens)
              await reading(() => {
                const datagram = socket.receiveNow()
                if (datagram) world.takeDatagram(datagram)
              })
            break
          case 'receiveReady':
            if (listens)
              await reading(() => {
                for (const datagram of socket.receiveReady()) world.takeDatagram(datagram)
              })
            break
          case 'receive':
            if (listens)
              world.work.push(
                reading(async () => world.takeDatagram(await socket.receive({ signal: world.signal() }))),
              )
            break
          case 'next': {
            const reader = subscription
            if (reader)
              world.work.push(
                reading(async () => {
                  const { value } = await reader.next()
                  if (value?.kind === 'message') world.take([value.message])
                  if (value?.kind === 'malformed') world.garbageReceived++
                }),
              )
            break
          }
          case 'return':
            await subscription?.return()
            subscription = listens
              ? socket.subscribe({ fromKernel: false, signal: world.signal() })
              : undefined
            break
          case 'stray':
            fake.deliver(world.make(each.item, undefined))
            break
          case 'tick':
            await settle()
            break
          case 'release':
            world.release()
            break
          case 'abort':
            await settle()
            world.abort()
            await settle()
            break
        }
      }
      world.release()
      await settle()
      world.abort()
      await Promise.all(world.work)
      await subscription?.return()
      for (let rest = socket.receiveReady(); rest.length > 0; rest = socket.receiveReady())
        for (const datagram of rest) world.takeDatagram(datagram)
      socket.close()
      check(world, listens)
    }),
    { numRuns: runs },
  )
})

function check(world: World, listens: boolean): void {
  // receivers get what is for them once, and nothing else
  const echoed = new Set(world.echoes)
  const received = world.received.filter(tag => !echoed.has(tag))
  expect(received.sort()).toEqual(world.forReceivers.sort())
  expect(world.garbageReceived).toBe(world.garbageSent)
  for (const { end, outcome, replies } of world.exchanges) {
    if (outcome === undefined) throw new Error('a call has not ended')
    if ('tags' in outcome) {
      expect({ end, tags: outcome.tags }).toEqual({ end: 'ack', tags: replies })
      continue
    }
    const { reason } = outcome
    if (reason === 'left' || (reason as Error).message === 'aborted') continue
    const isTold = !listens && world.hasStrays && end === 'ack'
    if (end === 'refusal') expect(reason).toBeInstanceOf(KernelError)
    else if (end === 'malformed') expect(reason).toBeInstanceOf(MalformedError)
    else if (!(isTold && (reason instanceof UnmatchedError || reason instanceof MalformedError))) throw reason
  }
}
