// SPDX-License-Identifier: MIT
import { existsSync, readdirSync } from 'node:fs'
import { guestPaths } from '../../agent/protocol.ts'
import { declareProgram, type KtapOptions } from './run-ktap.ts'

/** How {@link kselftest} runs a program. */
export interface KselftestOptions extends KtapOptions {
  /** The program's arguments. */
  readonly arguments?: readonly string[]
}

/**
 * Runs a program of the kernel's own tests (tools/testing/selftests), and makes each of its results a test, as
 * `runKtap()` does. A program that writes no TAP is one test by its exit status. It is built on the host from
 * the source of the guest's kernel, if the configuration has it: `kselftests: ['net/netlink-dumps']`.
 *
 *     kselftest('net', 'netlink-dumps')
 *
 * @throws Error if the configuration does not have it
 */
export function kselftest(collection: string, program: string, options: KselftestOptions = {}): void {
  const name = `${collection}/${program}`
  const file = `${guestPaths.kselftests}/${name}`
  if (!existsSync(file))
    throw new Error(
      `kselftest ${name} is not in this guest, but ${present().join(', ') || 'none at all'}: kselftests of the configuration names those that are built`,
    )
  const { arguments: given = [], ...others } = options
  declareProgram([file, ...given], { name, ...others }, { byStatus: true })
}

function present(): string[] {
  const { kselftests: folder } = guestPaths
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(folder.length + 1))
    .sort()
}
