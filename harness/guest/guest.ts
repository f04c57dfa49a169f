// SPDX-License-Identifier: MIT
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
import { patientTimer } from '../qemu/starvation.ts'
import { GuestOutput } from './guest-output.ts'
import { KernelLog } from './kernel-log.ts'
import { type Loss, lossOf, workerLoss } from './loss.ts'

/** Vitest's settings that a test worker reads only with its first file: in a template, at the warm-up. */
export interface WorkerSettings {
  readonly globals?: boolean | undefined
  readonly disableConsoleIntercept?: boolean | undefined
  readonly maxConcurrency?: number | undefined
}

/** What a guest boots from. */
export interface GuestSpec {
  /** The kernel's label, for messages. */
  readonly label: string
  readonly machine: Pick<
    MachineConfig,
    'accelerator' | 'kernel' | 'initramfs' | 'parameters' | 'memory' | 'cpus' | 'vmcoreinfo'
  >
  /** A key of the contents of kernel and initramfs, independent of their paths. */
  readonly identity: string
  /** Settings of its test worker that differ from Vitest's defaults. */
  readonly worker?: WorkerSettings
  /** Milliseconds from QEMU's start to a loaded test worker. */
  readonly bootLimit: number
  /** Whether reports of the kernel (WARN, KASAN ...) during boot fail the guest. */
  readonly bootSplats?: 'fail' | 'ignore'
  /** Milliseconds that a file may take in its guest, and that all files may take together. */
  readonly limits?: { readonly file: number; readonly run: number | undefined }
  /** The factor by which the default limits of tests and hooks were made longer; 1 if not given. */
  readonly slowness?: number
  /** Whether its kernel looks for lost memory, which takes long. */
  readonly findsLostMemory?: boolean
  /** Whether passed tests show their conversations, too. */
  readonly trace?: boolean
  /** Where the conversations of all tests are captured. */
  readonly captureFolder?: string | undefined
  /** Whether failures carry as data what a page shows of them: conversations, kernel logs, reports. */
  readonly details?: boolean
  /**
   * Whether guests are forked from one that was restored, which software emulation allows: 'auto' where that
   * pays.
   */
  readonly fork?: boolean | 'auto'
  /** Whether its modules count what runs. */
  readonly coverage?: boolean
  /** Its test worker waits for gdb, which stops at these functions and finds sources in these folders. */
  readonly debug?:
    | {
        readonly functions: readonly string[]
        readonly patience?: number | undefined
        readonly folders: readonly string[]
      }
    | undefined
}

/** How a guest came to be: by a boot of its own, from a template's files, or from a restored guest. */
export type GuestOrigin = 'booted' | 'restored' | 'forked'

/** The files that a template restores from. */
export interface SavedGuest {
  readonly ram: string
  readonly state: string
  /** uname -r */
  readonly release: string
}

/** Milliseconds that a restore may take, many times what it needs under emulation. */
const RESTORE_LIMIT = 15_000

/**
 * Milliseconds for an answer of QEMU's monitor, for a panic after an NMI, and for the log that tells why a
 * worker ended.
 */
const MONITOR_LIMIT = 2_000
const NMI_LIMIT = 1_500
const WORKER_LOG_LIMIT = 3_000
/** Milliseconds for the examination of what a file leaves behind: kmemleak scans all memory twice. */
const FILE_END_LIMIT = 120_000
/** Milliseconds for the agent to say how a worker ended after its port closed. */
const WORKER_END_LIMIT = 1_000

/** The agent could not do a request; `code` is an errno's name if a system call failed. */
export class AgentError extends MachineryError {
  readonly code: string | undefined

