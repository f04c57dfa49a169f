// SPDX-License-Identifier: MIT
/** gdb for a guest: QEMU's own stub, and a script for gdb that knows what is loaded and where. */
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { countingModule, guestPaths, type StoppedForDebugger } from '../../guest/agent/protocol.ts'
import { MachineryError } from '../base/errors.ts'
import { runToolOrFail } from '../base/process.ts'
import { findTool, ToolMissing } from '../base/tools.ts'
import { withLimit } from '../base/wait.ts'
import type { Guest } from '../guest/guest.ts'
import type { Loss } from '../guest/loss.ts'
import type { SymbolFiles } from '../verdict/decode.ts'

/** What gdb is to know and do. */
export interface Debugging {
  /** Functions at which it stops; none: it stops where the worker waits for it. */
  readonly functions: readonly string[]
  /** Milliseconds that it waits for somebody to let it go on; undefined: for ever. */
  readonly patience?: number | undefined
  /** The folders of the modules' sources. */
  readonly folders: readonly string[]
  readonly symbols: SymbolFiles
  /** Tells the user what to do. */
  say(line: string): void
}

/** What it needs of a guest. */
export interface DebuggedGuest extends Pick<Guest, 'deliver'> {
  readonly qemu: { readonly monitor: Pick<Guest['qemu']['monitor'], 'execute' | 'once'> }
}

/** Lets one guest wait for a debugger, as often as it wants to. */
export class Debugger {
  readonly #guest: DebuggedGuest
  readonly #debugging: Debugging
  /** With the stub's socket and the script. */
  #folder: string | undefined

  readonly #close = () => this.close()

  constructor(guest: DebuggedGuest, debugging: Debugging) {
    this.#guest = guest
    this.#debugging = debugging
    process.once('exit', this.#close)
  }

  /**
   * The worker waits: resolves when gdb has let the machine go on. Meanwhile the guest's time stands still.
   * @throws MachineryError if nobody has done so in time
   */
  async stopped(stopped: StoppedForDebugger): Promise<void> {
    const { monitor } = this.#guest.qemu
    await monitor.execute('stop')
    const isFirst = this.#folder === undefined
    this.#folder ??= mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-gdb-'))
    const socket = path.join(this.#folder, 'stub')
    const script = path.join(this.#folder, 'script')
    const symbols = await symbolCommands(stopped, this.#debugging, this.#folder)
    const attach = isFirst ? [`target remote ${socket}`] : []
    // gdb may still read the one before: it stops again within that one's `continue`.
    const write = (commands: readonly string[]) => {
      writeFileSync(`${script}.new`, lines(commands))
      renameSync(`${script}.new`, script)
    }
    write([...symbols, ...attach, ...stops(this.#debugging.functions, isFirst)])
    if (isFirst) await this.#serve(socket)
    const gone = new Promise<void>(resolve => monitor.once('RESUME', () => resolve()))
    const { say } = this.#debugging
    const loaded = stopped.modules.map(({ name }) => name).filter(name => name !== countingModule)
    const names = loaded.join(', ') || 'no module under test'
    if (isFirst && findTool('gdb') === undefined) say(new ToolMissing('gdb').message)
    if (isFirst) say(`the guest waits for gdb, with ${names} loaded; in another terminal: gdb -x '${script}'`)
    else say(`the guest waits again, with ${names} loaded; in gdb: source ${script}`)
    const { patience } = this.#debugging
    await (patience === undefined
      ? gone
      : withLimit(
          gone,
          patience,
          `no debugger has let the guest go on within ${patience / 1000} s: at a terminal it waits for ever`,
        ))
    // Attaching again would end the guest.
    write(['echo The guest runs: source this again when it waits again.\\n'])
    await this.#guest.deliver([{ path: guestPaths.released, content: new Uint8Array() }])
  }

  /** Why the guest is lost: gdb's `kill` ends QEMU as a reset does. */
  explain(loss: Loss): Loss {
    if (this.#folder === undefined || loss.cause !== 'reset') return loss
    return { ...loss, message: `${loss.message}, or gdb has ended it (kill)` }
  }

  /** Removes the socket and the script. */
  close(): void {
    process.off('exit', this.#close)
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
  }

  async #serve(socket: string): Promise<void> {
    const command = `gdbserver unix:${socket},server=on,wait=off`
    const said = await this.#guest.qemu.monitor.execute('human-monitor-command', { 'command-line': command })
    if (!existsSync(socket)) throw new MachineryError(`QEMU serves no debugger: ${String(said).trim()}`)
  }
}

/** Sections with code or data that stay after a module's init. */
const kept = /^\.(?:text|rodata|data|bss|exit)/

/** gdb's commands that load the symbols of the kernel, if there are any, and of the modules. */
async function symbolCommands(
  { modules, kernel }: StoppedForDebugger,
  { symbols, folders }: Debugging,
  folder: string,
): Promise<string[]> {
  const { vmlinux } = symbols
  const added: string[] = []
  for (const { name, sections } of modules) {
    const file = symbols.module(name)
    if (file === undefined) continue
    const copy = path.join(folder, `${name}.ko`)
    await copyForGdb(file, copy)
    const places = sections.filter(section => kept.test(section.name))
    const options = places.map(section => `-s ${section.name} ${section.address}`)
    added.push(`add-symbol-file ${quoted(copy)} ${options.join(' ')}`)
  }
  return [
    ...['set confirm off', 'set architecture i386:x86-64'],
    ...folders.map(folder => `directory ${quoted(folder)}`),
    // Without those of an earlier stop.
    'symbol-file',
    ...(vmlinux !== undefined && existsSync(vmlinux)
      ? [`symbol-file -o ${BigInt(kernel) - (await linkedAddress(vmlinux))} ${quoted(vmlinux)}`]
      : []),
    ...added,
  ]
}

/**
 * Copies a module for gdb, which warns of sources that are newer than what was built of them, as those of a
 * fresh clone are. Modules of 6.12 have addresses in sections, and gdb 13 then takes .bss for .text
 * (findings/gdb-misplaces-bss-beside-addressed-data.sh).
 */
async function copyForGdb(file: string, copy: string): Promise<void> {
  await runToolOrFail('objcopy', ['--change-section-address', '*=0', file, copy], { timeout: 60_000 })
}

/** As gdb reads file names (buildargv() of libiberty). */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

function stops(functions: readonly string[], isFirst: boolean): string[] {
  if (functions.length === 0) return []
  // gdb keeps those that it has, and finds them in modules that are loaded later.
  const breaks = isFirst ? ['set breakpoint pending on', ...functions.map(each => `break ${each}`)] : []
  return [...breaks, 'continue']
}

/** The address of _text in a vmlinux; that of the running kernel may be another. */
async function linkedAddress(vmlinux: string): Promise<bigint> {
  const { stdout } = await runToolOrFail('nm', [vmlinux], { timeout: 60_000 })
  const [, address] = /^([\da-f]+) T _text$/m.exec(stdout) ?? []
  if (address === undefined) throw new MachineryError(`${vmlinux} has no symbol _text`)
  return BigInt(`0x${address}`)
}

function lines(commands: readonly string[]): string {
  return commands.map(command => `${command}\n`).join('')
}
