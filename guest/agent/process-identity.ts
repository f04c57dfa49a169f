import { getRandomValues, randomUUID } from 'node:crypto'
import koffi from 'koffi'
import { xoroshiro128plus } from './xoroshiro128plus.ts'

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
