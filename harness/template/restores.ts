// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fwCfg } from '../../kernel/needs.ts'
import { ExitStatus, HarnessError, MachineryError, messageOf } from '../base/errors.ts'
import { type Progress, wantsColours } from '../base/progress.ts'
import { Guest, type GuestSpec } from '../guest/guest.ts'
import { runInGuest } from '../guest/guest-program.ts'
import { deliverCopies } from '../guest/host-files.ts'
import type { Loss } from '../guest/loss.ts'
import { GuestStatistics } from '../guest/statistics.ts'
import { Coverage } from '../pool/coverage.ts'
import type { Debugging } from '../pool/debugger.ts'
import type { Attend, Deadline, GuestSource, Recorder } from '../pool/guest-source.ts'
import { BrokenKernel, bootSplats } from '../verdict/boot.ts'
import { Decoder } from '../verdict/decode.ts'
import { type KnownReport, KnownReports } from '../verdict/known-reports.ts'
import { Forks } from './fork/forks.ts'
import { type Delivered, discardTemplate, type Template, template } from './template.ts'

/**
 * Guests restored from their kernel's template, each a private copy, or forked from such a one. If a template
 * cannot be used, the run continues with cold boots, and says so once.
 */
export class Restores implements GuestSource {
  readonly statistics = new GuestStatistics()
  readonly coverage: Coverage | undefined
  readonly colours = wantsColours()
  readonly bringsFiles = true
  readonly decoder: Decoder
  readonly knownReports: KnownReports
  readonly recorder: Recorder | undefined
  readonly attend: Attend | undefined
  readonly #spec: GuestSpec
  readonly #delivery: Delivered
  readonly #progress: Progress
  #saved: Template | undefined
  /** The package folder in the template. */
  #savedPackage = ''
  #rebuilt: Promise<void> | undefined
  #spare: Promise<Guest> | undefined
  /** Idle guests that can serve another file, where files share guests. */
  readonly #idle: Guest[] = []
  #shared = false
  #expected = 0
  /** Guests acquired since {@link expect}. */
  #acquired = 0
  #mayBeMore = false
  readonly #forks: Forks
  /** When the first guest was acquired. */
  #began: number | undefined

  constructor(
    spec: GuestSpec,
    delivery: Delivered,
    progress: Progress,
    knownReports: readonly KnownReport[] = [],
    recorder?: Recorder,
    attend?: Attend,
  ) {
    this.#spec = spec
    this.#delivery = delivery
    this.#progress = progress
    this.#forks = new Forks(spec, progress)
    this.coverage = spec.coverage ? new Coverage() : undefined
    this.decoder = new Decoder(delivery.symbols)
    this.knownReports = new KnownReports(knownReports)
    this.recorder = recorder
    this.attend = attend
  }

  /**
   * Makes the template if there is none. Called before Vitest starts, which limits the start of a worker.
   * @throws MachineryError when the kernel does not boot, BrokenKernel when it reports something during boot
   */
  async prepare(): Promise<void> {
    try {
      this.#savedPackage = this.#delivery.package.folder
      this.#saved = await template(this.#spec, this.#delivery, this.#progress)
      this.#refuse(this.#saved.bootSplats)
    } catch (error) {
      if (error instanceof BrokenKernel) throw error
      // A cold boot tells whether the kernel boots at all; its guest serves the first file.
      this.#spare ??= this.#equipped(this.#boot())
      await this.#spare
      this.#giveUpTemplates(error)
    }
  }

