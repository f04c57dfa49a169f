// SPDX-License-Identifier: MIT
import path from 'node:path'
import { guestPaths, type StartRequest } from '../../guest/agent/protocol.ts'
import { hostLabel } from '../../kernel/provide.ts'
import { ExitStatus, HarnessError, MachineryError, ModuleError, UsageError } from '../base/errors.ts'
import { consoleProgress } from '../base/progress.ts'
import { evidenceOf } from '../guest/evidence.ts'
import { AgentError, type Guest } from '../guest/guest.ts'
import { GuestProgram, type ProgramExit } from '../guest/guest-program.ts'
import type { Loss } from '../guest/loss.ts'
import { type Loading, withModules } from '../prepare/delivery.ts'
import { type PreparedKernel, prepareKernel } from '../prepare/prepare.ts'
import type { Settings } from '../prepare/settings.ts'
import type { Decoder } from '../verdict/decode.ts'
import { describeReport } from '../verdict/describe-splat.ts'
import { copyInto, parseCopy } from './copies.ts'
import { endOfLoading, reportsSince } from './module-loading.ts'

/** Common options of `exec` and `shell`. */
export interface SessionOptions {
  readonly kernel?: string
  /** A folder of modules in place of the project's. */
  readonly modules?: string
  /** Modules to load, in this order: each a name, with parameters after it. */
  readonly module: readonly string[]
  readonly copy: readonly string[]
  /** Called if the modules under test cannot be built and none is named; without it a line says so. */
  readonly onBrokenModules?: (error: HarnessError) => void
  /** Whether notes of the preparation are shown, the compiler's warnings among them. */
  readonly showsNotes?: boolean
}

/** Milliseconds between two pings of the guest, and for an answer. */
const PING_EVERY = 5_000
const PING_LIMIT = 30_000

/** A guest for one command, with modules loaded and files copied in. */
export interface Session {
  readonly prepared: PreparedKernel
  readonly guest: Guest
  /** The command's environment variables. */
  readonly environment: Readonly<Record<string, string>>
  /** A copy's place in the guest, by its source as written and by its name: COMMAND may use both. */
  readonly places: ReadonlyMap<string, string>
}

/**
 * Restores a guest, prepares it, and calls `work` with it. The guest is always ended afterwards.
 * @throws HarnessError when there is no guest, a module does not load, or the guest is lost during `work`
 */
export async function withSession<T>(
  options: SessionOptions,
  settings: Settings,
  root: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  // What is wrong there is known before anything long begins.
  for (const copy of options.copy) parseCopy(copy)
  // stderr is the command's own: only long steps are shown beside it.
  const { note, step } = consoleProgress()
  const prepared = await prepareKernel(options.kernel ?? settings.kernels?.[0] ?? hostLabel(), {
    settings: withModules(settings, options.modules),
    root,
    progress: { step, note: options.showsNotes ? note : () => {} },
    onBrokenModules: wantsModules(options)
      ? undefined
      : (options.onBrokenModules ??
        (error => {
          if (error instanceof UsageError) throw error
          note(`the guest has no modules under test: ${error.message}`)
        })),
  })
  return await inSession(prepared, options, work)
}

/**
 * As {@link withSession}, for a kernel that is prepared.
 * @throws HarnessError when there is no guest, a module does not load, or the guest is lost during `work`
 */
export async function inSession<T>(
  prepared: PreparedKernel,
  { module, copy }: Pick<SessionOptions, 'module' | 'copy'>,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const modules = await Promise.all(
    module.map(parseModule).map(async ({ name, parameters }) => ({
      ...(await prepared.delivery.loading(name)),
      parameters,
    })),
  )
  return await inGuest(prepared, async guest => {
    const { copies, libraryFolders } = await copyInto(
      guest,
      copy.map(parseCopy),
      prepared.spec.machine.memory,
    )
    const loaded = new Set<string>()
    const configured = (file: string) => prepared.delivery.parametersOf(file)
    const place = { guest, decoder: prepared.guests.decoder, configured }
    for (const each of modules) await load(place, each, loaded)
    const environment = environmentFor(libraryFolders)
    const places = new Map(
      copies.flatMap(({ source, place }) => [
        [source, place],
        [path.basename(place), place],
      ]),
    )
    return await work({ prepared, guest, environment, places })
  })
}

/**
 * Calls `work` with a fresh guest, which is always ended afterwards.
 * @throws HarnessError when there is no guest, or it is lost during `work`
 */
export async function inGuest<T>({ guests }: PreparedKernel, work: (guest: Guest) => Promise<T>): Promise<T> {
  const guest = await guests.acquire()
  try {
    const lost = new Promise<never>((_, reject) => {
      if (guest.loss) reject(lossError(guest.loss, guest))
      guest.once('lost', loss => reject(lossError(loss, guest)))
    })
    const pings = setInterval(() => {
      guest.ping(PING_LIMIT).catch(() => {
        const message = `the guest froze: nothing in it has answered for ${PING_LIMIT / 1000} s`
        guest.giveUp({ cause: 'frozen', message })
      })
    }, PING_EVERY)
    try {
      return await Promise.race([work(guest), lost])
    } finally {
      clearInterval(pings)
    }
  } finally {
    await guests.release(guest)
  }
}

/** Whether the command cannot do without the modules under test. */
function wantsModules({ module, modules }: SessionOptions): boolean {
  return module.length > 0 || modules !== undefined
}

