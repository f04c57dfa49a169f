// SPDX-License-Identifier: MIT
/** In which request an allocation has failed, and whether the kernel has said that all went well. */
import {
  type Datagram,
  isAnswer,
  KernelError,
  type ObservedSocket,
  OverflowError,
  observeSockets,
  parseAnswer,
  type SocketObserver,
  SystemCallError,
} from '../netlink/index.ts'
import { observer } from '../netlink/socket/observer.ts'

/** Bytes of a message's header, and where its sequence number is (struct nlmsghdr). */
const [HEADER, SEQUENCE] = [16, 8]

/** Watches the sockets of this thread until it is disposed of. */
export class FailedRequest implements Disposable {
  readonly #hasFailed: () => boolean
  readonly #before = observer
  readonly #watching: SocketObserver
  #isKnown = false
  /** The socket that has sent the datagram in which it has failed: others use the same sequence numbers. */
  #sender: number | undefined
  /** The sequence numbers of that. */
  #requests = new Set<number>()
  readonly #granted = new Set<number>()
  #isRefused = false

  /** @param hasFailed whether the allocation has failed by now */
  constructor(hasFailed: () => boolean) {
    this.#hasFailed = hasFailed
    const before = this.#before
    this.#watching = {
      ...passing(before),
      sending: (...args) => {
        this.#look()
        before?.sending?.(...args)
      },
      sent: (...args) => {
        this.#look(args[0], sequencesIn(args[1]))
        before?.sent(...args)
      },
      received: (socket, datagram) => {
        this.#look()
        if (socket.identity === this.#sender) this.#take(datagram)
        before?.received(socket, datagram)
      },
    }
    observeSockets(this.#watching)
  }

  /**
   * Whether the request was granted, and what was thrown says something else than that memory is lacking: then it
   * was not done, and another one has found out.
   */
  isDenied(thrown: unknown): boolean {
    if (this.#isRefused || this.#requests.size === 0) return false
    // In which one of them it has failed is not known.
    if ([...this.#requests].some(each => !this.#granted.has(each))) return false
    if (thrown instanceof SystemCallError || thrown instanceof OverflowError) return false
    return !(thrown instanceof KernelError && memory.has(thrown.code))
  }

  [Symbol.dispose](): void {
    if (observer === this.#watching) observeSockets(this.#before)
  }

  /** @param sender the socket whose call has ended, if it has sent these requests */
  #look(sender?: ObservedSocket, requests = new Set<number>()): void {
    if (this.#isKnown || !this.#hasFailed()) return
    this.#isKnown = true
    this.#sender = sender?.identity
    this.#requests = requests
  }

  #take(datagram: Datagram): void {
    try {
      for (const message of datagram.messages()) {
        if (!this.#requests.has(message.sequence)) continue
        if (isAnswer(message) && parseAnswer(message).errno !== 0) this.#isRefused = true
        // Notifications have the number of the request, too.
        else if (datagram.groups === 0) this.#granted.add(message.sequence)
      }
    } catch {
      // what is malformed says nothing
    }
  }
}

/** Errnos that say it. */
const memory: ReadonlySet<string> = new Set(['ENOMEM', 'ENOBUFS', 'EAGAIN'])

function passing(before: SocketObserver | undefined): Omit<SocketObserver, 'sending' | 'sent' | 'received'> {
  return {
    opened: (...args) => before?.opened(...args),
    bound: (...args) => before?.bound(...args),
    joined: (...args) => before?.joined(...args),
    left: (...args) => before?.left(...args),
    failed: (...args) => before?.failed(...args),
    waited: (...args) => before?.waited?.(...args),
    closed: (...args) => before?.closed(...args),
  }
}

function sequencesIn(bytes: Uint8Array): Set<number> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sequences = new Set<number>()
  for (let at = 0; at + HEADER <= view.length; ) {
    sequences.add(view.readUInt32LE(at + SEQUENCE))
    at += Math.max(HEADER, (view.readUInt32LE(at) + 3) & ~3)
  }
  return sequences
}
