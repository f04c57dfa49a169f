// SPDX-License-Identifier: MIT
/** Looks for sequences of requests that break something, and shortens them. */

import type { Step } from '../../../guest/testing/probe/sequence.ts'
import type { PlayerInput } from '../../../guest/testing/probe/sequence-player-lines.ts'
import type { Progress } from '../../base/progress.ts'
import type { Breakage } from './player-record.ts'
import type { ProbedFamily } from './probed-families.ts'
import { shrink } from './shrink.ts'

/** Sequences in one guest. */
const BATCH = 40
/** Milliseconds for making one sequence shorter. */
const SHRINK_LIMIT = 180_000

/** What plays sequences. */
export interface Player {
  play(input: PlayerInput): Promise<Breakage | undefined>
}

/** A sequence that breaks something. */
export interface Found {
  readonly family: ProbedFamily
  /** Of the batch in which it was found. */
  readonly seed: number
  readonly reason: string
  readonly steps: readonly Step[]
  /** Whether it was seen to break the same again in a guest of its own. */
  readonly isRepeatable: boolean
}

/** What is tried for how long. */
export interface Search {
  readonly families: readonly ProbedFamily[]
  /** Of the first batch; each further round takes the next one. */
  readonly seed: number
  /** Milliseconds in which batches begin. */
  readonly time: number
  readonly progress: Pick<Progress, 'note'>
}

/** One sequence for each family that breaks; a family that has one is not tried any further. */
export async function findSequences(
  player: Player,
  { families, seed, time, progress }: Search,
): Promise<Found[]> {
  const end = performance.now() + time
  const found: Found[] = []
  let sound = families
  let batches = 0
  for (let round = 0; sound.length > 0 && performance.now() < end; round++) {
    for (const family of sound) {
      if (performance.now() >= end) break
      const own = (seed + round) | 0
      batches++
      const sequences = { seed: own, count: BATCH }
      const breakage = await player.play({ ...inputOf(family), sequences, leaks: 'at the end' })
      if (breakage === undefined) continue
      progress.note(`${family.name}, seed ${own}: ${breakage.reason}; making it shorter`)
      found.push({
        family,
        seed: own,
        reason: breakage.reason,
        ...(await shortest(player, family, breakage)),
      })
      sound = sound.filter(each => each !== family)
    }
  }
  progress.note(`tried ${batches * BATCH} random sequences from seed ${seed} on; ${found.length} found`)
  return found
}

function inputOf({ name, modules }: ProbedFamily): Pick<PlayerInput, 'family' | 'modules'> {
  return { family: name, modules }
}

/** The shortest sequence that breaks the same, each try confirmed in a guest of its own. */
async function shortest(
  player: Player,
  family: ProbedFamily,
  { key, steps, before, isLeak }: Breakage,
): Promise<Pick<Found, 'steps' | 'isRepeatable'>> {
  const end = performance.now() + SHRINK_LIMIT
  const leaks = isLeak ? 'after each' : 'never'
  const first = async (candidates: readonly (readonly Step[])[]): Promise<number | undefined> => {
    for (let from = 0; from < candidates.length && performance.now() < end; ) {
      const rest = candidates.slice(from)
      const breakage = await player.play({ ...inputOf(family), sequences: rest, leaks })
      if (breakage === undefined) return undefined
      const at = from + breakage.sequence
      if (breakage.key === key && (breakage.sequence === 0 || (await breaksAlone(candidates[at] ?? []))))
        return at
      from = at + 1
    }
    return undefined
  }
  const breaksAlone = async (candidate: readonly Step[]) =>
    (await player.play({ ...inputOf(family), sequences: [candidate], leaks }))?.key === key
  const reload: Step = { reload: true }
  const whole = [...before.flatMap(each => [...each, reload]), ...steps]
  // Often the last step breaks it by itself; else it may take what came before.
  const starts = [steps.slice(-1), steps, ...(before.length === 0 ? [] : [whole])]
  const start = await first(starts)
  if (start === undefined) return { steps: whole, isRepeatable: false }
  return { steps: await shrink(starts[start] ?? whole, first), isRepeatable: true }
}
