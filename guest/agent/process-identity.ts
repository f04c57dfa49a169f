// SPDX-License-Identifier: MIT
import { getRandomValues, randomUUID } from 'node:crypto'
import koffi from 'koffi'
import { xoroshiro128plus } from './xoroshiro128plus.ts'

/** Node keeps random bytes for this many UUIDs (lib/internal/crypto/random.js). */
const UUID_STOCK = 128

/** Looked up before the template is saved, which spares restored guests the work. */
const randPoll = koffi.load(null).func('int RAND_poll()')

/**
 * Renews this process's own random state, after the kernel's was renewed: OpenSSL's generator (which reseeds
 * its children), node's stock of UUIDs, and V8's Math.random, whose state cannot be set.
 */
export function renewProcess(): void {
  if (randPoll() !== 1) throw new Error("OpenSSL's generator did not reseed")
  for (let count = 0; count < UUID_STOCK; count++) randomUUID()
  Math.random = xoroshiro128plus(getRandomValues(new BigUint64Array(2)))
}
