// SPDX-License-Identifier: MIT
import { guestPaths } from '../../guest/agent/protocol.ts'
import { closely, nothingRegistered, type Registration } from '../../guest/testing/registration.ts'
import { bundleGuestProgram } from '../../images/guest-runtime.ts'
import { ExitStatus, HarnessError, MachineryError, ModuleError } from '../base/errors.ts'
import { ownModule } from '../base/own-folder.ts'
import { lastLines } from '../base/process.ts'
import type { KernelLog } from '../guest/kernel-log.ts'
import type { PreparedKernel } from '../prepare/prepare.ts'
import type { Settings } from '../prepare/settings.ts'
import { loggedUntilNow } from '../verdict/boot.ts'
import type { Decoder } from '../verdict/decode.ts'
import { describeReport, headOf, type KernelReport } from '../verdict/describe-splat.ts'
import { endOfLoading, PATIENCE, reportsSince } from './module-loading.ts'
import {
  inSession,
  type Session,
  type SessionOptions,
  startCommand,
  statusOf,
  withSession,
} from './session.ts'

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

/** What is looked at. */
export interface Looking {
  /** The modules that are loaded; all if empty. */
  readonly only?: readonly string[]
  /** Milliseconds in which a guest may be idle until a module comes back. */
  readonly patience?: number
  /** Whether all that can be seen of a module is: {@link ModuleSight}. */
  readonly closely?: boolean
}

const neverReturned = 'its init or exit function did not return'

const place = '/run/netlink-vmtest/registers.js'

/**
 * Builds the modules under test, and loads each in a guest.
 * @throws as {@link withSession}, for what is not the modules' fault
 */
export async function findRegistrations(
  { kernel }: Pick<SessionOptions, 'kernel'>,
  settings: Settings,
  root: string,
  looking: Looking = {},
): Promise<Findings> {
  let broken: HarnessError | undefined
  const options = {
    ...(kernel !== undefined && { kernel }),
    ...{ module: [], copy: [], showsNotes: true },
    onBrokenModules: (error: HarnessError) => (broken = error),
  }
  return await lookedAtAll(looking, work =>
    withSession(options, settings, root, async session =>
      broken
        ? { registrations: [], modules: [], faults: [], details: '', broken, left: [] }
        : await work(session),
    ),
  )
}

/**
 * As {@link findRegistrations}, for a kernel that is prepared, with the modules that are built.
 * @throws as {@link inSession}, for what is not the modules' fault
 */
export async function registrationsIn(prepared: PreparedKernel, looking: Looking = {}): Promise<Findings> {
  return await lookedAtAll(looking, work => inSession(prepared, { module: [], copy: [] }, work))
}

/** What one guest tells; `left` are the modules that it was lost before. */
type Told = Findings & { readonly left: readonly string[] }

/** Calls the work in a guest. */
type InGuest = (work: (session: Session) => Promise<Told>) => Promise<Told>

/** A module that ends its guest takes those after it along: they are loaded in another. */
async function lookedAtAll(looking: Looking, inGuest: InGuest): Promise<Findings> {
  const all: Told[] = []
  let only = looking.only ?? []
  do {
    const told = await looked({ ...looking, only }, inGuest)
    all.push(told)
    only = told.left
  } while (only.length > 0)
  const [{ modules, broken } = { modules: [] }] = all
  return {
    registrations: all.flatMap(({ registrations }) => registrations),
    modules,
    faults: all.flatMap(({ faults }) => faults),
    details: all
      .map(({ details }) => details)
      .filter(Boolean)
      .join('\n\n'),
    ...(broken && { broken }),
  }
}

async function looked(looking: Looking, inGuest: InGuest): Promise<Told> {
  const program = bundleGuestProgram(ownModule('guest/testing/registers'))
  // Whoever waits for it gets the error.
  program.catch(() => {})
  let look: Look | undefined
  try {
    return await inGuest(async session => {
      look = new Look(session, looking)
      await session.guest.deliver([{ path: place, content: await program }])
      await look.run(session)
      await loggedUntilNow(session.guest)
      return await look.findings()
    })
  } catch (error) {
    // The guest ends with a module.
    const lost = look?.underWay
    if (!(error instanceof HarnessError) || error.status !== ExitStatus.failed || !look || lost === undefined)
      throw error
    const { faults, places, ...found } = await look.findings()
    const details = [...places, error.details].filter(Boolean).join('\n\n')
    return {
      ...found,
      faults: [error instanceof ModuleError ? error.message : `${lost}: ${error.message}`, ...faults],
      details,
    }
  }
}

/** The program in a guest that loads the modules one after the other. */
class Look {
  readonly #all: readonly string[]
  readonly #names: readonly string[]
  readonly #log: KernelLog
  readonly #since: number
  readonly #decoder: Decoder
  readonly #patience: number
  readonly #closely: boolean
  #output = ''
  #errors = ''

  constructor({ prepared, guest }: Session, { only = [], patience = PATIENCE, closely = false }: Looking) {
    this.#patience = patience
    this.#closely = closely
    this.#decoder = prepared.guests.decoder
    this.#all = prepared.delivery.moduleNames
    this.#names = this.#all.filter(name => only.length === 0 || only.includes(name))
    this.#log = guest.log
    this.#since = guest.log.next
  }

  /** The module that is loaded and unloaded now; undefined after the last one. */
  get underWay(): string | undefined {
    return this.#names[this.#finished.length]
  }

  async run(session: Session): Promise<void> {
    const { guest } = session
    const how = this.#closely ? [closely] : []
    const variable = `NETLINK_VMTEST_MODULES=${guestPaths.modules}`
    const command = ['env', variable, 'node', place, ...how, ...this.#names]
    const started = await startCommand(session, command, {}, program => {
      program.on('output', (stream, data, taken) => {
        if (stream === 'stdout') this.#output += data
        else this.#errors += data
        taken()
      })
    })
    if ('reason' in started) throw new MachineryError(started.reason)
    started.endInput()
    const status = statusOf(
      await endOfLoading({
        program: started,
        guest,
        decoder: this.#decoder,
        underWay: () => this.underWay,
        patience: this.#patience,
      }),
    )
    if (status === 0) return
    await loggedUntilNow(guest)
    // An oops has ended it, which the session's pings notice.
    if ((await this.#reports).length > 0) return
    throw new MachineryError(`the modules could not be looked at in ${guest.label}`, {
      details: lastLines(this.#errors, 20),
    })
  }

  /** `places`: what the kernel reports, and where, without the reports' text. */
  async findings(): Promise<Told & { readonly places: readonly string[] }> {
    const reports = await this.#reports
    const found = this.#finished
    const [first, ...left] = this.#names.slice(found.length)
    const loaded = this.#told.findLast(({ module }) => module === first)
    const lost = first && (loaded ?? { ...nothingRegistered(first), unknown: neverReturned })
    return {
      registrations: [...found, ...(lost ? [lost] : [])],
      left,
      modules: this.#all,
      faults: reports.map(({ kind, title }) => `the kernel reports ${kind}: ${title}`),
      details: reports.map(describeReport).join('\n\n'),
      places: reports.map(headOf),
    }
  }

  get #reports(): Promise<KernelReport[]> {
    return reportsSince(this.#log, this.#since, this.#decoder)
  }

  get #finished(): Registration[] {
    return this.#told.filter(({ unknown }) => unknown === undefined)
  }

  get #told(): Registration[] {
    const lines = this.#output.split('\n').slice(0, -1)
    return lines.map(line => JSON.parse(line) as Registration)
  }
}
