import { readFileSync } from 'node:fs'

/** Bytes of the kernel's slab memory that cannot be reclaimed: where what is allocated and never freed adds up. */
export function unreclaimableSlab(): number {
  const [, kibibytes] = /^SUnreclaim:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
  if (kibibytes === undefined) throw new Error('/proc/meminfo has no SUnreclaim')
  return Number(kibibytes) * 1024
}

/**
 * By how many bytes unreclaimable slab memory grows in a round of `work`: the least of several rounds, because what leaks
 * grows in every one, and what the rest of the system does meanwhile does not.
 */
export async function slabGrowth(work: () => void | Promise<void>, rounds = 5): Promise<number> {
  // once for what is allocated once
  await work()
  let least = Infinity
  for (let round = 0; round < rounds; round++) {
    const before = unreclaimableSlab()
    await work()
    least = Math.min(least, unreclaimableSlab() - before)
  }
  return least
}
