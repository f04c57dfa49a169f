import { startVitest } from 'vitest/node'
import { MachineryError } from '../base/errors.ts'
import type { Guest, WorkerSettings } from '../guest/guest.ts'
import type { Loss } from '../guest/loss.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import { vmPool } from '../pool/pool.ts'

/** The test of the warm-up file that is to fail. */
const failsOnPurpose = 'another failure'

/**
 * Runs the warm-up file in a guest, by Vitest itself, so that what is warmed is what will run; the guest stays, with
 * its worker ready for a next file.
 * @returns what failed of it that should not have, "test: message": the guest is colder than it could be
 * @throws MachineryError when the guest is lost, or nothing ran
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
      // Those that are not given would take the place of Vitest's own.
      ...Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
      root: import.meta.dirname,
      config: false,
      // Vitest's own, of how long files took: it would lie among our sources.
      cache: false,
      watch: false,
      include: ['warm-up.ts'],
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
  // One of its tests fails on purpose, for which Vitest sets the exit code.
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

/** The guest that is to become a template: lent to one file, not ended. */
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
