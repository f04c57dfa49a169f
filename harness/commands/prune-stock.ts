// SPDX-License-Identifier: MIT
import { pruneWhenDue } from '../base/stock.ts'
import type { Settings } from '../prepare/settings.ts'

/**
 * Keeps the cache within its limits, without what this run used, and removes what killed builds have left. A failure
 * to prune does not fail the run.
 * @param since when the run began, as Date.now() has it
 */
export async function pruneStock({ cache }: Pick<Settings, 'cache'>, since: number): Promise<void> {
  await pruneWhenDue({ age: cache.days * 86_400_000, size: cache.gigabytes * 1e9 }, since).catch(() => {})
}
