import type { PoolRunnerInitializer } from 'vitest/node'
import type { GuestSource } from '../guest/source.ts'
import { PoolWorkerInGuest, poolName } from './pool-worker.ts'

/** A Vitest pool that runs each test file in a guest. */
export function vmPool(source: GuestSource): PoolRunnerInitializer {
  return { name: poolName, createPoolWorker: options => new PoolWorkerInGuest(options, source) }
}
