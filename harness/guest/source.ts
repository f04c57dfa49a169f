import type { DeliveredFile } from '../../guest/agent/protocol.ts'
import { Guest, type GuestSpec } from './guest.ts'
import type { Loss } from './loss.ts'

/** Where the pool gets its machines from, and what it puts into them: all that it knows of a kernel. */
export interface GuestSource {
  /** A guest of one's own; the caller ends it. */
  acquire(): Promise<Guest>
  /** Modules, client library, programs: what each guest gets before its first test. */
  files(): Promise<readonly DeliveredFile[]>
  /** Told of every guest that was lost while it was in use. */
  onLoss(loss: Loss): void
}

/** What has become of the guests of one kernel, for its line in the report. */
export interface GuestStatistics {
  /** uname -r of the guests; empty when none has booted. */
  release: string
  /** Milliseconds from QEMU's start to a loaded test worker, of each guest. */
  readonly startTimes: number[]
  readonly losses: Loss[]
}

/** Guests that are booted from nothing, one by one. */
export class ColdBoots implements GuestSource {
  readonly statistics: GuestStatistics = { release: '', startTimes: [], losses: [] }
  readonly #spec: GuestSpec
  readonly #files: () => Promise<readonly DeliveredFile[]>

  constructor(spec: GuestSpec, files: () => Promise<readonly DeliveredFile[]>) {
    this.#spec = spec
    this.#files = files
  }

  async acquire(): Promise<Guest> {
    const guest = await Guest.boot(this.#spec).catch(error => {
      this.onLoss({ cause: 'machinery', message: String(error) })
      throw error
    })
    this.statistics.release = guest.release
    this.statistics.startTimes.push(guest.bootTime)
    return guest
  }

  files(): Promise<readonly DeliveredFile[]> {
    return this.#files()
  }

  onLoss(loss: Loss): void {
    this.statistics.losses.push(loss)
  }
}