/** Starts a command in a session's guest. If it cannot be started, the status is a shell's: 127 or 126. */
export async function startCommand(
  session: Session,
  command: readonly string[],
  { combined }: Pick<StartRequest, 'combined'>,
  prepare: (program: GuestProgram) => void,
): Promise<GuestProgram | { readonly status: number; readonly reason: string }> {
  const [name = '', ...args] = command
  const { guest, environment, places } = session
  const request = {
    command: [places.get(name) ?? name, ...args],
    folder: guestPaths.home,
    environment,
    combined,
  }
  try {
    return await GuestProgram.start(guest, request, prepare)
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    if (error.code === 'ENOENT' || name === '')
      return {
        status: 127,
        reason: `${name || "''"} is not in the guest, or the interpreter it names is not (it has sh and node): --copy brings both`,
      }
    if (error.code === 'EACCES') return { status: 126, reason: `${name} is not executable: chmod +x it` }
    if (error.code === 'ENOEXEC')
      return {
        status: 126,
        reason: `${name} is no program for this machine, and no script, which begins with #!/bin/sh or the like`,
      }
    throw error
  }
}

/** The exit status that a shell gives. */
export function statusOf({ code, signal }: ProgramExit): number {
  return code ?? 128 + (signal ?? 0)
}

/** Reads `NAME [PARAMETER=VALUE...]`. */
export function parseModule(text: string): { name: string; parameters: string } {
  const [, name = '', parameters = ''] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(text) ?? []
  return { name, parameters }
}

interface ModuleToLoad extends Loading {
  /** As the kernel parses them; empty without parameters. */
  readonly parameters: string
}

interface LoadingPlace {
  readonly guest: Guest
  readonly decoder: Decoder
  /** The configuration's parameters of a module. */
  configured(file: string): string
}

/** @param loaded the files of all modules loaded so far; these are added */
async function load(
  place: LoadingPlace,
  { files, order, parameters }: ModuleToLoad,
  loaded: Set<string>,
): Promise<void> {
  await place.guest.deliver(files)
  const own = order.at(-1)
  for (const file of order) {
    if (file !== own && loaded.has(file)) continue
    // The module's own last: of two the kernel takes the later one.
    const given = [place.configured(file), file === own ? parameters : ''].filter(Boolean).join(' ')
    await insert(place, file, given, file === own ? undefined : own)
    loaded.add(file)
  }
}

/** @param by the file of the module that needs it: then it may be loaded already */
async function insert(
  { guest, decoder }: LoadingPlace,
  file: string,
  parameters: string,
  by: string | undefined,
): Promise<void> {
  const since = guest.log.next
  const name = path.basename(file, '.ko')
  // Busybox (1.35) tries init_module(2) after a refused finit_module(2), and so runs a module's init twice. The
  // kernel does not read a file that is open for writing (fs/kernel_read_file.c), which leaves the second one.
  const insmod = ['sh', '-c', 'exec insmod "$@" 3>>"$1"', 'sh']
  const command = [...insmod, file, ...(parameters === '' ? [] : [parameters])]
  let output = ''
  const request = { command, folder: guestPaths.home, environment: {} }
  const program = await GuestProgram.start(guest, request, program => {
    program.on('output', (_stream, data, taken) => {
      output += data.toString('utf8')
      taken()
    })
  })
  program.endInput()
  const { code } = await endOfLoading({ program, guest, decoder, underWay: () => name })
  if ((code === 0 && parameters === '') || (by !== undefined && /File exists/.test(output))) return
  // The kernel log has its own port and may be late: it has arrived when a ping is answered.
  await guest.ping(PING_LIMIT)
  const unknown = guest.log.since(since, 20).matchAll(/^.*: unknown parameter '(.*)' ignored$/gm)
  const names = [...unknown].map(([, parameter]) => parameter)
  if (names.length > 0) throw new UsageError(`--module: ${name} has no parameter ${names.join(', ')}`)
  if (code === 0) return
  const reports = (await reportsSince(guest.log, since, decoder)).map(describeReport)
  const said = reports.length > 0 ? reports.join('\n\n') : guest.log.since(since, 20)
  const details = [output.trim(), said].filter(Boolean).join('\n')
  const why = by === undefined ? '' : `, which ${path.basename(by, '.ko')} needs,`
  throw new ModuleError(`${name}${why} does not load`, { details })
}

/** The variables of commands. */
export function environmentFor(libraryFolders: readonly string[]): Record<string, string> {
  return {
    HOME: guestPaths.home,
    USER: 'root',
    // With the home folder, so that copied programs are found by name.
    PATH: `${guestPaths.programs}:/usr/sbin:/usr/bin:/sbin:/bin:${guestPaths.home}`,
    TERM: process.env.TERM ?? 'dumb',
    ...(libraryFolders.length > 0 ? { LD_LIBRARY_PATH: libraryFolders.join(':') } : {}),
  }
}

function lossError(loss: Loss, guest: Guest): HarnessError {
  const details = evidenceOf(guest.log, guest.qemu.console, 0)
  const message = `the guest ${guest.label} was lost: ${loss.message}`
  return loss.cause === 'machinery' || loss.cause === 'ended'
    ? new MachineryError(message, { details })
    : new HarnessError(ExitStatus.failed, message, { details })
}
