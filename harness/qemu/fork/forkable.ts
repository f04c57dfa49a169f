// SPDX-License-Identifier: MIT
import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { MachineryError } from '../../base/errors.ts'
import { withLimit } from '../../base/wait.ts'
import type { ConnectedProcess, ProcessEnd } from '../process.ts'
import { endChild, endOf } from './children.ts'

/** What forkable.c says first: another library would speak otherwise. */
const VERSION = '1'
/** Milliseconds for the hello to arrive when QEMU runs, which it does after its library has said it. */
const HELLO_LIMIT = 1_000
/** Milliseconds for a fork: the library gives its threads 10 s to stop. */
const FORK_LIMIT = 20_000
/** Milliseconds for a fork to come whose process has ended before it told of it. */
const LATE_LIMIT = 5_000
/** Milliseconds for a connection to say whose it is. */
const SAY_LIMIT = 5_000

/** A fork that is not there yet. */
interface Coming {
  readonly sockets: Map<number, Socket>
  readonly wanted: number
  pid: number | undefined
  end: Promise<ProcessEnd> | undefined
  readonly resolve: (fork: ConnectedProcess) => void
  readonly reject: (error: Error) => void
}

/** A process with the library forkable.c in it, as its control connection shows it. */
export class Forkable {
  readonly #control: Duplex
  readonly #server: Server
  /** The server's name: abstract, so that no file stays behind. Whoever finds it lacks the forks' tokens. */
  readonly #address = `netlink-vmtest-${randomBytes(16).toString('hex')}`
  readonly #coming = new Map<string, Coming>()
  /** Forks that nobody waits for any more, if they come after all. */
  readonly #abandoned = new Set<string>()
  readonly #unknown = new Set<Socket>()
  #text = ''
  #ended = false
  #greeted: ((version: string) => void) | undefined
  #failed: ((error: Error) => void) | undefined

