import type { DeliveredFile } from '../../guest/agent/protocol.ts'
import { Guest, type GuestSpec } from './guest.ts'
import type { Loss } from './loss.ts'
import type { GuestSource } from './source.ts'
import { GuestStatistics } from './statistics.ts'

/** Guests that are booted from nothing, one by one. */
export class ColdBoots implements GuestSource {
  readonly statistics = new GuestStatistics()
  readonly #spec: GuestSpec
  readonly #files: () => Promise<readonly DeliveredFile[]>

  constructor(spec: GuestSpec, files: () => Promise<readonly DeliveredFile[]>) {
    this.#spec = spec
    this.#files = files
  }

  async acquire(): Promise<Guest> {
    const guest = await Guest.boot(this.#spec)
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
}
