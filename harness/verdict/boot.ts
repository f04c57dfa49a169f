// SPDX-License-Identifier: MIT
import { randomUUID } from 'node:crypto'
import { ExitStatus, HarnessError, MachineryError } from '../base/errors.ts'
import type { Guest } from '../guest/guest.ts'
import type { KernelLogRecord } from '../guest/kernel-log.ts'
import type { Decoder } from './decode.ts'
import { describeReport, reportOf } from './describe-splat.ts'
import { linesOfRecord } from './log-text.ts'
import { countSplats, findSplats } from './splats.ts'

/** Milliseconds that the log's last record may be late. */
const LOG_LIMIT = 15_000

/** The parts of a guest that concern its log. */
export type Logging = Pick<Guest, 'label' | 'log'> & {
  ask(request: { type: 'mark-log'; text: string }): Promise<unknown>
}

/** All that a kernel has logged until now; waits until it has arrived. */
export async function loggedUntilNow(guest: Logging): Promise<readonly KernelLogRecord[]> {
  const mark = `netlink-vmtest: ready, ${randomUUID()}`
  await guest.ask({ type: 'mark-log', text: mark })
  if ((await guest.log.arrival(mark, LOG_LIMIT)) === undefined)
    throw new MachineryError(`the kernel log of ${guest.label} did not arrive within ${LOG_LIMIT / 1000} s`)
  return guest.log.records
}

/** The kernel's reports in a guest that is ready, before any test, in the form that failures show. */
export async function bootSplats(guest: Logging, decoder: Decoder | undefined): Promise<string[]> {
  const splats = findSplats((await loggedUntilNow(guest)).flatMap(linesOfRecord))
  const reports = await Promise.all(countSplats(splats).map(counted => reportOf(counted, decoder)))
  return reports.map(describeReport)
}

/** A kernel reported something before any test (exit status 1): tests on it could pass all the same. */
export class BrokenKernel extends HarnessError {
  constructor(label: string, splats: readonly string[]) {
    const [first = ''] = splats
    const title = first.split('\n', 1)[0]
    const more = splats.length > 1 ? ` and ${splats.length - 1} more` : ''
    super(
      ExitStatus.failed,
      `${label} is broken before any test begins, mend it or set vm.bootSplats to 'ignore': it reported while it booted: ${title}${more}`,
      { details: splats.join('\n\n') },
    )
  }
}
