// SPDX-License-Identifier: MIT
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { DeliveredFile } from '../../../guest/agent/protocol.ts'
import { cached, contentKey } from '../../base/cache.ts'
import { MachineryError } from '../../base/errors.ts'
import { Guest, type GuestSpec } from '../../guest/guest.ts'
import { forkLibrary } from '../../qemu/fork/library.ts'
import { bootSplats } from '../../verdict/boot.ts'
import type { Template } from '../template.ts'
import { warm } from '../warm.ts'
import { proveForks } from './proof.ts'

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
  static async make(spec: GuestSpec, saved: Template, packageFolder: string): Promise<Zygote> {
    const { library, instructions, key } = await forkLibrary()
    const guest = await Guest.restore(spec, saved, [], library)
    try {
      // What fails in it, this kernel has not.
      await warm(guest, packageFolder, spec.worker, 'zygote')
      const [report] = await bootSplats(guest, undefined)
      if (report !== undefined)
        throw new MachineryError(`its kernel reports something in the warm-up: ${report.split('\n', 1)[0]}`)
      await guest.freeze()
      // Once for each template, library and QEMU; a failure is not kept, for the cause may pass.
      await cached('forks', contentKey(['proof', key, saved.stamp]), async folder => {
        await proveForks(guest, instructions)
        writeFileSync(path.join(folder, 'proven'), '')
      })
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
