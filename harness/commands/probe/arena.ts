// SPDX-License-Identifier: MIT
/** Plays sequences of requests in fresh guests, and tells what they break. */
import { guestPaths } from '../../../guest/agent/protocol.ts'
import type { Step } from '../../../guest/testing/probe/sequence.ts'
import {
  logMark,
  type PlayerInput,
  type PlayerLine,
} from '../../../guest/testing/probe/sequence-player-lines.ts'
import { bundleGuestProgram } from '../../../images/guest-runtime.ts'
import { ExitStatus, HarnessError, MachineryError } from '../../base/errors.ts'
import { ownModule } from '../../base/own-folder.ts'
import { lastLines } from '../../base/process.ts'
import type { Guest } from '../../guest/guest.ts'
import { GuestProgram } from '../../guest/guest-program.ts'
import type { KernelLogRecord } from '../../guest/kernel-log.ts'
import type { PreparedKernel } from '../../prepare/prepare.ts'
import { loggedUntilNow } from '../../verdict/boot.ts'
import { linesOfRecord } from '../../verdict/log-text.ts'
import { findSplats } from '../../verdict/splats.ts'
import { inGuest } from '../session.ts'

/** What a sequence has broken. */
export interface Breakage {
  /** Equal for breakages of the same kind. */
  readonly key: string
  /** In one line. */
  readonly reason: string
  /** The sequence, from 0 on. */
  readonly sequence: number
  /** Its steps, up to the one that broke it as far as that is known. */
  readonly steps: readonly Step[]
  /** All sequences before it in the same guest. */
  readonly before: readonly (readonly Step[])[]
  /** Only kmemleak sees it. */
  readonly isLeak: boolean
}

/** Milliseconds without a new line of the player: every request is answered within 5 s, or given up. */
const SILENCE = 60_000

const program = '/run/netlink-vmtest/sequence-player.js'
const input = '/run/netlink-vmtest/sequences.json'

/** Guests of one kernel in which sequences are played. */
export class Arena {
  readonly #prepared: PreparedKernel
  readonly #program: Uint8Array

  private constructor(prepared: PreparedKernel, program: Uint8Array) {
    this.#prepared = prepared
    this.#program = program
  }

  static async open(prepared: PreparedKernel): Promise<Arena> {
    return new Arena(prepared, await bundleGuestProgram(ownModule('guest/testing/probe/sequence-player')))
  }

  /**
   * Plays sequences one after the other in a guest of its own, up to the first that breaks anything.
   * @throws MachineryError if they cannot be played through no fault of theirs
   */
  async play(sequences: PlayerInput): Promise<Breakage | undefined> {
    const record = new PlayerRecord()
    let guest: Guest | undefined
    let since = 0
    let failure: HarnessError | undefined
    try {
      await inGuest(this.#prepared, async fresh => {
        guest = fresh
        since = fresh.log.next
        await fresh.deliver([
          { path: program, content: this.#program },
          { path: input, content: Buffer.from(JSON.stringify(sequences)) },
        ])
        await run(fresh, record)
        await loggedUntilNow(fresh)
      })
    } catch (error) {
      // The guest was lost; what it said until then is known.
      if (!(error instanceof HarnessError) || error.status !== ExitStatus.failed) throw error
      failure = error
    }
    const records = guest?.log.records.filter(({ sequence }) => sequence >= since) ?? []
    return record.breakage(records, failure)
  }
}

async function run(guest: Guest, record: PlayerRecord): Promise<void> {
  const environment = { NETLINK_VMTEST_MODULES: guestPaths.modules, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  const command = [
    'sh',
    '-c',
    `mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null; exec node ${program} ${input}`,
  ]
  const { promise: silent, resolve } = Promise.withResolvers<'silent'>()
  let timer = setTimeout(resolve, SILENCE, 'silent')
  try {
    const player = await GuestProgram.start(
      guest,
      { command, folder: guestPaths.home, environment },
      started => {
        started.on('output', (stream, data, taken) => {
          record.add(stream, data)
          taken()
          clearTimeout(timer)
          timer = setTimeout(resolve, SILENCE, 'silent')
        })
      },
    )
    player.endInput()
    record.exit = await Promise.race([
      player.exited.then(({ code, signal }) => code ?? 128 + (signal ?? 0)),
      silent,
    ])
  } finally {
    clearTimeout(timer)
  }
}

/** What the player has said. */
class PlayerRecord {
  exit: number | 'silent' | undefined
  #output = ''
  #errors = ''

  add(stream: 'stdout' | 'stderr', data: Buffer): void {
    if (stream === 'stdout') this.#output += data
    else this.#errors += data
  }

  breakage(records: readonly KernelLogRecord[], lost: HarnessError | undefined): Breakage | undefined {
    const lines = this.#output
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as PlayerLine)
    const played = lines.flatMap(line => ('steps' in line ? [line.steps] : []))
    const reported = firstReport(records)
    if (reported) return breakageOf(reported, played, reported.sequence, reachedIn(lines, reported.sequence))
    const last = played.length - 1
    const fault = lines.find(line => 'fault' in line)
    if (fault) return breakageOf(inOneLine(fault.fault), played, last, fault.step)
    const reached = reachedIn(lines, last)
    if (lost) return breakageOf(inOneLine(lost.message), played, last, reached)
    if (this.exit === 'silent')
      return breakageOf(
        inOneLine(`a request does not come back within ${SILENCE / 1000} s`),
        played,
        last,
        reached,
      )
    if (lines.some(line => 'end' in line)) return undefined
    throw new MachineryError('sequences could not be played', { details: lastLines(this.#errors, 20) })
  }
}

/** The last step that had begun in a sequence. */
function reachedIn(lines: readonly PlayerLine[], sequence: number): number | undefined {
  let current = -1
  let step: number | undefined
  for (const line of lines) {
    if ('sequence' in line) current = line.sequence
    else if ('step' in line && current === sequence) step = line.step
  }
  return step
}

interface Reason {
  readonly key: string
  readonly reason: string
  readonly isLeak?: boolean
}

/** The first report of the kernel, and the sequence in which it came. */
function firstReport(
  records: readonly KernelLogRecord[],
): (Reason & { readonly sequence: number }) | undefined {
  const [splat] = findSplats(records.flatMap(linesOfRecord))
  if (splat === undefined) return undefined
  const marks = records.filter(({ sequence, text }) => sequence < splat.sequence && text.startsWith(logMark))
  const sequence = Number(marks.at(-1)?.text.slice(logMark.length) ?? 0)
  const { key, kind, title } = splat
  return { key, reason: `${kind}: ${title}`, sequence, isLeak: kind === 'kmemleak' }
}

/** A fault by its words, without what differs each time. */
function inOneLine(text: string): Reason {
  const [reason = ''] = text.split('\n', 1)
  return { reason, key: reason.replace(/^step \d+, /, '').replace(/\d+/g, '#') }
}

function breakageOf(
  { key, reason, isLeak = false }: Reason,
  played: readonly (readonly Step[])[],
  sequence: number,
  step: number | undefined,
): Breakage {
  const steps = played[sequence] ?? []
  return {
    key,
    reason,
    sequence,
    // A leak is seen after the last one.
    steps: isLeak || step === undefined ? steps : steps.slice(0, step + 1),
    before: played.slice(0, sequence),
    isLeak,
  }
}
