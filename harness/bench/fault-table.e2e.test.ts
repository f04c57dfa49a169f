// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { rows, runFaults } from './fault-table.ts'

test('each fault of the table gets its verdict, and no other test does', { timeout: 1_200_000 }, async () => {
  const { outcomes, result } = await runFaults(hostLabel())
  expect(
    outcomes.filter(({ ok }) => !ok).map(({ row, said }) => `${row.file} ${row.fault}: ${said}`),
  ).toEqual([])
  expect(outcomes).toHaveLength(rows.length)
  expect(result.status).toBe(1)
  // A fault fails no test before or after it.
  for (const line of result.stdout.split('\n'))
    if (/ > (before|between|after all) /.test(line)) expect(line).toContain('✓')
})
