// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { MachineryError } from '../base/errors.ts'
import { qemuBinary } from './identity.ts'
import { Monitor } from './monitor.ts'

let qemu: ReturnType<typeof spawn>
let monitor: Monitor
beforeEach(() => {
  const args = [
    '-machine',
    'none',
    '-nodefaults',
    '-display',
    'none',
    '-chardev',
    'socket,id=m,fd=3',
    '-mon',
    'chardev=m,mode=control',
  ]
  qemu = spawn(qemuBinary, args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
  monitor = new Monitor(qemu.stdio[3] as Duplex)
  onTestFinished(() => void qemu.kill('SIGKILL'))
})

test('commands are answered, also those sent before QEMU has greeted', async () => {
  const answers = await Promise.all([monitor.execute('query-status'), monitor.execute('query-name')])
  expect(answers).toMatchObject([{ status: 'running' }, {}])
})

test("a refused command is an error in QEMU's words", async () => {
  await expect(monitor.execute('no-such-command')).rejects.toThrow(
    /^QEMU refused the command no-such-command: /,
  )
})

test('events are told by name', async () => {
  const event = once(monitor, 'STOP')
  await monitor.execute('stop')
  await event
})

test('when QEMU dies, waiting commands fail at once, later ones too', async () => {
  await monitor.execute('query-status')
  qemu.kill('SIGSTOP')
  const waiting = monitor.execute('query-status').catch((error: unknown) => error)
  qemu.kill('SIGKILL')
  expect(await waiting).toEqual(new MachineryError('QEMU ended during the command query-status'))
  await expect(monitor.execute('query-status')).rejects.toThrow('QEMU ended before the command query-status')
})

test('a QEMU that does not answer is given up after the limit', async () => {
  await monitor.execute('query-status')
  qemu.kill('SIGSTOP')
  await expect(monitor.execute('query-status', {}, 50)).rejects.toThrow(
    /did not answer the command query-status/,
  )
})
