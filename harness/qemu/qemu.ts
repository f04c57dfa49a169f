// SPDX-License-Identifier: MIT
import { readFileSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { setImmediate as immediate } from 'node:timers/promises'
import { MachineryError, messageOf } from '../base/errors.ts'
import { lastLines, tethered } from '../base/process.ts'
import { requireTool } from '../base/tools.ts'
import { withLimit } from '../base/wait.ts'
import { type MachineConfig, qemuArguments } from './command.ts'
import type { Forkable } from './fork/forkable.ts'
import { qemuBinary } from './identity.ts'
import { Monitor } from './monitor.ts'
import { type ConnectedProcess, type ProcessEnd, spawnConnected } from './process.ts'

/**
 * Characters of a console that are kept: enough for every report, and a flood does not fill this process's
 * memory.
 */
const CONSOLE_LIMIT = 256 * 1024

/** Milliseconds for a stopped machine to pass on what the guest has sent. */
const DRAIN_LIMIT = 3_000

/** Bytes per second; QEMU's default limit is meant for networks. */
const UNLIMITED = 10 * 1024 ** 3

/** A machine, without what the QEMU process adds. */
export type QemuConfig = Omit<MachineConfig, 'ports' | 'monitor' | 'console' | 'incoming'>

const migrationCapabilities = ['x-ignore-shared', 'events'].map(capability => ({ capability, state: true }))

/** Milliseconds to write an image of the guest's memory. */
const DUMP_LIMIT = 120_000

/** What became of an image of the guest's memory: its size in bytes, or why there is none. */
export type Dump = { readonly size: number } | { readonly reason: string }

/** How a virtual machine ended. */
export interface QemuExit {
  /** What ended it: the harness, the guest by a reset or power-off, or QEMU itself or a signal. */
  readonly by: 'us' | 'guest' | 'other'
  /** In words: "QEMU was killed by SIGKILL", "the guest reset itself". */
  readonly description: string
}

/** QEMU's file descriptors; those of the ports follow. */
const ERRORS = 2
const MONITOR = 3
const CONSOLE = 4
const FIRST_PORT = 5

/**
 * A QEMU process with its sockets. It cannot outlive this process (see `tethered`). All its streams are read
 * to their ends before `exited` resolves, so that nothing from the guest is lost.
 */
export class Qemu {
  readonly pid: number
  readonly monitor: Monitor
  readonly ports: Readonly<Record<string, Duplex>>
  readonly exited: Promise<QemuExit>
  readonly commandLine: readonly string[]
  readonly #process: ConnectedProcess
  /** Makes copies of it. */
  #forkable: Forkable | undefined
  #console = ''
  #stderr = ''
  #killed = false
  #quits = false
  #trouble: string | undefined
  /** Why the guest has stopped for good. */
  #guestEnd: string | undefined
  /** Bytes received from the guest. */
  #received = 0
  readonly #hostKills = hostKills()
  /** Where an image of its memory is written if its kernel dies; undefined for nowhere. */
  dumpFile: string | undefined
  #dump: Promise<Dump> | undefined

  private constructor(
    process: ConnectedProcess,
    commandLine: readonly string[],
    portNames: readonly string[],
  ) {
    this.#process = process
    this.pid = process.pid
    this.commandLine = commandLine
    const stream = (fd: number) => process.stream(fd)
    this.monitor = new Monitor(stream(MONITOR))
    this.monitor.on('SHUTDOWN', data => {
      this.#guestEnd = data.guest === true ? String(data.reason) : 'host'
      if (!this.#quits) void this.#endStopped()
    })
    this.ports = Object.fromEntries(portNames.map((name, index) => [name, stream(FIRST_PORT + index)]))
    // EPIPE or ECONNRESET: QEMU is gone, which `exited` tells.
    const console = stream(CONSOLE)
    for (const each of [...Object.values(this.ports), console])
      each
        .on('error', () => {})
        .on('data', (data: Buffer) => {
          this.#received += data.length
        })
    console.on('data', (data: Buffer) => {
      this.#console = (this.#console + data.toString('utf8')).slice(-CONSOLE_LIMIT)
    })
    stream(ERRORS).on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString('utf8')).slice(-CONSOLE_LIMIT)
    })
    this.exited = process.closed.then(end => this.#exit(end))
  }

  /**
   * @param ports the names of the virtio-serial ports, in the order in which the guest numbers them
   * @param from a file that {@link save} wrote: restores that machine instead of starting the kernel
   * @param library makes it forkable, if it is software emulation (fork/library.ts)
   * @throws MachineryError when it does not start, or is not forkable
   */
  static async start(
    config: QemuConfig,
    ports: readonly string[],
    from?: string,
    library?: string,
  ): Promise<Qemu> {
    const args = qemuArguments({
      ...config,
      monitor: MONITOR,
      console: CONSOLE,
      ports: Object.fromEntries(ports.map((name, index) => [name, FIRST_PORT + index])),
      incoming: from !== undefined,
    })
    const state = FIRST_PORT + ports.length
    const control = state + 1
    // By `env`, so that setpriv does not load it.
    const preload = library === undefined ? [] : ['env', `LD_PRELOAD=${library}`, `FORKABLE_FD=${control}`]
    const [command = qemuBinary, ...rest] = [...preload, qemuBinary, ...args]
    const [file, argv] = tethered(command, rest)
    for (const tool of [qemuBinary, file]) requireTool(tool)
    const saved = from === undefined ? undefined : await readFile(from)
    const last = library !== undefined ? control : saved ? state : state - 1
    const process = await spawnConnected(qemuBinary, [file, argv], last - ERRORS + 1)
    const qemu = new Qemu(process, [qemuBinary, ...args], ports)
    if (saved) qemu.#restore(saved, state)
    if (library !== undefined) await qemu.#makeForkable(process.stream(control))
    return qemu
  }

  /**
   * A copy of this machine, which must be stopped, and stays so: the copy runs. It does not end with this one.
   * @throws MachineryError when there is none
   */
  async fork(): Promise<Qemu> {
    if (!this.#forkable) throw new MachineryError('this QEMU was not started to be forked')
    const names = Object.keys(this.ports)
    const process = await this.#forkable.fork([
      ...[MONITOR, CONSOLE],
      ...names.map((_, index) => FIRST_PORT + index),
      // Last: until then a fork that fails says why on this one's.
      ERRORS,
    ])
    const qemu = new Qemu(process, this.commandLine, names)
    qemu.monitor.execute('cont').catch(() => {}) // QEMU is gone, as `exited` tells
    return qemu
  }

  /**
   * Saves the machine's state to a file, without its RAM, which is in a file of its own (x-ignore-shared,
   * QEMU 4.0), and leaves the machine stopped.
   */
  async save(file: string, limit: number): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.monitor.on('MIGRATION', ({ status }) => {
        if (status === 'completed') resolve()
        else if (status === 'failed' || status === 'cancelled')
          this.monitor
            .execute('query-migrate')
            .then(
              info => reject(new MachineryError(`QEMU could not save the machine: ${JSON.stringify(info)}`)),
              reject,
            )
      })
      this.exited.then(exit =>
        reject(new MachineryError(`the machine was lost while it was saved: ${exit.description}`)),
      )
    })
    done.catch(() => {}) // reported below, also when the command itself fails first
    await this.monitor.execute('migrate-set-capabilities', { capabilities: migrationCapabilities })
    await this.monitor.execute('migrate-set-parameters', { 'max-bandwidth': UNLIMITED })
    // Through `cat`: QEMU 7.2 writes only to descriptors passed over the monitor's socket, which node cannot
    // do.
    await this.monitor.execute('migrate', { uri: `exec:cat >'${file.replaceAll("'", "'\\''")}'` })
    await withLimit(done, limit, `saving the machine took longer than ${limit / 1000} s`)
  }

  /** The serial console so far: the only source for early boot and panics. */
  get console(): string {
    return this.#console
  }

  /**
   * Asks QEMU to end by itself; resolves to how it did.
   * @throws MachineryError when it does not within so many milliseconds
   */
  async quit(limit: number): Promise<ProcessEnd> {
    this.#quits = true
    this.monitor.execute('quit', {}, limit).catch(() => {}) // it may be gone before its answer
    return await withLimit(this.#process.closed, limit, `QEMU did not quit within ${limit / 1000} s`)
  }

  /** Writes the image of its memory, if one is wanted; once, however often it is called. */
  async dump(): Promise<Dump | undefined> {
    if (this.dumpFile !== undefined) this.#dump ??= this.#writeDump(this.dumpFile)
    return await this.#dump
  }

  /** What became of the image; undefined if none was to be written. */
  get dumped(): Promise<Dump> | undefined {
    return this.#dump
  }

  /** ELF: crash and drgn read it as it is. The machine stands meanwhile. */
  async #writeDump(file: string): Promise<Dump> {
    try {
      const how = { paging: false, protocol: `file:${file}`, format: 'elf' }
      await this.monitor.execute('dump-guest-memory', how, DUMP_LIMIT)
      return { size: statSync(file).size }
    } catch (error) {
      rmSync(file, { force: true })
      return { reason: messageOf(error) }
    }
  }

  /** Kills QEMU and resolves when it has exited. */
  async kill(): Promise<QemuExit> {
    this.#killed = true
    await this.#dump
    this.#process.kill()
    return await this.exited
  }

  async #makeForkable(control: Duplex): Promise<void> {
    try {
      // Loaded here: most runs need none of it.
      const { Forkable } = await import('./fork/forkable.ts')
      this.#forkable = await Forkable.connect(control, this.monitor.execute('query-version'))
    } catch (error) {
      await this.kill()
      throw error
    }
  }

  /**
   * Sends the commands of a restore without waiting for answers: QEMU runs them in order, and each round trip
   * would delay the guest. The state goes through a socket: QEMU 11.1 refuses a file's descriptor, and QEMU
   * before 8.2 does not accept a file's name.
   */
  #restore(state: Buffer, fd: number): void {
    const failed = (error: unknown) => {
      this.#trouble ??= messageOf(error)
      this.#process.kill()
    }
    this.monitor.execute('migrate-set-capabilities', { capabilities: migrationCapabilities }).catch(failed)
    this.monitor.execute('migrate-incoming', { uri: `fd:${fd}` }).catch(failed)
    const stream = this.#process.stream(fd)
    stream.on('error', () => {}) // QEMU is gone, as `exited` tells, or has refused it, as the monitor does
    stream.end(state)
  }

  /**
   * Ends a stopped machine after reading all that the guest sent: QEMU still passes on, from the guest's
   * memory, what the sockets had no room for.
   */
  async #endStopped(): Promise<void> {
    const limit = performance.now() + DRAIN_LIMIT
    try {
      // QEMU writes and answers in the same loop: after two answers with no data before them there is no
      // more.
      for (let quiet = 0; quiet < 2 && performance.now() < limit; ) {
        const before = this.#received
        await this.monitor.execute('query-status', {}, DRAIN_LIMIT)
        await immediate()
        quiet = this.#received === before ? quiet + 1 : 0
      }
    } catch {
      // QEMU does not answer, or is gone.
    }
    if (this.#guestEnd === 'guest-reset') await this.dump()
    this.#process.kill()
  }

  /** Why the host's kernel sent QEMU a signal, if that is known. */
  #reasonOf(signal: NodeJS.Signals): string {
    if (signal === 'SIGBUS') return ': the file system is full that its guest has its memory in'
    if (signal === 'SIGKILL' && hostKills() > this.#hostKills) return ': this machine ran out of memory'
    return ''
  }

  #exit({ code, signal }: ProcessEnd): QemuExit {
    if (this.#trouble) return { by: 'other', description: this.#trouble }
    if (this.#killed) return { by: 'us', description: 'ended by the harness' }
    if (signal && this.#guestEnd === undefined)
      return { by: 'other', description: describeSignal(signal, this.#stderr, this.#reasonOf(signal)) }
    if (code !== 0 && this.#guestEnd === undefined)
      return {
        by: 'other',
        description: `QEMU ended with status ${code}: ${oneLine(lastLines(this.#stderr, 3)) || 'it gave no reason'}`,
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

/**
 * How a signal ended QEMU. Before it aborts (SIGABRT) it prints the cause, which tells more than the failed
 * assertion: "failed to set MSR 0x10a to 0x69" with a broken KVM.
 * @param reason why another process may have sent the signal, as ": reason", or empty
 */
export function describeSignal(signal: NodeJS.Signals, stderr: string, reason = ''): string {
  if (signal !== 'SIGABRT') return `QEMU was killed by ${signal}${reason}`
  const [words = 'it gave no reason'] = stderr
    .split('\n')
    .filter(line => line !== '' && !/: warning: /.test(line))
  return `QEMU gave up: ${oneLine(words).replace(/^error: /, '')}`
}

/** How many processes the host's kernel has killed for lack of memory. */
function hostKills(): number {
  return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0)
}

/** QEMU's messages without its name, as part of a sentence. */
function oneLine(text: string): string {
  return text.replaceAll(`${qemuBinary}: `, '').replaceAll('\n', '; ')
}
