// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { lossOf, workerLoss } from './loss.ts'

const reset = { by: 'guest', description: 'the guest reset itself' } as const

test('a reset after a panic is a panic, in the words of the kernel', () => {
  const console = '[    6.7] Kernel panic - not syncing: sysrq triggered crash\r\n[    6.8] CPU: 0 PID: 1\r\n'
  expect(lossOf(reset, console)).toEqual({ cause: 'panic', message: 'kernel panic: sysrq triggered crash' })
})

test('a reset without a word: what is known of it, which is not which of the two it was', () => {
  expect(lossOf(reset, 'hello\n')).toEqual({
    cause: 'reset',
    message: 'the guest reset itself (a triple fault or an emergency restart)',
  })
})

test.each([
  ['[    5.1] reboot: Restarting system\r\n', 'reset', 'the guest rebooted'],
  ['[    5.1] reboot: Power down\r\n', 'power-off', 'the guest powered off'],
  ['netlink-vmtest: the agent ended with status 137\r\n', 'reset', "the guest's agent ended with status 137"],
  [
    '[ 9.0] Out of memory: Killed process 80 (node) total-vm:1kB\r\nnetlink-vmtest: the agent ended with status 137\r\n',
    'memory',
    'the guest ran out of memory: its kernel killed process 80 (node). vm.memory gives it more',
  ],
])('what the console says last tells: %j', (console, cause, message) => {
  expect(lossOf(reset, console)).toEqual({ cause, message })
})

test("what others do to QEMU is the machinery's fault, whatever the console says", () => {
  const killed = { by: 'other', description: 'QEMU was killed by SIGKILL' } as const
  expect(lossOf(killed, 'Kernel panic - not syncing: x')).toEqual({
    cause: 'machinery',
    message: killed.description,
  })
})

test('a worker that was killed, by a test or for want of memory', () => {
  const killed = { code: null, signal: 'SIGKILL' }
  expect(workerLoss(killed, '').message).toBe('the test worker was killed by SIGKILL')
  expect(workerLoss(killed, 'Memory cgroup out of memory: Killed process 7 (MainThread)').cause).toBe(
    'memory',
  )
  expect(workerLoss({ code: 3, signal: null }, '').message).toBe('the test worker exited with status 3')
})
