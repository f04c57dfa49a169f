// SPDX-License-Identifier: MIT
/** What the host and the player of sequences say to each other. */
import type { Step } from './sequence.ts'

/** What is to be played. */
export interface PlayerInput {
  readonly family: string
  /** To load, in this order. */
  readonly modules: readonly string[]
  /** Sequences as they are, or those of a seed. */
  readonly sequences: readonly (readonly Step[])[] | { readonly seed: number; readonly count: number }
  /** When kmemleak looks for leaks, which takes seconds. */
  readonly leaks: 'never' | 'at the end' | 'after each'
}

/** What the program prints. */
export type PlayerLine =
  /** A sequence that is played now; what follows is about it. */
  | { readonly sequence: number; readonly steps: readonly Step[] }
  | { readonly step: number }
  /** The sequence has failed in this step, and is the last one. */
  | { readonly fault: string; readonly step: number }
  /** kmemleak's report of the sequence, or of all of them. */
  | { readonly leak: string }
  | { readonly end: true }

/** What the kernel log has before each sequence, with the sequence's number after it. */
export const logMark = 'netlink-vmtest: sequence'