  private constructor(control: Duplex) {
    this.#control = control
    this.#server = createServer(socket => this.#accept(socket))
    control.setEncoding('utf8')
    control.on('error', () => {}) // 'close' follows
    control.on('data', (text: string) => this.#received(text))
    control.on('close', () => this.#close())
  }

  /**
   * Waits until the library has said hello.
   * @param runs resolves when the process has done something itself
   * @throws MachineryError when it does not, or is another version
   */
  static async connect(control: Duplex, runs: Promise<unknown>): Promise<Forkable> {
    const forkable = new Forkable(control)
    const hello = new Promise<string>((resolve, reject) => {
      forkable.#greeted = resolve
      forkable.#failed = reject
    })
    try {
      const late = `QEMU's fork library did not say hello within ${HELLO_LIMIT / 1000} s: it is not in this QEMU`
      const version = await Promise.race([hello, runs.then(() => withLimit(hello, HELLO_LIMIT, late))])
      if (version !== VERSION)
        throw new MachineryError(`QEMU's fork library has version ${version} in place of ${VERSION}`)
      await new Promise<void>((resolve, reject) => {
        forkable.#server.once('error', reject)
        forkable.#server.listen(`\0${forkable.#address}`, resolve).unref()
      })
      return forkable
    } catch (error) {
      control.destroy()
      throw error
    }
  }

  /**
   * Forks the process as it is now.
   * @param descriptors those that become connections to here; all its others must be private or harmless
   * @throws MachineryError when it cannot be forked, with the library's reason
   */
  async fork(descriptors: readonly number[]): Promise<ConnectedProcess> {
    if (this.#ended) throw new MachineryError('QEMU has ended, and is not forked')
    const token = randomBytes(16).toString('hex')
    const forked = new Promise<ConnectedProcess>((resolve, reject) => {
      this.#coming.set(token, {
        sockets: new Map(),
        wanted: descriptors.length,
        pid: undefined,
        end: undefined,
        resolve,
        reject,
      })
    })
    this.#control.write(`fork ${token} ${this.#address} ${descriptors.join(' ')}\n`)
    try {
      return await withLimit(forked, FORK_LIMIT, `QEMU did not fork within ${FORK_LIMIT / 1000} s`)
    } catch (error) {
      this.#abandon(token)
      throw error
    }
  }

  #received(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) {
      const [what, word = '', ...rest] = line.split(' ')
      if (what === 'hello') this.#greeted?.(word)
      else if (what === 'forked') this.#isThere(word, Number(rest[0]))
      else if (what === 'refused')
        this.#coming.get(word)?.reject(new MachineryError(`QEMU does not fork: ${rest.join(' ')}`))
    }
  }

  /** The fork is a child of this process, alive or not. */
  #isThere(token: string, pid: number): void {
    if (this.#abandoned.delete(token)) return endChild(pid)
    const coming = this.#coming.get(token)
    if (!coming) return
    if (coming.pid !== undefined) return
    coming.pid = pid
    coming.end = endOf(pid)
    const lost = (how: string) =>
      coming.reject(new MachineryError(`a fork of QEMU ended before it was there: ${how}`))
    if (!coming.end) return lost('it is no child of this process')
    coming.end.then(({ code, signal }) => lost(signal ?? `status ${code}`))
    this.#check(token)
  }

  #accept(socket: Socket): void {
    this.#unknown.add(socket)
    const limit = setTimeout(() => socket.destroy(), SAY_LIMIT)
    socket.on('error', () => {}) // 'close' follows
    socket.once('close', () => {
      clearTimeout(limit)
      this.#unknown.delete(socket)
    })
    const read = () => {
      const data = socket.read() as Buffer | null
      if (data === null) return
      const end = data.indexOf('\n')
      if (end < 0) return data.length > 256 ? socket.destroy() : socket.unshift(data)
      socket.off('readable', read)
      clearTimeout(limit)
      const [token = '', descriptor, pid] = data.subarray(0, end).toString().split(' ')
      socket.unshift(data.subarray(end + 1))
      this.#connected(socket, token, Number(descriptor), Number(pid))
    }
    socket.on('readable', read)
  }

  #connected(socket: Socket, token: string, descriptor: number, pid: number): void {
    // The fork says its pid, too: the process may be gone before it does.
    this.#isThere(token, pid)
    const coming = this.#coming.get(token)
    if (!coming) return void socket.destroy()
    this.#unknown.delete(socket)
    coming.sockets.set(descriptor, socket)
    this.#check(token)
  }

  #check(token: string): void {
    const coming = this.#coming.get(token)
    if (!coming?.end || coming.pid === undefined || coming.sockets.size < coming.wanted) return
    this.#coming.delete(token)
    coming.resolve(new Fork(coming.pid, coming.sockets, coming.end))
  }

  #abandon(token: string): void {
    const coming = this.#coming.get(token)
    this.#coming.delete(token)
    for (const socket of coming?.sockets.values() ?? []) socket.destroy()
    if (coming?.pid !== undefined) endChild(coming.pid)
    else this.#abandoned.add(token)
  }

  #stopListening(): void {
    this.#server.close()
    for (const socket of this.#unknown) socket.destroy()
  }

  /** The process has ended; its forks live on. */
  #close(): void {
    this.#ended = true
    const mayCome = [...this.#coming.values()].some(({ pid }) => pid === undefined)
    if (mayCome) setTimeout(() => this.#stopListening(), LATE_LIMIT).unref()
    else this.#stopListening()
    this.#failed?.(new MachineryError('QEMU ended before its fork library said hello'))
    for (const { reject } of [...this.#coming.values()])
      reject(new MachineryError('QEMU ended while it forked'))
  }
}

class Fork implements ConnectedProcess {
  readonly pid: number
  readonly closed: Promise<ProcessEnd>
  readonly #sockets: ReadonlyMap<number, Socket>
  #hasEnded = false

  constructor(pid: number, sockets: ReadonlyMap<number, Socket>, end: Promise<ProcessEnd>) {
    this.pid = pid
    this.#sockets = sockets
    const ended = end.then(how => {
      this.#hasEnded = true
      return how
    })
    const read = [...sockets.values()].map(
      socket => new Promise<void>(resolve => socket.once('close', () => resolve())),
    )
    this.closed = Promise.all(read).then(() => ended)
  }

  stream(descriptor: number): Duplex {
    return this.#sockets.get(descriptor) as Socket
  }

  kill(): void {
    if (!this.#hasEnded) process.kill(this.pid, 'SIGKILL')
  }
}
