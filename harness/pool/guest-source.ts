// SPDX-License-Identifier: MIT
import type { TestRecord } from '../../guest/agent/protocol.ts'
import type { Guest } from '../guest/guest.ts'
import type { Loss } from '../guest/loss.ts'
import type { Decoder } from '../verdict/decode.ts'
import type { KnownReports } from '../verdict/known-reports.ts'
import type { Coverage } from './coverage.ts'
import type { Debugging } from './debugger.ts'

/** A time limit with its message. */
export interface Deadline {
  /** On the clock of performance.now(). */
  readonly at: number
  /** What to report then: "the file took longer than 600 s (fileTimeout)". */
  readonly message: string
}

/** Takes what files do, to compare it with what they do elsewhere. */
export interface Recorder {
  /** The side of a comparison whose files they are: BASE or HEAD. */
  readonly side?: string | undefined
  /** What the tests of a file have said. @param file relative to the project's folder */
  said(file: string, record: TestRecord): void
  /** Nobody has caught an error in the time of a file: it belongs to no test. */
  uncaught(file: string, error: unknown): void
  /** QEMU or the host has lost a file's guest, or has given it none: what it did says nothing. */
  lost(file: string, reason: string): void
  /** A file has ended. @param modules those under test that it can have loaded */
  ended(file: string, modules: readonly string[]): void
}

/** A test has failed, and its guest is as it was then. */
export interface FailedTest {
  readonly name: string
  /** Its errors, a text each. */
  readonly errors: readonly string[]
}

/** Looks around in the guest of a failed test. */
export type Attend = (guest: Guest, failed: FailedTest) => Promise<void>

/** Where the pool gets its guests from: all that it knows of a kernel. */
export interface GuestSource {
  /** A guest with modules, client library and programs, for the caller alone until it is released. */
  acquire(): Promise<Guest>
  /**
   * Takes a guest back whose worker has stopped.
   * @param reusable its files passed and the kernel reported nothing: where files share guests, another file
   *   may use it
   */
  release(guest: Guest, reusable?: boolean): Promise<void>
  /** Where this project's own package lies in its guests. */
  readonly packageFolder: string
  /** Whether workers print in colour. A worker can be told to leave colours out only once. */
  readonly colours: boolean
  /** The factor by which its kernel's default limits of tests and hooks are longer; 1 if not given. */
  readonly slowness?: number
  /** Whether its kernel looks for lost memory, which takes long. */
  readonly findsLostMemory?: boolean
  /** Whether passed tests show their conversations, too. */
  readonly trace?: boolean
  /** Where the conversations of all tests are captured, passed ones too; undefined for nowhere. */
  readonly captureFolder?: string | undefined
  /** Takes what all tests have said. */
  readonly recorder?: Recorder | undefined
  /** Whether failures carry as data what a page shows of them: conversations, kernel logs, reports. */
  readonly details?: boolean
  /** Takes what the modules in its guests have counted; undefined: they count nothing. */
  readonly coverage?: Coverage | undefined
  /** Its guests wait for a debugger; undefined: they do not. */
  readonly debugging?: Debugging | undefined
  /** Whether the memory of a guest whose kernel dies is kept. */
  readonly dumps?: boolean
  /** Called with its guest for each test that has failed, which goes on when that resolves; nothing has a limit. */
  readonly attend?: Attend | undefined
  /** Whether files beside the tests are put into its guests; not into what becomes a template. */
  readonly bringsFiles?: boolean
  /** Finds source lines for the kernel's reports, if there are symbols. */
  readonly decoder?: Decoder
  /** Reports of its kernel that fail nothing. */
  readonly knownReports?: KnownReports
  /** The time limit of a guest that is acquired now, if there is one. */
  readonly deadline?: Deadline | undefined
  /**
   * Kernel, image and modules of its guests, for the evidence of failed files; if undefined, no evidence is
   * kept.
   */
  readonly identity?: Readonly<Record<string, unknown>>
  /** Called for each guest that was lost in use. */
  onLoss(loss: Loss): void
}
