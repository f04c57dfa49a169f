import path from 'node:path'
import { guestPaths, type StartRequest } from '../../guest/agent/protocol.ts'
import { hostLabel } from '../../kernel/provide.ts'
import { ExitStatus, HarnessError, MachineryError, ModuleError } from '../base/errors.ts'
import { consoleProgress } from '../base/progress.ts'
import { evidenceOf } from '../guest/evidence.ts'
import { AgentError, type Guest } from '../guest/guest.ts'
import { GuestProgram, type ProgramExit, runInGuest } from '../guest/guest-program.ts'
import type { Loss } from '../guest/loss.ts'
import { type Loading, withModules } from '../prepare/delivery.ts'
import { type PreparedKernel, prepareKernel } from '../prepare/prepare.ts'
import type { Settings } from '../prepare/settings.ts'
import { copyInto, parseCopy } from './copies.ts'

/** The options that `exec` and `shell` have in common. */
export interface SessionOptions {
  readonly kernel?: string
  /** An out-of-tree Kbuild directory in place of ours. */
  readonly modules?: string
  /** Modules to load, in this order: names, and parameters after them. */
  readonly module: readonly string[]
  readonly copy: readonly string[]
}

/** How often the guest is asked whether it lives, and how long it may take to answer. */
const PING_EVERY = 5_000
const PING_LIMIT = 30_000

/** A guest for one command: modules loaded, files copied in. */
export interface Session {
  readonly prepared: PreparedKernel
  readonly guest: Guest
  /** Variables for what runs in it. */
  readonly environment: Readonly<Record<string, string>>
  /** Where a copy went, by its source as it was written and by its name: what COMMAND may call it. */
  readonly places: ReadonlyMap<string, string>
}

/**
 * Restores a guest, makes it ready, and gives it to `work`; whatever happens, it is ended after that.
 * @throws HarnessError when it cannot be had, a module does not load, or the guest is lost while `work` uses it
 */
export async function withSession<T>(
  options: SessionOptions,
  settings: Settings,
  root: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const wanted = options.copy.map(parseCopy)
  // stderr is the command's: only what takes long is shown on it.
  const progress = { ...consoleProgress(), note: () => {} }
  const prepared = await prepareKernel(options.kernel ?? settings.kernels?.[0] ?? hostLabel(), {
    settings: withModules(settings, options.modules),
    root,
    progress,
  })
  const modules = await Promise.all(
    options.module.map(parseModule).map(async ({ name, parameters }) => ({
      ...(await prepared.delivery.loading(name)),
      parameters,
    })),
  )
  const guest = await prepared.guests.acquire()
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
    const ready = async () => {
      const { copies, libraryFolders } = await copyInto(guest, wanted, prepared.spec.machine.memory)
      const loaded = new Set<string>()
      for (const module of modules) await load(guest, module, loaded)
      const environment = environmentFor(libraryFolders)
      const places = new Map(
        copies.flatMap(({ source, place }) => [
          [source, place],
          [path.basename(place), place],
        ]),
      )
      return await work({ prepared, guest, environment, places })
    }
    try {
      return await Promise.race([ready(), lost])
    } finally {
      clearInterval(pings)
    }
  } finally {
    await prepared.guests.release(guest)
  }
}

/** Starts a command in a session's guest. A command that cannot be started ends as in a shell: 127 or 126. */
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
    if (error.code === 'ENOENT')
      return {
        status: 127,
        reason: `${name} is not in the guest, or the interpreter it names is not (it has sh and node): --copy brings both`,
      }
    if (error.code === 'EACCES') return { status: 126, reason: `${name} is not executable: chmod +x it` }
    if (error.code === 'ENOEXEC') return { status: 126, reason: `${name} is no program for this machine` }
    throw error
  }
}

/** The exit status that a shell gives for it; 128 where a real-time signal ended it, whose number Node does not tell. */
export function statusOf(exit: ProgramExit, signals: Readonly<Record<string, number>>): number {
  return exit.signal === null ? (exit.code ?? 128) : 128 + (signals[exit.signal] ?? 0)
}

/** Reads `NAME [PARAMETER=VALUE...]`. */
export function parseModule(text: string): { name: string; parameters: string } {
  const [, name = '', parameters = ''] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(text) ?? []
  return { name, parameters }
}

interface ModuleToLoad extends Loading {
  /** As the kernel takes them, empty where there are none. */
  readonly parameters: string
}

/** @param loaded the files of all that were loaded before, to which these are added */
async function load(
  guest: Guest,
  { files, order, parameters }: ModuleToLoad,
  loaded: Set<string>,
): Promise<void> {
  await guest.deliver(files)
  const own = order.at(-1)
  for (const file of order) {
    if (file !== own && loaded.has(file)) continue
    await insert(guest, file, file === own ? parameters : '', file !== own)
    loaded.add(file)
  }
}

/** @param needed whether another module needs it, and it may be there already */
async function insert(guest: Guest, file: string, parameters: string, needed: boolean): Promise<void> {
  const since = guest.log.next
  const command = ['insmod', file, ...(parameters === '' ? [] : [parameters])]
  const { code, output } = await runInGuest(guest, { command, folder: guestPaths.home, environment: {} })
  if (code === 0 || (needed && /File exists/.test(output))) return
  // What the kernel said comes on a port of its own, a moment later perhaps: an answered ping is enough for it.
  await guest.ping(PING_LIMIT)
  const details = [output.trim(), guest.log.since(since, 20)].filter(Boolean).join('\n')
  throw new ModuleError(`${path.basename(file, '.ko')} does not load`, { details })
}

function environmentFor(libraryFolders: readonly string[]): Record<string, string> {
  return {
    HOME: guestPaths.home,
    USER: 'root',
    // What is copied in is found by its name.
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
