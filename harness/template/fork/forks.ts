// SPDX-License-Identifier: MIT
import type { DeliveredFile } from '../../../guest/agent/protocol.ts'
import { messageOf } from '../../base/errors.ts'
import type { Progress } from '../../base/progress.ts'
import type { Guest, GuestSpec } from '../../guest/guest.ts'
import type { Template } from '../template.ts'
import { Zygote } from './zygote.ts'

/** A zygote costs as much processor time as so many forks save. */
const WORTHWHILE = 6
/** So many failures in a run, and no more is tried. */
const FAILURES = 3

/**
 * Forks of a kernel's zygote, where they can be had and pay. Whatever fails here costs a restore: nothing is
 * thrown, and the reason is said once.
 */
export class Forks {
  readonly #spec: GuestSpec
  readonly #progress: Progress
  readonly #least: number
  /** Whether the user wants forks, however few guests there are. */
  readonly isForced: boolean
  #zygote: Promise<Zygote> | undefined
  /** The package folder of the zygote's worker. */
  #package = ''
  #failures = 0

  constructor(spec: GuestSpec, progress: Progress) {
    this.#spec = spec
    this.#progress = progress
    const { fork = false, machine } = spec
    // A virtual machine of KVM belongs to one process.
    const isPossible = machine.accelerator === 'tcg' && fork !== false
    this.isForced = isPossible && fork === true
    this.#least = !isPossible ? Number.POSITIVE_INFINITY : this.isForced ? 1 : WORTHWHILE
  }

  /**
   * The next guest, with its own clock, randomness and files; undefined if it must be restored.
   * @param packageFolder the package that tests import, which its worker has loaded
   * @param count how many guests the run takes, as far as is known
   */
  async next(
    saved: Template,
    packageFolder: string,
    files: readonly DeliveredFile[],
    count: number,
  ): Promise<Guest | undefined> {
    if (count < this.#least || this.#failures >= FAILURES) return undefined
    // In watch mode the package may change.
    if (this.#package !== packageFolder) await this.close()
    this.#package = packageFolder
    this.#zygote ??= Zygote.make(this.#spec, saved, packageFolder)
    const coming = this.#zygote
    try {
      return await (await coming).fork(files)
    } catch (error) {
      this.#failed(error)
      // Another one is made, unless somebody has done so already.
      if (this.#zygote === coming) await this.close()
      return undefined
    }
  }

  /** Ends the zygote; its forks go on. */
  async close(): Promise<void> {
    const zygote = this.#zygote
    this.#zygote = undefined
    await zygote?.then(each => each.end()).catch(() => {}) // its maker is told
  }

  #failed(error: unknown): void {
    this.#failures++
    if (this.#failures === 1)
      this.#progress.note(
        `a guest of ${this.#spec.label} cannot be forked (${messageOf(error)}): it is restored, which takes longer`,
      )
  }
}
