// SPDX-License-Identifier: MIT
/** A file's turn to run in a guest. */
export interface Turn {
  /** The number of its lane, from 1 on: VITEST_POOL_ID in the test. */
  readonly lane: number
  /** Makes sure that the lane's next file is one of the same kernel. @returns false if none is waiting */
  claimNext(): boolean
  /** Gives the lane to the next file; a second call does nothing. */
  end(): void
}

interface Waiting<Kernel> {
  readonly kernel: Kernel
  readonly start: (turn: Turn) => void
}

/**
 * Limits how many guests, of all kernels, work at the same time, for files that share guests. A lane stays
 * with its kernel while that has files, so that a kernel usually has one guest: each further one must be
 * restored, and QEMU translates its code again (docs/measurements.md, Guests that files share).
 */
export class Lanes<Kernel extends object> {
  readonly #count: number
  /** In order of arrival. */
  readonly #waiting: Waiting<Kernel>[] = []
  /** The running file of each lane. */
  readonly #atWork = new Map<number, Waiting<Kernel>>()
  /** The file that a lane is to take next, where that is settled. */
  readonly #claimed = new Map<number, Waiting<Kernel>>()
  #due = false

  constructor(count: number) {
    this.#count = count
  }

  /**
   * Waits for a lane.
   * @throws the signal's reason when that comes first
   */
  async enter(kernel: Kernel, signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Turn>()
    const waiting: Waiting<Kernel> = { kernel, start: resolve }
    const leave = () => {
      if (this.#withdraw(waiting)) reject(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    this.#waiting.push(waiting)
    // A run's files arrive in one tick. Wait for all, so that the second lane can choose another kernel than
    // the first.
    if (!this.#due) setImmediate(() => this.#fill())
    this.#due = true
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #fill(): void {
    this.#due = false
    while (this.#waiting.length > 0 && this.#atWork.size < this.#count) this.#startNext()
  }

  /** @param last the lane's kernel so far */
  #startNext(last?: Kernel): void {
    const next = this.#waiting.find(({ kernel }) => kernel === last) ?? this.#farthest()
    if (!next) return
    this.#waiting.splice(this.#waiting.indexOf(next), 1)
    let lane = 1
    while (this.#atWork.has(lane)) lane++
    this.#start(next, lane)
  }

  #start(next: Waiting<Kernel>, lane: number): void {
    this.#atWork.set(lane, next)
    next.start({
      lane,
      claimNext: () => this.#claim(lane, next),
      end: () => this.#end(lane, next),
    })
  }

  #claim(lane: number, who: Waiting<Kernel>): boolean {
    if (this.#atWork.get(lane) !== who) return false
    const next = this.#claimed.get(lane) ?? this.#waiting.find(({ kernel }) => kernel === who.kernel)
    if (!next) return false
    this.#withdraw(next)
    this.#claimed.set(lane, next)
    return true
  }

  /** @returns whether its turn had not come */
  #withdraw(waiting: Waiting<Kernel>): boolean {
    const index = this.#waiting.indexOf(waiting)
    if (index >= 0) this.#waiting.splice(index, 1)
    const [lane] = [...this.#claimed].find(([, claimed]) => claimed === waiting) ?? []
    if (lane !== undefined) this.#claimed.delete(lane)
    return index >= 0 || lane !== undefined
  }

  /** The first file of the kernel with the fewest lanes. */
  #farthest(): Waiting<Kernel> | undefined {
    const atWork = [...this.#atWork.values()]
    const kernels = [...new Set(this.#waiting.map(({ kernel }) => kernel))]
    const lanes = kernels.map(kernel => atWork.filter(each => each.kernel === kernel).length)
    const chosen = kernels[lanes.indexOf(Math.min(...lanes))]
    return this.#waiting.find(({ kernel }) => kernel === chosen)
  }

  #end(lane: number, who: Waiting<Kernel>): void {
    if (this.#atWork.get(lane) !== who) return
    this.#atWork.delete(lane)
    const next = this.#claimed.get(lane)
    this.#claimed.delete(lane)
    if (next) this.#start(next, lane)
    else this.#startNext(who.kernel)
  }
}
