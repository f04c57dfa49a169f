// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { mayBeginReport } from './kernel-log.ts'

test.each([
  { record: '4,7,1000,-;BUG: oh\n', may: true },
  { record: '6,7,1000,-,caller=T1;BUG: oh\n', may: true },
  { record: '6,7,1000,-;nlexample: no BUG: at all\n', may: false },
  // in a record of several lines a report may begin at any of them
  { record: '4,7,1000,-;nlexample: \\x0aBUG: oh\n', may: true },
  // a driver's key=value lines are no text of the log
  { record: '6,7,1000,-;nlexample: here\n SUBSYSTEM=x\n BUG: oh\n', may: false },
  // written by a program: facility 1
  { record: '12,7,1000,-;BUG: oh\n', may: false },
  { record: '15,7,1000,-;netlink-vmtest: the log up to here\n', may: false },
])('$record: may begin a report: $may', ({ record, may }) => {
  expect(mayBeginReport(record, /^BUG: /)).toBe(may)
})