  /** @param text the agent's message, with a stack below it unless a system call failed */
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
  /** A message of the test worker. */
  worker: [FromWorker]
  /** What the worker wrote to stdout and stderr. */
  output: [stream: 'stdout' | 'stderr', data: Buffer]
  /** What a program writes to its pipes: in place of `output` while this has a listener. */
  'program-output': [stream: 'stdout' | 'stderr', data: Buffer]
  /** The agent's messages about a program that it runs for the host. */
  program: [FromProgram]
  /** The guest or its worker is gone; emitted once, as the last event. */
  lost: [Loss]
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * A running guest: an agent that answers, a loaded test worker, a kernel log. It owns its QEMU, which ends
 * with `end` or with this process.
 */
export class Guest extends EventEmitter<GuestEvents> {
  readonly label: string
  /** A unique name. */
  readonly id = randomUUID()
  readonly qemu: Qemu
  readonly log = new KernelLog()
  /** The output of its programs. */
  readonly outputs: Readonly<Record<'stdout' | 'stderr', GuestOutput>>
  /** `uname -r` in the guest. */
  release = ''
  /** Milliseconds from QEMU's start until the guest was ready: worker loaded, or restore complete. */
  startTime = 0
  /** How it came to be. */
  readonly origin: GuestOrigin
  /** Milliseconds from QEMU's start until the agent of a booting guest said hello. */
  agentTime = 0
  #loss: Loss | undefined
  /** Why it is being given up; QEMU's events meanwhile are consequences. */
  #frozen: Loss | undefined
  #workerEnded = false
  #agentIsThere = false
  /** No file has run in it since it was restored. */
  #isAsSaved = false
  readonly #unexamined: string[] = []
  readonly #waiting = new Map<number, Waiting>()
  #lastRequest = 0

