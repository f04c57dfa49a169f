// SPDX-License-Identifier: MIT
import path from 'node:path'
import { startVitest } from 'vitest/node'
import { MachineryError } from '../base/errors.ts'
import { ownModule } from '../base/own-folder.ts'
import type { Guest, WorkerSettings } from '../guest/guest.ts'
import type { Loss } from '../guest/loss.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import { vmPool } from '../pool/pool.ts'

const warmUpFile = ownModule('harness/template/warm-up')
/** The warm-up file's test that is expected to fail. */
const failsOnPurpose = 'another failure'

/**
 * Runs the warm-up file in a guest by Vitest itself, so that the same code is warmed that runs later. The
 * guest stays, with its worker ready for the next file.
 * @returns unexpected failures, "test: message": the guest is not fully warmed up
 * @throws MachineryError when the guest is lost or nothing ran
 */
export async function warmUp(
  guest: Guest,
  packageFolder: string,
  settings: WorkerSettings = {},
): Promise<string[]> {
  const source = new OneGuest(guest, packageFolder)
  const exitCode = process.exitCode
  const vitest = await startVitest(
    [],
    {
      // An undefined setting would replace Vitest's default.
      ...Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
      root: path.dirname(warmUpFile),
      config: false,
      // Vitest's cache of durations would be written among the sources.
      cache: false,
      watch: false,
      include: [path.basename(warmUpFile)],
      // Vitest's default is to leave out node_modules, where the package is.
      exclude: [],
      reporters: [{}],
      pool: vmPool(source),
      fsModuleCache: false,
      testTimeout: 60_000,
      env: { NETLINK_VMTEST_PACKAGE: packageFolder },
      server: { deps: { inline: true } },
    },
    {},
  )
  const tests = vitest.state.getTestModules().flatMap(module => [...module.children.allTests()])
  await vitest.close()
  // Vitest sets the exit code for the test that fails on purpose.
  process.exitCode = exitCode
  if (source.loss)
    throw new MachineryError(`the guest was lost while it was warmed up: ${source.loss.message}`)
  if (!tests.some(test => test.ok()))
    throw new MachineryError('the warm-up file did not run', {
      details: JSON.stringify(vitest.state.getUnhandledErrors()),
    })
  return tests
    .filter(test => !test.ok() && test.name !== failsOnPurpose)
    .map(test => `${test.name}: ${test.result().errors?.[0]?.message}`)
}

/** Lends the guest that becomes a template to one file, and does not end it. */
class OneGuest implements GuestSource {
  loss: Loss | undefined
  readonly packageFolder: string
  readonly colours = true
  readonly #guest: Guest

  constructor(guest: Guest, packageFolder: string) {
    this.#guest = guest
    this.packageFolder = packageFolder
  }

  async acquire(): Promise<Guest> {
    return this.#guest
  }

  async release(guest: Guest): Promise<void> {
    guest.removeAllListeners()
  }

  onLoss(loss: Loss): void {
    this.loss = loss
  }
}
