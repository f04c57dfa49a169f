import { createHash } from 'node:crypto'
import { MachineryError, messageOf } from '../base/errors.ts'
import { type Progress, wantsColours } from '../base/progress.ts'
import { Guest, type GuestSpec } from '../guest/guest.ts'
import type { Loss } from '../guest/loss.ts'
import { GuestStatistics } from '../guest/statistics.ts'
import type { Deadline, GuestSource } from '../pool/guest-source.ts'
import { BrokenKernel, bootSplats } from '../verdict/boot.ts'
import { Decoder } from '../verdict/decode.ts'
import { type Delivered, discardTemplate, type Template, template } from './template.ts'

/**
 * Guests that are restored from their kernel's template, each a private copy of it. Where a template cannot be used the
 * same run goes on with cold boots, and says so once.
 */
export class Restores implements GuestSource {
  readonly statistics = new GuestStatistics()
  readonly colours = wantsColours()
  readonly decoder: Decoder
  readonly #spec: GuestSpec
  readonly #delivery: Delivered
  readonly #progress: Progress
  #saved: Template | undefined
  /** The package that guests of the template have. */
  #savedPackage = ''
  #rebuilt: Promise<void> | undefined
  #spare: Promise<Guest> | undefined
  /** Guests that have served a file and can serve another, where files share them. */
  readonly #idle: Guest[] = []
  #shared = false
  #expected = 0
  /** When the first guest was asked for. */
  #began: number | undefined

  constructor(spec: GuestSpec, delivery: Delivered, progress: Progress) {
    this.#spec = spec
    this.#delivery = delivery
    this.#progress = progress
    this.decoder = new Decoder(delivery.symbols)
  }

  /**
   * Makes the template where there is none: to be called before Vitest, which gives a worker 60 s to start.
   * @throws MachineryError when the kernel does not even boot by itself, BrokenKernel when it reports something on the way
   */
  async prepare(): Promise<void> {
    try {
      this.#savedPackage = this.#delivery.package.folder
      this.#saved = await template(this.#spec, this.#delivery, this.#progress)
      this.#refuse(this.#saved.bootSplats)
    } catch (error) {
      if (error instanceof BrokenKernel) throw error
      // Whether it boots at all; if it does, that guest is the first file's.
      this.#spare ??= this.#boot()
      await this.#spare
      this.#giveUpTemplates(error)
    }
  }

  /** Restores the first file's guest before it is asked for. One that nobody takes is ended with the others. */
  restoreFirst(): void {
    this.#spare ??= this.#next()
    this.#spare.catch(() => {}) // whoever takes it looks
  }

  /**
   * Says how many guests will be asked for, so that the next one can be restored while another works.
   * @param shared whether a guest may serve one file after another
   */
  expect(count: number, shared = false): void {
    this.#expected = count
    this.#shared = shared
  }

  /** What comes first: the end of a file that gets its guest now, or of all. */
  get deadline(): Deadline | undefined {
    const { limits } = this.#spec
    if (!limits) return undefined
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
    if (used) return used
    const spare = this.#spare
    this.#spare = undefined
    const guest = (await spare?.catch(() => undefined)) ?? (await this.#next())
    // A spare may have waited for long, or died.
    if (spare && !(await this.#isFresh(guest))) return await this.acquire()
    this.#expected--
    if (this.#expected > 0) this.#prepareSpare()
    this.statistics.release = guest.release
    this.statistics.startTimes.push(guest.startTime)
    return guest
  }

  async release(guest: Guest, reusable = false): Promise<void> {
    guest.removeAllListeners()
    if (this.#shared && reusable && this.#expected > 0) this.#idle.push(guest)
    else await guest.end()
    // Those that nobody will ask for any more have no reason to wait for the run's end.
    if (this.#expected <= 0) await this.#endIdle()
  }

  /** Ends the guests that nobody took. */
  async close(): Promise<void> {
    await this.#endIdle()
    const spare = this.#spare
    this.#spare = undefined
    this.#expected = 0
    await spare?.then(guest => guest.end()).catch(() => {})
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
      package: this.packageFolder,
    }
  }

  onLoss(loss: Loss): void {
    this.statistics.losses.push(loss)
  }

  #prepareSpare(): void {
    if (this.#saved && !this.#shared) this.restoreFirst()
  }

  /** A guest that has served a file before. */
  async #takeUsed(): Promise<Guest | undefined> {
    for (let guest = this.#idle.pop(); guest; guest = this.#idle.pop()) {
      // It may have died since.
      if (!(await this.#isFresh(guest))) continue
      this.#expected--
      return guest
    }
    return undefined
  }

  async #endIdle(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(guest => guest.end()))
  }

  async #isFresh(guest: Guest): Promise<boolean> {
    try {
      await guest.renew()
      return true
    } catch {
      await guest.end()
      return false
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
    if (bootSplats.length > 0 && this.#spec.bootSplats !== 'ignore')
      throw new BrokenKernel(this.#spec.label, bootSplats)
  }

  /**
   * A restore that failed may have been the victim of something else (QEMU killed, memory short for a moment), so it is
   * tried again; then the template is made anew, once a run, whoever else finds out at the same time.
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
    // In watch mode the package changes under way.
    const files = own.folder === this.#savedPackage ? modules : [...own.files, ...modules]
    return await Guest.restore(this.#spec, this.#saved, files)
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
