// SPDX-License-Identifier: MIT
import type { DeliveredFile } from '../../guest/agent/protocol.ts'
import { Guest, type GuestSpec, type SavedGuest } from '../guest/guest.ts'
import { forkLibrary } from '../qemu/fork/library.ts'
import { warmUp } from './warm.ts'

/** How often its clock is set before it is stopped, so that the first thing that forks do is translated. */
const RENEWALS = 3

/**
 * A restored guest that has run a warm-up and stands still, to be forked: its forks need not translate again
 * what it has translated.
 */
export class Zygote {
  readonly #guest: Guest

  private constructor(guest: Guest) {
    this.#guest = guest
  }

  /** @throws MachineryError when there is none to be had here, with the reason */
  static async make(spec: GuestSpec, saved: SavedGuest, packageFolder: string): Promise<Zygote> {
    const { library } = await forkLibrary()
    const guest = await Guest.restore(spec, saved, [], library)
    try {
      await warmUp(guest, packageFolder, spec.worker)
      for (let round = 0; round < RENEWALS; round++) await guest.renew()
      await guest.freeze()
      return new Zygote(guest)
    } catch (error) {
      await guest.end()
      throw error
    }
  }

  /** Whether it can still be forked. */
  get isAlive(): boolean {
    return this.#guest.loss === undefined
  }

  /** @throws MachineryError when it cannot be forked */
  async fork(files: readonly DeliveredFile[]): Promise<Guest> {
    return await this.#guest.fork(files)
  }

  /** Its forks go on. */
  async end(): Promise<void> {
    await this.#guest.end()
  }
}
