// SPDX-License-Identifier: MIT
import type { SourceLabel } from './labels.ts'

/**
 * Measured numbers of objects and seconds of processor time of a build; the newest series stands for unlisted
 * ones.
 */
const measured: Readonly<
  Record<SourceLabel['flavour'], Readonly<Record<string, { objects: number; seconds: number }>>>
> = {
  minimal: { '6.12': { objects: 760, seconds: 260 } },
  debug: { '6.12': { objects: 950, seconds: 500 } },
}

/** The progress of a build, by make's output. */
export class Tally {
  readonly #total: number
  readonly #seconds: number
  readonly #first: number
  readonly #started = performance.now()
  #done: number

  /** @param there the number of objects that an interrupted build has left */
  constructor({ flavour, series }: Pick<SourceLabel, 'flavour' | 'series'>, there: number) {
    const table = measured[flavour]
    const { objects, seconds } = table[series] ??
      Object.values(table).at(-1) ?? { objects: 800, seconds: 300 }
    this.#total = objects
    this.#seconds = seconds
    this.#first = Math.min(there, objects)
    this.#done = this.#first
  }

  /** The expected time of the whole build on so many idle cores: `3 min`. */
  estimate(cores: number): string {
    const left = (this.#seconds * (this.#total - this.#first)) / this.#total / cores
    return duration(Math.max(left, 10))
  }

  /**
   * Counts a line of make's output.
   * @returns the progress, if the line has changed it: `412 of 780 files, about 60 s left`
   */
  line(line: string, now = performance.now()): string | undefined {
    if (/^ {2}(LD|KSYMS|MODPOST) +(\.tmp_)?vmlinux|^ {2}MODPOST/.test(line)) return 'linking'
    if (!/^ {2}(CC|AS|HOSTCC|HOSTLD)( \[M\])? +\S+\.(o|s)$/.test(line)) return undefined
    this.#done++
    const elapsed = (now - this.#started) / 1000
    const own = this.#done - this.#first
    const left = Math.max(this.#total - this.#done, 0)
    // The first few files say little about this machine's speed.
    const guess = own < 20 ? '' : `, about ${duration((elapsed / own) * left + 5)} left`
    return `${Math.min(this.#done, this.#total)} of ${this.#total} files${guess}`
  }
}

/** `40 s`; from two minutes on `3 min`. */
function duration(seconds: number): string {
  return seconds < 120 ? `${Math.ceil(seconds / 10) * 10} s` : `${Math.round(seconds / 60)} min`
}
