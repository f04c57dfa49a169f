// SPDX-License-Identifier: MIT
/**
 * Blackman and Vigna's generator, as good as V8's own (xorshift128+): numbers from 0 up to 1. It uses globals
 * only, so that its source can be passed to a thread.
 */
export function xoroshiro128plus(seed: BigUint64Array): () => number {
  let a = seed[0] ?? 1n
  let b = seed[1] ?? 2n
  const rotate = (value: bigint, by: bigint) => BigInt.asUintN(64, (value << by) | (value >> (64n - by)))
  return () => {
    const result = BigInt.asUintN(64, a + b)
    b ^= a
    a = BigInt.asUintN(64, rotate(a, 24n) ^ b ^ (b << 16n))
    b = rotate(b, 37n)
    return Number(result >> 11n) / 2 ** 53
  }
}
