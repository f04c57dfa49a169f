import type { DeliveredFile } from '../../guest/agent/protocol.ts'
import { messageOf } from '../errors.ts'
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
      return await Guest.restore(this.#spec, this.#saved)
    } catch (error) {
      return await this.#rebuild(error)
    }
  }

  #rebuilt: Promise<void> | undefined

  /** A template that does not restore is made anew, once a run; several files may find out at the same time. */
  async #rebuild(error: unknown): Promise<Guest> {
    this.#rebuilt ??= (async () => {
      this.#progress.note(
        `the template of ${this.#spec.label} does not restore (${messageOf(error)}): building it anew`,
      )
      await discardTemplate(this.#spec)
      await this.prepare()
    })()
    await this.#rebuilt
    if (!this.#saved) return await Guest.boot(this.#spec)
    try {
      return await Guest.restore(this.#spec, this.#saved)
    } catch (again) {
      this.#giveUpTemplates(again)
      return await Guest.boot(this.#spec)
    }
  }

  #giveUpTemplates(error: unknown): void {
    this.#saved = undefined
    this.#progress.note(
      `no template for ${this.#spec.label} (${messageOf(error)}): each file gets a cold boot`,
    )
  }
}
