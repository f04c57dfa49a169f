// SPDX-License-Identifier: MIT
import path from 'node:path'
import { startVitest } from 'vitest/node'
import { MachineryError } from '../base/errors.ts'
import { ownModule } from '../base/own-folder.ts'
import { withLimit } from '../base/wait.ts'
import type { Guest, WorkerSettings } from '../guest/guest.ts'
import { runInGuest } from '../guest/guest-program.ts'
import type { Loss } from '../guest/loss.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import { vmPool } from '../pool/pool.ts'

/** What a template runs before it is saved, and what a guest runs besides before it is forked. */
const warmUps = {
  template: ownModule('harness/template/warm-up'),
  zygote: ownModule('harness/template/fork/warm-up'),
} as const
/** The tests of them that are expected to fail. */
const failsOnPurpose = /^(?:another failure|fails )/

/** Milliseconds for a warm-up, many times what it takes on a debug kernel under emulation. */
const WARM_UP_LIMIT = 300_000
/** Files in the number and size of what a restored guest gets. */
const likeModulesFolder = '/run/warm-up'
const likeModules = [0, 1, 2, 3].map(each => ({
  path: `${likeModulesFolder}/${each}`,
  content: Buffer.alloc(10_000, 1),
}))

/**
 * Warms a guest: its test worker by a file, its agent by what a copy of the guest is asked first.
 * @param packageFolder where this project's own package is in the guest
 * @returns unexpected failures, "test: message": the guest is not fully warmed up
 * @throws MachineryError when the guest is lost, nothing ran, or it takes too long
 */
export async function warm(
  guest: Guest,
  packageFolder: string,
  settings: WorkerSettings | undefined,
  what: keyof typeof warmUps = 'template',
): Promise<string[]> {
  const work = async () => {
    const failures = await warmUp(guest, packageFolder, settings, warmUps[what])
    // Nothing of it remains.
    for (let round = 0; round < 3; round++) await guest.renew(likeModules)
    await runInGuest(guest, { command: ['rm', '-r', likeModulesFolder], folder: '/', environment: {} })
    return failures
  }
  const late = `the guest ${guest.label} was not warm after ${WARM_UP_LIMIT / 1000} s`
  return await withLimit(work(), WARM_UP_LIMIT, late)
}

/**
 * Runs a warm-up file in a guest by Vitest itself, so that the same code is warmed that runs later. The
 * guest stays, with its worker ready for the next file.
 * @returns unexpected failures, "test: message"
 * @throws MachineryError when the guest is lost or nothing ran
 */
async function warmUp(
  guest: Guest,
  packageFolder: string,
  settings: WorkerSettings = {},
  file: string,
): Promise<string[]> {
  const source = new OneGuest(guest, packageFolder)
  const exitCode = process.exitCode
  const vitest = await startVitest(
    [],
    {
      // An undefined setting would replace Vitest's default.
      ...Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
      root: path.dirname(file),
      config: false,
      // Vitest's cache of durations would be written among the sources.
      cache: false,
      watch: false,
      include: [path.basename(file)],
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
    .filter(test => !test.ok() && !failsOnPurpose.test(test.name))
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
