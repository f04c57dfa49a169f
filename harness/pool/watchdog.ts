// SPDX-License-Identifier: MIT

import { type FromWorker, mayBlockFor } from '../../guest/agent/protocol.ts'
import { longestTimer } from '../base/timers.ts'
import type { Guest } from '../guest/guest.ts'
import type { KernelLogRecord } from '../guest/kernel-log.ts'
import type { Loss } from '../guest/loss.ts'
import { patientTimer } from '../qemu/starvation.ts'

/** Milliseconds between two pings of a working guest, and for an answer. */
const PING_EVERY = 3_000
const PING_LIMIT = 10_000
/**
 * Milliseconds that a file may go on after an oops in a workqueue's worker, for which others may wait for
 * ever.
 */
const OOPS_LIMIT = 5_000
/** The first line of an oops, the line that only one of a workqueue's worker has, and the last line. */
const oops = /^(?:BUG: unable to handle|BUG: kernel NULL pointer|Oops: |general protection fault)/
const ofWorkqueue = /^Workqueue: /
const endOfReport = /^---\[ end trace /
/** Milliseconds for the worker's answer, if no test blocks its event loop. */
const PONG_LIMIT = 2_000

interface Waiting {
  readonly what: string
  readonly timeout: number
  readonly patience: number
  idleBefore?: number
}

/**
 * Gives up a guest whose file takes too long, with where in the kernel its worker waits; as a frozen one if it does
 * not answer: on a busy host this can come before a ping's own limit.
 */
export async function giveUpWaiting(guest: Guest, loss: Loss): Promise<void> {
  const state = await guest.workerState().catch(() => undefined)
  if (state === undefined)
    return await guest.giveUpFrozen(`${loss.message}, and nothing in the guest answers`)
  const { stack } = state
  guest.giveUp({ ...loss, ...(stack ? { stack } : {}) })
}

/** Gives up a guest that does not answer, or whose test or hook does not return. */
export class Watchdog {
  readonly #guest: Guest
  #pings: NodeJS.Timeout | undefined
  #stuck: NodeJS.Timeout | undefined
  /** What has a limit of idleness, and the guest's idle time when it was first looked at. */
  #waiting: Waiting | undefined
  /** The running test's limit. */
  #testLimit: number | undefined
  /** Milliseconds of an idle guest for which one request may keep the worker. */
  #requestLimit: number | undefined
  /** A ping that the worker has not answered, and the guest's idle time when that was first looked at. */
  #unanswered: { idleBefore?: number } | undefined
  #oops: string | undefined
  #oopsed: NodeJS.Timeout | undefined
  readonly #onRecord = ({ facility, text }: KernelLogRecord) => {
    if (facility !== 0) return
    if (oops.test(text)) this.#oops ??= text
    if (endOfReport.test(text)) this.#oops = undefined
    if (this.#oops === undefined || !ofWorkqueue.test(text)) return
    const message = `the kernel has lost a worker thread, and the file did not end within ${OOPS_LIMIT / 1000} s: ${this.#oops}`
    this.#oopsed ??= setTimeout(() => this.#guest.giveUp({ cause: 'panic', message }), OOPS_LIMIT)
  }
  readonly #onWorker = ({ type }: FromWorker) => {
    if (type === 'pong') this.#unanswered = undefined
  }

  constructor(guest: Guest) {
    this.#guest = guest
  }

  /** A file begins. */
  start(): void {
    if (!this.#pings) this.#guest.log.on('record', this.#onRecord)
    this.#pings ??= setInterval(() => {
      const waiting = this.#waiting
      const unanswered = this.#pingWorker()
      this.#guest.ping(PING_LIMIT).then(
        idle => {
          this.#idled(idle, waiting)
          this.#kept(idle, unanswered)
        },
        () =>
          this.#guest.giveUpFrozen(`the guest froze: nothing in it has answered for ${PING_LIMIT / 1000} s`),
      )
    }, PING_EVERY)
  }

  /**
   * @param timeout the test's own limit, in milliseconds; 0 for none
   * @param patience milliseconds of an idle guest that end it too; 0 for none
   */
  testStarted(timeout: number, patience: number): void {
    this.#testLimit = timeout
    this.#watch('the test', timeout, patience)
  }

  testEnded(): void {
    this.#testLimit = undefined
    this.#unwatch()
  }

  /** Another limit counts: a hook's, or the test's again. The parameters are testStarted()'s. */
  limitChanged(timeout: number, patience: number): void {
    this.#watch(timeout === this.#testLimit ? 'the test' : 'a hook', timeout, patience)
  }

  /** @param limit milliseconds of an idle guest for which one request may keep the worker; 0 for no such limit */
  requestLimited(limit: number): void {
    this.#guest.off('worker', this.#onWorker)
    this.#unanswered = undefined
    this.#requestLimit = limit > 0 ? limit : undefined
    if (this.#requestLimit !== undefined) this.#guest.on('worker', this.#onWorker)
  }

  #pingWorker(): { idleBefore?: number } | undefined {
    if (this.#requestLimit === undefined) return undefined
    if (this.#unanswered === undefined) {
      this.#unanswered = {}
      this.#guest.sendToWorker({ type: 'ping' })
    }
    return this.#unanswered
  }

  /** @param unanswered the worker's ping at that time */
  #kept(idle: number, unanswered: { idleBefore?: number } | undefined): void {
    const limit = this.#requestLimit
    if (unanswered === undefined || unanswered !== this.#unanswered || limit === undefined) return
    unanswered.idleBefore ??= idle
    if (!(idle - unanswered.idleBefore >= limit)) return
    this.#unwatch()
    this.requestLimited(0)
    const message = `a request did not return while its guest was idle for ${limit / 1000} s`
    void giveUpWaiting(this.#guest, { cause: 'worker', message })
  }

  #watch(what: string, timeout: number, patience: number): void {
    this.#unwatch()
    // It has no limit: 0, or more than a timer can have.
    if (timeout <= 0 || timeout > longestTimer - mayBlockFor) return
    if (patience > 0) this.#waiting = { what, timeout, patience }
    this.#stuck = setTimeout(() => {
      const message = `${what} did not give control back within ${(timeout + mayBlockFor) / 1000} s (its own limit is ${timeout / 1000} s)`
      void this.#giveUpStuck(message)
    }, timeout + mayBlockFor)
  }

  #unwatch(): void {
    clearTimeout(this.#stuck)
    this.#stuck = undefined
    this.#waiting = undefined
  }

  /** @param waiting what ran when the ping was sent */
  #idled(idle: number, waiting: Waiting | undefined): void {
    if (waiting === undefined || waiting !== this.#waiting) return
    waiting.idleBefore ??= idle
    if (!(idle - waiting.idleBefore >= waiting.patience + mayBlockFor)) return
    this.#waiting = undefined
    clearTimeout(this.#stuck)
    const message = `${waiting.what} did not give control back while its guest was idle for ${(waiting.patience + mayBlockFor) / 1000} s (its own limit of ${waiting.timeout / 1000} s is for work)`
    void this.#giveUpStuck(message)
  }

  /** A test expects an oops: it ends nothing. */
  oopsExpected(): void {
    clearTimeout(this.#oopsed)
    this.#oopsed = undefined
    this.#oops = undefined
  }

  /** Gives up a guest whose worker's event loop is blocked. */
  async #giveUpStuck(message: string): Promise<void> {
    const stuck = this.#stuck
    const answers = await this.#workerAnswers()
    // It has come back meanwhile.
    if (stuck !== this.#stuck) return
    if (!answers) return giveUpWaiting(this.#guest, { cause: 'worker', message })
    // One whose worker answers is ended by Vitest.
    if (stuck !== undefined) this.#stuck = setTimeout(() => void this.#giveUpStuck(message), mayBlockFor)
  }

  async #workerAnswers(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = patientTimer(this.#guest.qemu.pid, PONG_LIMIT, () => resolve(false))
    const heard = ({ type }: FromWorker) => type === 'pong' && resolve(true)
    this.#guest.on('worker', heard)
    this.#guest.sendToWorker({ type: 'ping' })
    try {
      return await promise
    } finally {
      timer.clear()
      this.#guest.off('worker', heard)
    }
  }

  /** The file has ended. */
  stop(): void {
    this.oopsExpected()
    this.requestLimited(0)
    this.#guest.log.off('record', this.#onRecord)
    clearInterval(this.#pings)
    this.testEnded()
    this.#pings = undefined
  }
}
