import type { DeliveredFile } from '../../guest/agent/protocol.ts'
import { MachineryError, messageOf } from '../errors.ts'
import { Guest, type GuestSpec, type SavedGuest } from '../guest/guest.ts'
import type { Loss } from '../guest/loss.ts'
import type { GuestSource } from '../guest/source.ts'
import { GuestStatistics } from '../guest/statistics.ts'
import type { Progress } from '../progress.ts'
import { discardTemplate, template } from './template.ts'

/**
 * Guests that are restored from their kernel's template, each a private copy of it. Where a template cannot be used the
 * same run goes on with cold boots, and says so once.
 */
export class Restores implements GuestSource {
  readonly statistics = new GuestStatistics()
  readonly #spec: GuestSpec
  readonly #files: () => Promise<readonly DeliveredFile[]>
  readonly #progress: Progress
  #saved: SavedGuest | undefined
  #rebuilt: Promise<void> | undefined

  constructor(spec: GuestSpec, files: () => Promise<readonly DeliveredFile[]>, progress: Progress) {
    this.#spec = spec
    this.#files = files
    this.#progress = progress
  }

  /** Makes the template where there is none: to be called before Vitest, which gives a worker 60 s to start. */
  async prepare(): Promise<void> {
    try {
      this.#saved = await template(this.#spec, this.#progress)
    } catch (error) {
      this.#giveUpTemplates(error)
    }
  }

  async acquire(): Promise<Guest> {
    const guest = await this.#next()
    this.statistics.release = guest.release
    this.statistics.startTimes.push(guest.startTime)
    return guest
  }

  release(guest: Guest): Promise<void> {
    return guest.end()
  }

  files(): Promise<readonly DeliveredFile[]> {
    return this.#files()
  }

  onLoss(loss: Loss): void {
    this.statistics.losses.push(loss)
  }

  async #next(): Promise<Guest> {
    if (!this.#saved) return await Guest.boot(this.#spec)
    try {
      return await this.#restore()
    } catch {
      return await this.#tryAgain()
    }
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
      return await Guest.boot(this.#spec)
    }
  }

  #restore(): Promise<Guest> {
    if (!this.#saved) throw new MachineryError('there is no template')
    return Guest.restore(this.#spec, this.#saved)
  }

  async #rebuild(error: unknown): Promise<void> {
    this.#progress.note(
      `the template of ${this.#spec.label} does not restore (${messageOf(error)}): building it anew`,
    )
    await discardTemplate(this.#spec)
    await this.prepare()
  }

  #giveUpTemplates(error: unknown): void {
    this.#saved = undefined
    this.#progress.note(
      `no template for ${this.#spec.label} (${messageOf(error)}): each file gets a cold boot`,
    )
  }
}
