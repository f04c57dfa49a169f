// SPDX-License-Identifier: MIT
import type { PoolRunnerInitializer } from 'vitest/node'
import type { GuestSource } from './guest-source.ts'
import type { Lanes } from './lanes.ts'
import { PoolWorkerInGuest } from './pool-worker.ts'
import { poolName } from './worker-events.ts'
import { PoolWorkerInLane } from './worker-in-lane.ts'
import { PoolWorkerPerTest } from './worker-per-test.ts'

/** What has a guest of its own. */
export type Isolation = 'file' | 'test'

/** A Vitest pool that runs each test file, or each test, in a guest. */
export function vmPool(source: GuestSource, isolation: Isolation = 'file'): PoolRunnerInitializer {
  const Worker = isolation === 'test' ? PoolWorkerPerTest : PoolWorkerInGuest
  return { name: poolName, createPoolWorker: options => new Worker(options, source) }
}

/**
 * A Vitest pool that runs each test file when a lane is free.
 * @param isShared whether in a guest that files share
 */
export function poolInLanes(
  source: GuestSource,
  lanes: Lanes<GuestSource>,
  isShared: boolean,
): PoolRunnerInitializer {
  return {
    name: poolName,
    createPoolWorker: options => new PoolWorkerInLane(options, source, lanes, isShared),
  }
}
