import { expect, test } from 'vitest'
import { lossOf } from './loss.ts'

const reset = { by: 'guest', description: 'the guest reset itself' } as const

test('a reset after a panic is a panic, in the words of the kernel', () => {
  const console = '[    6.7] Kernel panic - not syncing: sysrq triggered crash\r\n[    6.8] CPU: 0 PID: 1\r\n'
  expect(lossOf(reset, console)).toEqual({ cause: 'panic', message: 'kernel panic: sysrq triggered crash' })
})

test('a reset without a word is said to be one', () => {
  expect(lossOf(reset, 'hello\n')).toEqual({
    cause: 'reset',
    message: 'the guest reset itself, without a panic on its console',
  })
})

test("what others do to QEMU is the machinery's fault, whatever the console says", () => {
  const killed = { by: 'other', description: 'QEMU was killed by SIGKILL' } as const
  expect(lossOf(killed, 'Kernel panic - not syncing: x')).toEqual({
    cause: 'machinery',
    message: killed.description,
  })
})
