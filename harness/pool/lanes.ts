/** A file's turn to have a guest at work. */
export interface Turn {
  /** Which of the lanes it is in, from 1 on: what a test sees as VITEST_POOL_ID. */
  readonly lane: number
  /** Gives the lane to whoever is next; a second time does nothing. */
  end(): void
}

interface Waiting<Kernel> {
  readonly kernel: Kernel
  readonly start: (turn: Turn) => void
}

/**
 * So many guests at work at the same time, of whatever kernels, for files that share guests. A lane stays with its kernel as long
 * as that has files, so that a kernel has one guest as a rule: each more has to be restored, and under emulation QEMU translates
 * for each what it translates for all (98,000 of the 287,000 blocks of a kernel's 27 files, where it had two).
 */
export class Lanes<Kernel extends object> {
  readonly #count: number
  /** In the order in which they came. */
  readonly #waiting: Waiting<Kernel>[] = []
  /** Who is at work, by lane. */
  readonly #atWork = new Map<number, Waiting<Kernel>>()
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
      const index = this.#waiting.indexOf(waiting)
      if (index < 0) return
      this.#waiting.splice(index, 1)
      reject(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    this.#waiting.push(waiting)
    // A run's files come all at once: when all are there, the second lane has more than the first one's kernel to choose from.
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

  /** @param last the kernel that the lane was with */
  #startNext(last?: Kernel): void {
    const next = this.#waiting.find(({ kernel }) => kernel === last) ?? this.#farthest()
    if (!next) return
    this.#waiting.splice(this.#waiting.indexOf(next), 1)
    let lane = 1
    while (this.#atWork.has(lane)) lane++
    this.#atWork.set(lane, next)
    next.start({ lane, end: () => this.#end(lane, next) })
  }

  /** The first of the kernel that has the fewest lanes. */
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
    this.#startNext(who.kernel)
  }
}
