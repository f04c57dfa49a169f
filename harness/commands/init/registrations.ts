// SPDX-License-Identifier: MIT
import { guestPaths } from '../../../guest/agent/protocol.ts'
import { nothingRegistered, type Registration } from '../../../guest/testing/registration.ts'
import { bundleGuestProgram } from '../../../images/guest-runtime.ts'
import { ExitStatus, HarnessError, MachineryError, ModuleError } from '../../base/errors.ts'
import { ownModule } from '../../base/own-folder.ts'
import { lastLines } from '../../base/process.ts'
import type { KernelLog } from '../../guest/kernel-log.ts'
import type { Settings } from '../../prepare/settings.ts'
import { loggedUntilNow } from '../../verdict/boot.ts'
import { linesOfRecord } from '../../verdict/log-text.ts'
import { findSplats } from '../../verdict/splats.ts'
import { type Session, type SessionOptions, startCommand, statusOf, withSession } from '../session.ts'

/** Milliseconds for all modules together: a module may never return from its init function. */
const LIMIT = 120_000

/** What the modules under test register, and what went wrong meanwhile. */
export interface Findings {
  readonly registrations: readonly Registration[]
  /** The names of all modules under test. */
  readonly modules: readonly string[]
  /** What a kernel or a module did wrong, a line each. */
  readonly faults: readonly string[]
  /** The kernel log and the like, to show with the faults. */
  readonly details: string
  /** Why there are no modules: they cannot be built. */
  readonly broken?: HarnessError
}

const place = '/run/netlink-vmtest/registers.js'

/**
 * Builds the modules under test, and loads each in a guest.
 * @param only the modules that are looked at; all if empty
 * @throws as {@link withSession}, for what is not the modules' fault
 */
export async function findRegistrations(
  options: Pick<SessionOptions, 'kernel'>,
  settings: Settings,
  root: string,
  only: readonly string[] = [],
): Promise<Findings> {
  const program = bundleGuestProgram(ownModule('guest/testing/registers'))
  // Whoever waits for it gets the error.
  program.catch(() => {})
  let broken: HarnessError | undefined
  let look: Look | undefined
  const session = {
    ...options,
    module: [],
    copy: [],
    showsNotes: true,
    onBrokenModules: (error: HarnessError) => (broken = error),
  }
  try {
    return await withSession(session, settings, root, async session => {
      if (broken) return { registrations: [], modules: [], faults: [], details: '', broken }
      look = new Look(session, only)
      await session.guest.deliver([{ path: place, content: await program }])
      await look.run(session)
      await loggedUntilNow(session.guest)
      return look.findings()
    })
  } catch (error) {
    // The guest ends with a module.
    const lost = look?.underWay
    if (!(error instanceof HarnessError) || error.status !== ExitStatus.failed || !look || lost === undefined)
      throw error
    const { registrations, modules, faults } = look.findings()
    return {
      registrations,
      modules,
      faults: [`${lost}: ${error.message}`, ...faults],
      details: error.details ?? '',
    }
  }
}

/** The program in a guest that loads the modules one after the other. */
class Look {
  readonly #all: readonly string[]
  readonly #names: readonly string[]
  readonly #log: KernelLog
  readonly #since: number
  #output = ''
  #errors = ''

  constructor({ prepared, guest }: Session, only: readonly string[]) {
    this.#all = prepared.delivery.moduleNames
    this.#names = this.#all.filter(name => only.length === 0 || only.includes(name))
    this.#log = guest.log
    this.#since = guest.log.next
  }

  /** The module that is loaded and unloaded now; undefined after the last one. */
  get underWay(): string | undefined {
    return this.#names[this.#registrations.length]
  }

  async run(session: Session): Promise<void> {
    const command = ['env', `NETLINK_VMTEST_MODULES=${guestPaths.modules}`, 'node', place, ...this.#names]
    const started = await startCommand(session, command, {}, program => {
      program.on('output', (stream, data, taken) => {
        if (stream === 'stdout') this.#output += data
        else this.#errors += data
        taken()
      })
    })
    if ('reason' in started) throw new MachineryError(started.reason)
    started.endInput()
    if (statusOf(await this.#inTime(started.exited)) !== 0)
      throw new MachineryError(`the modules could not be looked at in ${session.guest.label}`, {
        details: lastLines(this.#errors, 20),
      })
  }

  findings(): Findings {
    const records = this.#log.records.filter(({ sequence }) => sequence >= this.#since)
    const splats = findSplats(records.flatMap(linesOfRecord))
    const found = this.#registrations
    return {
      // Nothing is known of a module with which the kernel died, and of those after it.
      registrations: [...found, ...this.#names.slice(found.length).map(nothingRegistered)],
      modules: this.#all,
      faults: splats.map(({ kind, title }) => `the kernel reports ${kind}: ${title}`),
      details: splats.map(({ lines }) => lines.join('\n')).join('\n\n'),
    }
  }

  get #registrations(): Registration[] {
    const lines = this.#output.split('\n').slice(0, -1)
    return lines.map(line => JSON.parse(line) as Registration)
  }

  async #inTime<T>(exited: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      reject(new ModuleError(`the module does not come back from its init or exit within ${LIMIT / 1000} s`))
    }, LIMIT)
    try {
      return await Promise.race([exited, late])
    } finally {
      clearTimeout(timer)
    }
  }
}
