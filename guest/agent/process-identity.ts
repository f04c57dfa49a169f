import { getRandomValues, randomUUID } from 'node:crypto'
import koffi from 'koffi'

/** node keeps this many UUIDs' worth of random bytes in stock (lib/internal/crypto/random.js). */
const UUID_STOCK = 128

/** Resolved before the template is saved: looking it up is work that no restored guest has to do. */
const randPoll = koffi.load(null).func('int RAND_poll()')

/**
 * Renews what this process itself remembers of randomness, after the kernel's was renewed: OpenSSL's generator (which
 * reseeds its children with it), node's stock of UUIDs, and V8's Math.random, whose state nothing else can reach.
 */
export function renewProcess(): void {
  if (randPoll() !== 1) throw new Error("OpenSSL's generator did not reseed")
  for (let count = 0; count < UUID_STOCK; count++) randomUUID()
  Math.random = xoroshiro128plus(getRandomValues(new BigUint64Array(2)))
}

/** Blackman and Vigna's generator, which is as good as V8's own (xorshift128+). */
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
