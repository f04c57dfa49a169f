import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { MachineryError } from '../errors.ts'
import { lastLines, runToolOrFail, tethered } from '../process.ts'
import { type MachineConfig, qemuArguments } from './command.ts'
import { Monitor } from './monitor.ts'

export const qemuBinary = 'qemu-system-x86_64'

let identity: Promise<string> | undefined

/** What tells one QEMU from another: the file, its size and its date (asking for the version would start it). */
export function qemuIdentity(): Promise<string> {
  identity ??= (async () => {
    const { stdout } = await runToolOrFail(
      'sh',
      ['-c', `f=$(command -v ${qemuBinary}) && stat -L -c '%n %s %Y' "$f"`],
      {
        timeout: 5_000,
      },
    ).catch(() => {
      throw new MachineryError(`${qemuBinary} is not installed: run ./run-vm.sh once, which installs it`)
    })
    return stdout.trim()
  })()
  return identity
}

/** How much of a console is kept: enough for every report, and a flood does not fill our memory. */
const CONSOLE_LIMIT = 256 * 1024

/** How a virtual machine ended. */
export interface QemuExit {
  /** Who ended it: we, the guest by a reset or power-off, or something else: QEMU itself or a signal. */
  readonly by: 'us' | 'guest' | 'other'
  /** In words: "QEMU was killed by SIGKILL", "the guest reset itself". */
  readonly description: string
}

/** The fixed descriptors of a QEMU process of ours; the ports follow. */
const MONITOR = 3
const CONSOLE = 4
const FIRST_PORT = 5

/**
 * A QEMU process with its sockets. It cannot outlive this process (see `tethered`), and all its streams are read to
 * their ends before `exited` resolves, so that nothing that the guest said is lost.
 */
export class Qemu {
  readonly pid: number
  readonly monitor: Monitor
  readonly ports: Readonly<Record<string, Duplex>>
  readonly exited: Promise<QemuExit>
  readonly commandLine: readonly string[]
  readonly #process: ChildProcess
  #console = ''
  #stderr = ''
  #killed = false
  #guestEnd: string | undefined

  private constructor(
    process: ChildProcess,
    pid: number,
    commandLine: readonly string[],
    portNames: readonly string[],
  ) {
    this.#process = process
    this.pid = pid
    this.commandLine = commandLine
    const stream = (fd: number) => process.stdio[fd] as Duplex
    this.monitor = new Monitor(stream(MONITOR))
    this.monitor.on('SHUTDOWN', data => {
      if (data.guest === true) this.#guestEnd = String(data.reason)
    })
    this.ports = Object.fromEntries(portNames.map((name, index) => [name, stream(FIRST_PORT + index)]))
    // A socket to a QEMU that is gone gives EPIPE or ECONNRESET; that it is gone is told by `exited`.
    for (const port of Object.values(this.ports)) port.on('error', () => {})
    const console = stream(CONSOLE)
    console.on('error', () => {})
    console.on('data', (data: Buffer) => {
      this.#console = (this.#console + data.toString('utf8')).slice(-CONSOLE_LIMIT)
    })
    ;(process.stderr as Readable).on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString('utf8')).slice(-CONSOLE_LIMIT)
    })
    this.exited = new Promise(resolve =>
      process.once('close', (code, signal) => resolve(this.#exit(code, signal))),
    )
  }

  /** @param ports the names of the virtio-serial ports, in the order in which the guest numbers them */
  static async start(
    config: Omit<MachineConfig, 'ports' | 'monitor' | 'console'>,
    ports: readonly string[],
  ): Promise<Qemu> {
    const args = qemuArguments({
      ...config,
      monitor: MONITOR,
      console: CONSOLE,
      ports: Object.fromEntries(ports.map((name, index) => [name, FIRST_PORT + index])),
    })
    const [file, argv] = tethered(qemuBinary, args)
    // node makes each 'pipe' a pair of connected UNIX sockets, which is what QEMU wants to inherit
    const process = spawn(file, argv, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', ...ports.map(() => 'pipe' as const)],
    })
    await new Promise<void>((resolve, reject) => {
      process.once('spawn', resolve)
      process.once('error', error =>
        reject(new MachineryError(`cannot start ${file}: ${error.message}`, { cause: error })),
      )
    })
    return new Qemu(process, process.pid as number, [qemuBinary, ...args], ports)
  }

  /** The serial console so far: early boot and panics, which no other way shows. */
  get console(): string {
    return this.#console
  }

  /** Ends the machine at once and resolves when it is gone. */
  async kill(): Promise<QemuExit> {
    this.#killed = true
    this.#process.kill('SIGKILL')
    return await this.exited
  }

  #exit(code: number | null, signal: NodeJS.Signals | null): QemuExit {
    if (this.#killed) return { by: 'us', description: 'ended by the harness' }
    if (signal) return { by: 'other', description: `QEMU was killed by ${signal}` }
    if (code === 127)
      return {
        by: 'other',
        description: `${qemuBinary} is not installed: run ./run-vm.sh once, which installs it`,
      }
    if (code !== 0)
      return {
        by: 'other',
        description: `QEMU ended with status ${code}: ${lastLines(this.#stderr, 3) || 'it gave no reason'}`,
      }
    const how =
      this.#guestEnd === 'guest-reset'
        ? 'reset itself'
        : this.#guestEnd === 'guest-shutdown'
          ? 'powered off'
          : 'ended'
    return { by: 'guest', description: `the guest ${how}` }
  }
}
