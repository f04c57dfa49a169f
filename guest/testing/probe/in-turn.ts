// SPDX-License-Identifier: MIT

/** One of each kind's trials after the other: if there is no time for all, none is left out as a whole. */
export function inTurn<T>(trials: readonly T[], kindOf: (trial: T) => unknown): T[] {
  const counts = new Map<unknown, number>()
  const rounds: T[][] = []
  for (const trial of trials) {
    const kind = kindOf(trial)
    const round = counts.get(kind) ?? 0
    counts.set(kind, round + 1)
    rounds[round] = [...(rounds[round] ?? []), trial]
  }
  return rounds.flat()
}
