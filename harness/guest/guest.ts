import { randomBytes, randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { encodeFrame, FrameDecoder } from '../../guest/agent/frames.ts'
import {
  type AgentRequest,
  type DeliveredFile,
  type FileBegun,
  type FileEnded,
  type FromAgent,
  type FromProgram,
  type FromWorker,
  ports,
  type ToWorker,
  type WorkerState,
} from '../../guest/agent/protocol.ts'
import { MachineryError } from '../base/errors.ts'
import { lastLines } from '../base/process.ts'
import type { MachineConfig, Ram } from '../qemu/command.ts'
import { Qemu } from '../qemu/qemu.ts'
import { GuestOutput } from './guest-output.ts'
import { KernelLog } from './kernel-log.ts'
import { type Loss, lossOf, workerLoss } from './loss.ts'

/** Settings of Vitest's that a test worker takes at its first file once for all: a template's at its warm-up. */
export interface WorkerSettings {
  readonly globals?: boolean | undefined
  readonly disableConsoleIntercept?: boolean | undefined
  readonly maxConcurrency?: number | undefined
}

/** What a guest is booted from. */
export interface GuestSpec {
  /** The kernel's label, for messages. */
  readonly label: string
  readonly machine: Pick<
    MachineConfig,
    'accelerator' | 'kernel' | 'initramfs' | 'parameters' | 'memory' | 'cpus'
  >
  /** A key of the kernel and the initramfs, wherever their files lie. */
  readonly identity: string
  /** What its test worker is to have taken, where it differs from what Vitest has by itself. */
  readonly worker?: WorkerSettings
  /** Milliseconds that a guest may take from QEMU's start to a loaded test worker. */
  readonly bootLimit: number
  /** Whether a kernel may report of itself what it likes while it boots. */
  readonly bootSplats?: 'fail' | 'ignore'
  /** Milliseconds that a file may take in its guest, and all files together. */
  readonly limits?: { readonly file: number; readonly run: number | undefined }
}

/** The files that a template restores from. */
export interface SavedGuest {
  readonly ram: string
  readonly state: string
  /** uname -r */
  readonly release: string
}

/** Milliseconds that a restore may take; 0.2 s is usual under software emulation on a busy machine. */
const RESTORE_LIMIT = 15_000

/** How long QEMU's monitor may take to answer, a kernel to panic at an NMI, and the log to come that tells why a worker ended. */
const MONITOR_LIMIT = 2_000
const NMI_LIMIT = 1_500
const WORKER_LOG_LIMIT = 3_000
/** Milliseconds that a look at what a file leaves behind may take: kmemleak scans all memory twice. */
const FILE_END_LIMIT = 120_000
/** How long it may take the agent to say how a worker ended whose port is closed. */
const WORKER_END_LIMIT = 1_000

/** The agent could not do what it was asked; `code` is an errno's name where a system call was the reason. */
export class AgentError extends MachineryError {
  readonly code: string | undefined

  /** @param text what it said: a message, and for what is no system call's error the stack below it */
  constructor(text: string, code: string | undefined) {
    const [message = '', ...stack] = text.split('\n')
    super(
      `the guest's agent failed: ${message}`,
      code === undefined && stack.length > 0 ? { details: stack.join('\n') } : {},
    )
    this.code = code
  }
}

interface GuestEvents {
  /** A message of the worker's. */
  worker: [FromWorker]
  /** What the worker wrote to its own stdout and stderr. */
  output: [stream: 'stdout' | 'stderr', data: Buffer]
  /** What a program writes to its pipes, in place of `output`, while somebody listens. */
  'program-output': [stream: 'stdout' | 'stderr', data: Buffer]
  /** What the agent says of a program that runs for us. */
  program: [FromProgram]
  /** The guest or its worker is gone; said once, and nothing comes after it. */
  lost: [Loss]
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * A running guest as the harness sees it: an agent that answers, a test worker that is loaded, a kernel log. Owns its
 * QEMU: `end` ends it, and so does the end of this process.
 */
export class Guest extends EventEmitter<GuestEvents> {
  readonly label: string
  /** A name that no other guest has. */
  readonly id = randomUUID()
  readonly qemu: Qemu
  readonly log = new KernelLog()
  /** What its programs write. */
  readonly outputs: Readonly<Record<'stdout' | 'stderr', GuestOutput>>
  /** uname -r, as the guest's kernel says it. */
  release = ''
  /** Milliseconds from QEMU's start until the guest was ready: its test worker loaded, or its restore complete. */
  startTime = 0
  /** Milliseconds from QEMU's start until the agent of a guest that boots was there. */
  agentTime = 0
  #loss: Loss | undefined
  /** What it is being given up for: what QEMU says on the way is no news. */
  #frozen: Loss | undefined
  #workerEnded = false
  #agentIsThere = false
  readonly #waiting = new Map<number, Waiting>()
  #lastRequest = 0

  private constructor(label: string, qemu: Qemu) {
    super()
    this.label = label
    this.qemu = qemu
    this.#port(ports.kmsg).on('data', (bytes: Buffer) => this.log.push(bytes))
    const output = (stream: 'stdout' | 'stderr') =>
      new GuestOutput(this.#port(ports[stream]), data => {
        const event = this.listenerCount('program-output') > 0 ? 'program-output' : 'output'
        this.emit(event, stream, data)
      })
    this.outputs = { stdout: output('stdout'), stderr: output('stderr') }
    this.#decode(ports.agent, message => this.#fromAgent(message as FromAgent))
    this.#decode(ports.worker, message => this.emit('worker', message as FromWorker))
    qemu.monitor.on('VSERPORT_CHANGE', ({ id, open }) => {
      if (id === ports.agent) this.#agentIsThere = open === true
      if (id === ports.worker && open === false) void this.#workerHungUp()
    })
    qemu.exited.then(exit => this.#lose(this.#frozen ?? lossOf(exit, qemu.console)))
  }

  /**
   * Starts QEMU and waits until the agent has said hello and the test worker is loaded.
   * @param ram where the guest's memory is kept, for a guest that becomes a template
   * @throws MachineryError that says how far it came, with the end of the console
   */
  static async boot(spec: GuestSpec, ram: Ram = { type: 'anonymous' }): Promise<Guest> {
    const started = performance.now()
    const guest = new Guest(spec.label, await Qemu.start({ ...spec.machine, ram }, Object.values(ports)))
    try {
      await guest.#ready(spec.bootLimit, started)
    } catch (error) {
      await guest.end()
      throw error
    }
    guest.startTime = performance.now() - started
    return guest
  }

  /**
   * Starts QEMU from a template's files and waits until the guest has a clock, randomness and files of its own.
   * @throws MachineryError when it does not restore
   */
  static async restore(
    spec: GuestSpec,
    saved: SavedGuest,
    files: readonly DeliveredFile[] = [],
  ): Promise<Guest> {
    const started = performance.now()
    const ram: Ram = { type: 'file', path: saved.ram, share: false }
    const guest = new Guest(
      spec.label,
      await Qemu.start({ ...spec.machine, ram }, Object.values(ports), saved.state),
    )
    guest.release = saved.release
    try {
      // Written before the guest runs: its answer is its first sign of life.
      await guest.renew(files)
    } catch (error) {
      await guest.end()
      throw error
    }
    guest.startTime = performance.now() - started
    return guest
  }

  /** Gives the guest this moment's time, randomness that no other guest has, and files. */
  async renew(files: readonly DeliveredFile[] = []): Promise<void> {
    await this.#request({ type: 'renew', time: Date.now(), entropy: randomBytes(64), files }, RESTORE_LIMIT)
  }

  /** Why the guest is gone, once it is. */
  get loss(): Loss | undefined {
    return this.#loss
  }

  /** Puts files into the guest; they are there when this resolves. */
  async deliver(files: readonly DeliveredFile[]): Promise<void> {
    await this.#request({ type: 'deliver', files }, 30_000)
  }

  /** Resolves when the agent answers. */
  async ping(limit: number): Promise<void> {
    await this.#request({ type: 'ping' }, limit)
  }

  /**
   * Asks the agent, and resolves to its answer when it has done it.
   * @throws AgentError when it could not
   */
  ask(request: AgentRequest, limit = 30_000): Promise<unknown> {
    return this.#request(request, limit)
  }

  /** A file begins: what there is now is not its own. */
  async fileBegins(): Promise<FileBegun> {
    return (await this.ask({ type: 'file-begins' })) as FileBegun
  }

  /** A file has ended: what it leaves behind. */
  async fileEnds(): Promise<FileEnded> {
    return (await this.ask({ type: 'file-ends' }, FILE_END_LIMIT)) as FileEnded
  }

  /** What the test worker does now. */
  async workerState(): Promise<WorkerState> {
    return (await this.ask({ type: 'worker-state' }, MONITOR_LIMIT)) as WorkerState
  }

  sendToWorker(message: ToWorker): void {
    if (!this.#loss) this.#port(ports.worker).write(encodeFrame(message))
  }

  /** Declares the guest lost for a reason that only its user knows: it is silent, or its worker is stuck. */
  giveUp(loss: Loss): void {
    this.#lose(loss)
    void this.end()
  }

  /**
   * Declares a guest lost that answers nothing any more. Its kernel is made to say where it hangs first, by an NMI, at which it
   * panics: the stack is on the console then. A QEMU that does not answer itself, or has stopped the machine, is another matter.
   * @param message what it did not do
   */
  async giveUpFrozen(message: string): Promise<void> {
    if (this.#loss || this.#frozen) return
    this.#frozen = { cause: 'frozen', message }
    try {
      const { status } = (await this.qemu.monitor.execute('query-status', {}, MONITOR_LIMIT)) as {
        status?: string
      }
      if (status !== 'running')
        this.#frozen = { cause: 'machinery', message: `QEMU has stopped the guest: ${status}` }
      else if (/reboot: System halted/.test(this.qemu.console))
        this.#frozen = { cause: 'power-off', message: 'the guest was halted' }
      else {
        await this.qemu.monitor.execute('inject-nmi', {}, MONITOR_LIMIT)
        await Promise.race([this.qemu.exited, sleep(NMI_LIMIT)])
      }
    } catch {
      if (!this.#loss)
        this.#frozen = { cause: 'machinery', message: 'QEMU answers neither for the guest nor for itself' }
    }
    this.giveUp(this.#frozen)
  }

  /** Ends the machine; resolves when QEMU is gone. */
  async end(): Promise<void> {
    this.#loss ??= { cause: 'ended', message: 'ended by the harness' }
    await this.qemu.kill()
    this.#rejectAll(new MachineryError(`the guest ${this.label} was ended`))
    this.removeAllListeners()
  }

  async #ready(limit: number, started: number): Promise<void> {
    const evidence = () => ({ details: lastLines(this.qemu.console, 25) })
    await new Promise<void>((resolve, reject) => {
      let agent = false
      let worker = false
      const check = () => {
        if (!agent || !worker) return
        clearTimeout(timer)
        this.off('lost', onLost)
        resolve()
      }
      const timer = setTimeout(() => {
        const reached = agent ? 'its test worker did not load' : 'its agent did not answer'
        reject(
          new MachineryError(
            `the guest ${this.label} did not boot within ${limit / 1000} s: ${reached}`,
            evidence(),
          ),
        )
      }, limit)
      const onLost = (loss: Loss) => {
        clearTimeout(timer)
        reject(
          new MachineryError(`the guest ${this.label} was lost while it booted: ${loss.message}`, evidence()),
        )
      }
      this.once('lost', onLost)
      this.#onHello = () => {
        agent = true
        this.agentTime = performance.now() - started
        check()
      }
      this.once('worker', () => {
        worker = true
        check()
      })
    })
  }

  #onHello: () => void = () => {}

  #fromAgent(message: FromAgent): void {
    switch (message.type) {
      case 'hello':
        this.release = message.release
        this.#onHello()
        return
      case 'done': {
        const waiting = this.#waiting.get(message.id)
        this.#waiting.delete(message.id)
        if (message.error === undefined) waiting?.resolve(message.value)
        else waiting?.reject(new AgentError(message.error, message.code))
        return
      }
      case 'worker-exit':
        this.#workerEnded = true
        // What the kernel said of it comes on another port, and what the worker said before on its own: read, but not yet heard.
        void this.#workerSaidAll(message.mark).then(async () => {
          await immediate()
          const log = this.log.records.map(({ text }) => text).join('\n')
          this.#lose(workerLoss(message, log))
        })
        return
      default:
        this.emit('program', message)
    }
  }

  async #workerSaidAll(mark: string): Promise<void> {
    const { stdout, stderr } = this.outputs
    const written = Promise.all([stdout.ended(), stderr.ended()])
    await Promise.all([
      this.log.arrival(mark, WORKER_LOG_LIMIT),
      Promise.race([written, sleep(WORKER_LOG_LIMIT)]),
    ])
  }

  /** The worker's port is closed: it has ended, which the agent tells in more words, or can say nothing any more. */
  async #workerHungUp(): Promise<void> {
    await sleep(WORKER_END_LIMIT)
    const message = 'the test worker closed its connection to the harness, or became another program'
    // A kernel that shuts down closes all ports, and says so in its own way.
    if (this.#agentIsThere && !this.#loss && !this.#workerEnded) this.giveUp({ cause: 'worker', message })
  }

  #request(request: AgentRequest, limit: number): Promise<unknown> {
    if (this.#loss)
      return Promise.reject(new MachineryError(`the guest ${this.label} is gone: ${this.#loss.message}`))
    return new Promise((resolve, reject) => {
      const id = ++this.#lastRequest
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new MachineryError(`the guest ${this.label} did not answer within ${limit / 1000} s`))
      }, limit)
      this.#waiting.set(id, {
        resolve: value => {
          clearTimeout(timer)
          resolve(value)
        },
        reject: error => {
          clearTimeout(timer)
          reject(error)
        },
      })
      this.#port(ports.agent).write(encodeFrame({ id, request }))
    })
  }

  #lose(loss: Loss): void {
    if (this.#loss) return
    this.#loss = loss
    this.emit('lost', loss)
    this.#rejectAll(new MachineryError(`the guest ${this.label} was lost: ${loss.message}`))
  }

  #rejectAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
  }

  #decode(name: string, onMessage: (message: unknown) => void): void {
    const decoder = new FrameDecoder(onMessage)
    this.#port(name).on('data', (bytes: Buffer) => {
      try {
        decoder.push(bytes)
      } catch (error) {
        this.giveUp({ cause: 'machinery', message: `the port ${name} is unusable: ${String(error)}` })
      }
    })
  }

  #port(name: string): Duplex {
    const port = this.qemu.ports[name]
    if (!port) throw new Error(`no port ${name}`)
    return port
  }
}