  /** Restores the first file's guest in advance. If unused, it is ended with the others. */
  restoreFirst(): void {
    if (!this.#forks.isForced) this.#startSpare()
  }

  /**
   * Announces how many guests will be acquired, so that the next one can be restored in advance.
   * @param use whether a guest serves one file after another, one file, or one test: how many tests there are
   *   is not known
   */
  expect(count: number, use: 'files' | 'file' | 'test' = 'file'): void {
    this.#expected = count
    this.#acquired = 0
    this.#shared = use === 'files'
    this.#mayBeMore = use === 'test'
  }

  /** The earlier of two limits: that of a file that gets its guest now, and that of all files. */
  get deadline(): Deadline | undefined {
    const { limits, debug } = this.#spec
    if (!limits || debug || this.attend) return undefined
    const seconds = (limit: number) => `${limit / 1000} s`
    const file = {
      at: performance.now() + limits.file,
      message: `the file took longer than ${seconds(limits.file)} (fileTimeout)`,
    }
    if (limits.run === undefined) return file
    this.#began ??= performance.now()
    const run = {
      at: this.#began + limits.run,
      message: `the run took longer than ${seconds(limits.run)} (runTimeout)`,
    }
    return run.at < file.at ? run : file
  }

  async acquire(): Promise<Guest> {
    const used = await this.#takeUsed()
    // A file may have changed what the next one reads.
    if (used) return await this.#equipped(Promise.resolve(used))
    const spare = this.#spare
    this.#spare = undefined
    const guest = (await spare?.catch(() => undefined)) ?? (await this.#equipped(this.#next()))
    // A spare may have been idle for long, or have died.
    if (spare && (await this.#lossOf(guest))) return await this.acquire()
    this.#expected--
    this.#acquired++
    if (this.#expected > 0) this.#prepareSpare()
    // Where it is not there, images are without: crash finds its way all the same.
    if (this.dumps) await runInGuest(guest, { command: ['modprobe', fwCfg], folder: '/', environment: {} })
    this.statistics.release = guest.release
    this.statistics.startTimes.push(guest.startTime)
    this.statistics.origins[guest.origin]++
    // No more will come.
    if (this.#expected <= 0 && !this.#mayBeMore) await this.#forks.close()
    return guest
  }

  async release(guest: Guest, reusable = false): Promise<void> {
    guest.removeAllListeners()
    if (this.#shared && reusable && this.#expected > 0) this.#idle.push(guest)
    else await guest.end()
    // No more files will come: end idle guests now rather than with the run.
    if (this.#expected <= 0) await this.#endIdle()
  }

  /** Ends the unused guests. */
  async close(): Promise<void> {
    await Promise.all([this.#endIdle(), this.#forks.close()])
    const spare = this.#spare
    this.#spare = undefined
    this.#expected = 0
    await spare?.then(guest => guest.end()).catch(() => {})
  }

  get trace(): boolean {
    return this.#spec.trace === true
  }

  get details(): boolean {
    return this.#spec.details === true
  }

  get captureFolder(): string | undefined {
    return this.#spec.captureFolder
  }

  get debugging(): Debugging | undefined {
    const { debug } = this.#spec
    const say = (line: string) => this.#progress.note(line)
    return debug && { ...debug, symbols: this.#delivery.symbols, say }
  }

  get dumps(): boolean {
    return this.#spec.machine.vmcoreinfo === true
  }

  get slowness(): number {
    return this.#spec.slowness ?? 1
  }

  get findsLostMemory(): boolean {
    return this.#spec.findsLostMemory === true
  }

  get packageFolder(): string {
    return this.#delivery.package.folder
  }

  get identity(): Readonly<Record<string, unknown>> {
    const { identity, machine } = this.#spec
    return {
      identity,
      accelerator: machine.accelerator,
      memory: machine.memory,
      cpus: machine.cpus,
      modules: Object.fromEntries(this.#delivery.modules.map(file => [file.path, sha256(file.content)])),
      symbols: this.#symbolFiles(),
      package: this.packageFolder,
    }
  }

  /** Files with debug information, for what reads an image of the memory. */
  #symbolFiles(): Readonly<Record<string, string>> {
    const { symbols, modules } = this.#delivery
    const names = modules.map(file => path.basename(file.path, '.ko'))
    const all = [['vmlinux', symbols.vmlinux], ...names.map(name => [name, symbols.module(name)])] as const
    return Object.fromEntries(all.filter(([, file]) => file !== undefined && existsSync(file)))
  }

  onLoss(loss: Loss): void {
    this.statistics.losses.push(loss)
  }

  #prepareSpare(): void {
    if (this.#saved && !this.#shared) this.#startSpare()
  }

  #startSpare(): void {
    this.#spare ??= this.#equipped(this.#next())
    this.#spare.catch(() => {}) // whoever takes it handles the error
  }

  /** An idle guest that is still alive; undefined if there is none. */
  async #takeUsed(): Promise<Guest | undefined> {
    for (let guest = this.#idle.pop(); guest; guest = this.#idle.pop()) {
      const loss = await this.#lossOf(guest)
      if (loss) this.#explain(loss, guest)
      else {
        this.#expected--
        return guest
      }
    }
    return undefined
  }

  /**
   * An idle guest was lost.
   * @throws HarnessError if that is its kernel's fault, and so that of its files
   */
  #explain({ cause, message }: Loss, { label, unexamined }: Guest): void {
    const line = `the guest ${label} was lost after ${unexamined.join(', ')}: ${message}`
    if (cause !== 'machinery') throw new HarnessError(ExitStatus.failed, line)
    const unsaid = this.findsLostMemory ? '; memory that these files may have lost was not looked for' : ''
    this.#progress.note(line + unsaid)
  }

  async #endIdle(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(guest => guest.end()))
  }

  /** Gives a guest that has waited the present time, or ends it and resolves to why it was lost. */
  async #lossOf(guest: Guest): Promise<Loss | undefined> {
    try {
      await guest.renew()
      return undefined
    } catch (error) {
      const loss = guest.loss ?? { cause: 'frozen', message: messageOf(error) }
      await guest.end()
      return loss
    }
  }

  /** Gives a guest the user's programs and files. */
  async #equipped(coming: Promise<Guest>): Promise<Guest> {
    const guest = await coming
    try {
      await deliverCopies(guest, this.#delivery.copies ?? [])
      return guest
    } catch (error) {
      await guest.end()
      throw error
    }
  }

  async #next(): Promise<Guest> {
    if (!this.#saved) return await this.#boot()
    try {
      return await this.#restore()
    } catch {
      return await this.#tryAgain()
    }
  }

  async #boot(): Promise<Guest> {
    const guest = await Guest.boot(this.#spec)
    try {
      await guest.deliver([...this.#delivery.package.files, ...this.#delivery.modules])
      this.#refuse(await bootSplats(guest, this.decoder))
    } catch (error) {
      await guest.end()
      throw error
    }
    return guest
  }

  #refuse(bootSplats: readonly string[]): void {
    const unknown = bootSplats.filter(splat => !this.knownReports.hasDescribed(splat))
    if (unknown.length > 0 && this.#spec.bootSplats !== 'ignore')
      throw new BrokenKernel(this.#spec.label, unknown)
  }

  /**
   * After a failed restore: tries once more, because the cause may be outside (QEMU killed, memory short for
   * a moment); then makes the template anew, once in a run, however many restores fail at the same time.
   */
  async #tryAgain(): Promise<Guest> {
    try {
      return await this.#restore()
    } catch (error) {
      this.#rebuilt ??= this.#rebuild(error)
      await this.#rebuilt
    }
    try {
      return await this.#restore()
    } catch (error) {
      if (this.#saved) this.#giveUpTemplates(error)
      return await this.#boot()
    }
  }

  async #restore(): Promise<Guest> {
    if (!this.#saved) throw new MachineryError(`there is no template of ${this.#spec.label}`)
    const { package: own, modules } = this.#delivery
    // In watch mode the package may have changed since the template was made.
    const files = own.folder === this.#savedPackage ? modules : [...own.files, ...modules]
    const count = this.#acquired + Math.max(0, this.#expected)
    const fork = this.#shared ? undefined : await this.#forks.next(this.#saved, own.folder, files, count)
    return fork ?? (await Guest.restore(this.#spec, this.#saved, files))
  }

  async #rebuild(error: unknown): Promise<void> {
    this.#progress.note(
      `the template of ${this.#spec.label} does not restore (${messageOf(error)}): building it anew`,
    )
    if (this.#saved) await discardTemplate(this.#spec, this.#delivery, this.#saved)
    await this.prepare()
  }

  #giveUpTemplates(error: unknown): void {
    this.#saved = undefined
    this.#progress.note(
      `no template for ${this.#spec.label} (${messageOf(error)}): each file gets a cold boot`,
    )
  }
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
