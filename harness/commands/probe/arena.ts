// SPDX-License-Identifier: MIT
/** Plays sequences of requests in fresh guests, and tells what they break. */
import { guestPaths } from '../../../guest/agent/protocol.ts'
import type { PlayerInput } from '../../../guest/testing/probe/sequence-player-lines.ts'
import { bundleGuestProgram } from '../../../images/guest-runtime.ts'
import { ExitStatus, HarnessError } from '../../base/errors.ts'
import { ownModule } from '../../base/own-folder.ts'
import type { Guest } from '../../guest/guest.ts'
import { GuestProgram } from '../../guest/guest-program.ts'
import type { KernelLogRecord } from '../../guest/kernel-log.ts'
import type { PreparedKernel } from '../../prepare/prepare.ts'
import { inGuest } from '../../session/session.ts'
import { loggedUntilNow } from '../../verdict/boot.ts'
import { endOfTrace } from '../../verdict/kinds.ts'
import { type Breakage, PlayerRecord, SILENCE } from './player-record.ts'

/** The same, once the kernel has reported something. */
const SILENCE_AFTER_REPORT = 5_000

/** Guests of a search. */
const MANY = 1_000

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
    // How many is not known, but it is many: the next one is made while one is played in.
    prepared.guests.expect(MANY, 'test')
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
    return record.breakage(this.#prepared.label, records, failure)
  }
}

/** Lets the player run to its end, or until it says nothing for too long: an oops kills only a thread of it. */
async function run(guest: Guest, record: PlayerRecord): Promise<void> {
  const environment = { NETLINK_VMTEST_MODULES: guestPaths.modules, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  const { promise: silent, resolve } = Promise.withResolvers<'silent'>()
  let limit = SILENCE
  let timer = setTimeout(resolve, limit, 'silent')
  const wait = () => {
    clearTimeout(timer)
    timer = setTimeout(resolve, limit, 'silent')
  }
  const logged = ({ text }: KernelLogRecord) => {
    if (!endOfTrace.test(text)) return
    limit = SILENCE_AFTER_REPORT
    wait()
  }
  guest.log.on('record', logged)
  try {
    const request = { command: ['node', program, input], folder: guestPaths.home, environment }
    const player = await GuestProgram.start(guest, request, started => {
      started.on('output', (stream, data, taken) => {
        record.add(stream, data)
        taken()
        wait()
      })
    })
    player.endInput()
    record.exit = await Promise.race([
      player.exited.then(({ code, signal }) => code ?? 128 + (signal ?? 0)),
      silent,
    ])
  } finally {
    guest.log.off('record', logged)
    clearTimeout(timer)
  }
}