  private constructor(label: string, qemu: Qemu, origin: GuestOrigin) {
    super()
    this.label = label
    this.qemu = qemu
    this.origin = origin
    // A fork's ports are as they were.
    this.#agentIsThere = origin === 'forked'
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
   * @param ram the file of the guest's memory, for a guest that becomes a template
   * @throws MachineryError that says how far the boot came, with the end of the console
   */
  static async boot(spec: GuestSpec, ram: Ram = { type: 'anonymous' }): Promise<Guest> {
    const started = performance.now()
    const qemu = await Qemu.start({ ...spec.machine, ram }, Object.values(ports))
    const guest = new Guest(spec.label, qemu, 'booted')
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
   * Starts QEMU from a template's files and waits until the guest has its own clock, randomness and files.
   * @param library makes it forkable (qemu/fork/library.ts)
   * @throws MachineryError when it does not restore, or is not forkable
   */
  static async restore(
    spec: GuestSpec,
    saved: SavedGuest,
    files: readonly DeliveredFile[] = [],
    library?: string,
  ): Promise<Guest> {
    const started = performance.now()
    const ram: Ram = { type: 'file', path: saved.ram, share: false }
    const qemu = await Qemu.start({ ...spec.machine, ram }, Object.values(ports), saved.state, library)
    return await new Guest(spec.label, qemu, 'restored').#copied(saved.release, files, started)
  }

  /**
   * A copy of this guest, which must be stopped, with its own clock, randomness and files.
   * @throws MachineryError when it cannot be forked
   */
  async fork(files: readonly DeliveredFile[] = []): Promise<Guest> {
    const started = performance.now()
    return await new Guest(this.label, await this.qemu.fork(), 'forked').#copied(this.release, files, started)
  }

  /** Stops it for good, so that it can be forked. */
  async freeze(): Promise<void> {
    await this.qemu.monitor.execute('stop', {}, MONITOR_LIMIT)
  }

  /** Waits until a copy of a guest has become one of its own. */
  async #copied(release: string, files: readonly DeliveredFile[], started: number): Promise<Guest> {
    this.release = release
    this.#isAsSaved = true
    try {
      // Sent before the guest runs: the answer is its first sign of life.
      await this.renew(files)
    } catch (error) {
      await this.end()
      throw error
    }
    this.startTime = performance.now() - started
    return this
  }

  /** Gives the guest the current time, randomness of its own, and files. */
  async renew(files: readonly DeliveredFile[] = []): Promise<void> {
    await this.#request({ type: 'renew', time: Date.now(), entropy: randomBytes(64), files }, RESTORE_LIMIT)
  }

  /** Why the guest is gone; undefined while it runs. */
  get loss(): Loss | undefined {
    return this.#loss
  }

  /** Writes files into the guest. */
  async deliver(files: readonly DeliveredFile[]): Promise<void> {
    await this.#request({ type: 'deliver', files }, 30_000)
  }

  /**
   * Resolves when the agent answers, to the milliseconds in which the guest was idle: only differences mean
   * something, and it is NaN if a test has taken /proc away.
   */
  async ping(limit: number): Promise<number> {
    return (await this.#request({ type: 'ping' }, limit)) as number
  }

  /**
   * Sends a request to the agent and resolves to its answer.
   * @throws AgentError when the agent could not do it
   */
  ask(request: AgentRequest, limit = 30_000): Promise<unknown> {
    return this.#request(request, limit)
  }

  /**
   * A file begins: what exists now is not its own.
   * @param file `isLast`: no other one will use this guest; `folder`: its own, to be made; `watchesModules`: whether
   *   its end tells which modules it has read
   */
  async fileBegins(file: {
    readonly name: string
    readonly isLast: boolean
    readonly folder: string | undefined
    readonly watchesModules: boolean
  }): Promise<FileBegun> {
    const isSame = this.#isAsSaved
    this.#isAsSaved = false
    this.#unexamined.push(file.name)
    return (await this.ask({ type: 'file-begins', isSame, ...file })) as FileBegun
  }

  /**
   * A file has ended; resolves to what it leaves behind.
   * @param findsLostMemory whether that of all files since it was last looked for is part of it
   */
  async fileEnds(findsLostMemory: boolean): Promise<FileEnded> {
    const ended = (await this.ask({ type: 'file-ends', findsLostMemory }, FILE_END_LIMIT)) as FileEnded
    if (findsLostMemory) this.#unexamined.length = 0
    return ended
  }

  /** Resolves to kmemleak's report on all files since it was last asked for; empty without kmemleak. */
  async findLostMemory(): Promise<string> {
    const report = (await this.ask({ type: 'find-lost-memory' }, FILE_END_LIMIT)) as string
    this.#unexamined.length = 0
    return report
  }

  /** The files in whose time memory may have been lost that nobody has looked for. */
  get unexamined(): readonly string[] {
    return this.#unexamined
  }

  /** What the test worker is doing now. */
  async workerState(): Promise<WorkerState> {
    return (await this.ask({ type: 'worker-state' }, MONITOR_LIMIT)) as WorkerState
  }

  sendToWorker(message: ToWorker): void {
    if (!this.#loss) this.#port(ports.worker).write(encodeFrame(message))
  }

  /** Declares the guest lost for a reason that only the caller sees: it is silent, or its worker is stuck. */
  giveUp(loss: Loss): void {
    this.#lose(loss)
    void this.end()
  }

  /**
   * Declares a silent guest lost. First an NMI makes its kernel panic, with the stack of where it hangs on
   * the console. A QEMU that does not answer either, or has stopped the machine, is reported as such.
   * @param message what the guest did not do
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
    if (!this.#loss && this.#frozen.cause === 'frozen') await this.qemu.dump()
    this.giveUp(this.#frozen)
  }

  /** Ends the guest; resolves when QEMU has exited. */
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
        timer.clear()
        this.off('lost', onLost)
        resolve()
      }
      const timer = patientTimer(this.qemu.pid, limit, () => {
        const reached = agent ? 'its test worker did not load' : 'its agent did not answer'
        reject(
          new MachineryError(
            `the guest ${this.label} did not boot within ${limit / 1000} s: ${reached}`,
            evidence(),
          ),
        )
      })
      const onLost = (loss: Loss) => {
        timer.clear()
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
        // The kernel log and the worker's last messages have ports of their own, and may still be in
        // transfer.
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

  /**
   * The worker's port is closed: it has ended, as the agent will tell in detail, or cannot say anything any
   * more.
   */
  async #workerHungUp(): Promise<void> {
    await sleep(WORKER_END_LIMIT)
    const message = 'the test worker closed its connection to the harness, or became another program'
    // A kernel that shuts down closes all ports, and is reported by QEMU.
    if (this.#agentIsThere && !this.#loss && !this.#workerEnded) this.giveUp({ cause: 'worker', message })
  }

  #request(request: AgentRequest, limit: number): Promise<unknown> {
    if (this.#loss)
      return Promise.reject(new MachineryError(`the guest ${this.label} is gone: ${this.#loss.message}`))
    return new Promise((resolve, reject) => {
      const id = ++this.#lastRequest
      const timer = patientTimer(this.qemu.pid, limit, () => {
        this.#waiting.delete(id)
        reject(new MachineryError(`the guest ${this.label} did not answer within ${limit / 1000} s`))
      })
      this.#waiting.set(id, {
        resolve: value => {
          timer.clear()
          resolve(value)
        },
        reject: error => {
          timer.clear()
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
