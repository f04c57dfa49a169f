// SPDX-License-Identifier: MIT

/** One of each attribute's trials after the other: if there is no time for all, none is left out as a whole. */
export function inTurn<T extends { readonly type: number }>(trials: readonly T[]): T[] {
  const counts = new Map<number, number>()
  const rounds: T[][] = []
  for (const trial of trials) {
    const round = counts.get(trial.type) ?? 0
    counts.set(trial.type, round + 1)
    rounds[round] = [...(rounds[round] ?? []), trial]
  }
  return rounds.flat()
}
