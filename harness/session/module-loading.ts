// SPDX-License-Identifier: MIT
/** What a module may do while a program in a guest loads it: never return, or make the kernel report something. */
import { ModuleError } from '../base/errors.ts'
import type { Guest } from '../guest/guest.ts'
import type { GuestProgram, ProgramExit } from '../guest/guest-program.ts'
import type { KernelLog } from '../guest/kernel-log.ts'
import type { Decoder } from '../verdict/decode.ts'
import { describeStack, type KernelReport, reportOf } from '../verdict/describe-splat.ts'
import { linesOfRecord } from '../verdict/log-text.ts'
import { countSplats, findSplats } from '../verdict/splats.ts'

/** Milliseconds for each module that a program loads. */
const LIMIT = 120_000
/** Milliseconds in which a guest may have nothing to do until a module comes back. */
export const PATIENCE = 20_000
/** Milliseconds between two looks at that, and for an answer. */
const LOOK_EVERY = 1_000
const ANSWER_LIMIT = 30_000

/** A module whose loading waits in the kernel, and since when, in milliseconds of the guest's idleness and here. */
interface Waiting {
  readonly module: string | undefined
  readonly stack: string
  readonly idle: number
  readonly at: number
}

/** The program that loads modules, and what is known of its guest. */
export interface ModuleLoading {
  readonly program: GuestProgram
  readonly guest: Guest
  readonly decoder: Decoder
  /** The module that it loads or unloads now. */
  underWay(): string | undefined
  /** Milliseconds. */
  readonly patience?: number
}

/**
 * How a program that loads modules ends.
 * @throws ModuleError with where the module waits, if it does not come back
 */
export async function endOfLoading(loading: ModuleLoading): Promise<ProgramExit> {
  const { program, guest, decoder, patience = PATIENCE } = loading
  const { promise: late, reject } = Promise.withResolvers<never>()
  late.catch(() => {})
  const giveUp = async (how: string) => {
    const { stack } = await program.state().catch(() => ({ stack: '' }))
    const module = loading.underWay()
    const details = await describeStack(stack, decoder, `the loading of ${module}`)
    reject(new ModuleError(`${module} does not come back from its init or exit ${how}`, { details }))
  }
  const timer = setTimeout(() => void giveUp(`within ${LIMIT / 1000} s`), LIMIT)
  let since: Waiting | undefined
  const look = async () => {
    const module = loading.underWay()
    const [{ stack }, idle] = await Promise.all([program.state(), guest.ping(ANSWER_LIMIT)])
    const now = performance.now()
    if (since?.module !== module) timer.refresh()
    if (since?.module !== module || since?.stack !== stack) since = { module, stack, idle, at: now }
    // By both clocks: either may run slowly on a machine that is busy.
    if (stack === '' || !(Math.min(now - since.at, idle - since.idle) >= patience)) return
    clearInterval(looks)
    await giveUp(`while its guest has had nothing to do for ${patience / 1000} s`)
  }
  // The session notices a silent guest.
  const looks = setInterval(() => void look().catch(() => {}), LOOK_EVERY)
  try {
    return await Promise.race([program.exited, late])
  } finally {
    clearTimeout(timer)
    clearInterval(looks)
  }
}

/** What the kernel has reported from a record of its log on. */
export async function reportsSince(
  log: KernelLog,
  sequence: number,
  decoder: Decoder,
): Promise<KernelReport[]> {
  const records = log.records.filter(record => record.sequence >= sequence)
  const counted = countSplats(findSplats(records.flatMap(linesOfRecord)))
  return await Promise.all(counted.map(each => reportOf(each, decoder)))
}
