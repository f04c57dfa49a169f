// SPDX-License-Identifier: MIT
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { MachineryError } from '../base/errors.ts'
import { defaultKernel } from '../fixtures/kernel.ts'
import { killFirstQemu } from '../fixtures/processes.ts'
import { Guest, type GuestSpec } from './guest.ts'
import { GuestProgram, runInGuest } from './guest-program.ts'
import type { Loss } from './loss.ts'

let spec: GuestSpec
beforeAll(async () => {
  spec = (await defaultKernel()).spec
})

async function boot(): Promise<Guest> {
  const guest = await Guest.boot(spec)
  onTestFinished(() => guest.end())
  return guest
}

const lossOf = (guest: Guest) => new Promise<Loss>(resolve => guest.once('lost', resolve))

test('a guest boots, tells its release, answers, takes files, keeps its log, and ends with its QEMU', async () => {
  const guest = await boot()
  expect(guest.release).toMatch(/^\d+\.\d+/)
  await guest.ping(5_000)
  await guest.deliver([{ path: '/tmp/a/b', content: Buffer.from('x') }])
  expect(guest.log.records.map(record => record.text).join('\n')).toContain('Linux version')
  expect(guest.log.lost).toBe(0)
  const { pid } = guest.qemu
  await guest.end()
  expect(existsSync(`/proc/${pid}`)).toBe(false)
  await expect(guest.ping(1_000)).rejects.toThrow(MachineryError)
})

test('an emulated processor promises no fast string instructions, which newer QEMUs have more of', async () => {
  const guest = await Guest.boot({ ...spec, machine: { ...spec.machine, accelerator: 'tcg' } })
  onTestFinished(() => guest.end())
  const command = ['cat', '/proc/cpuinfo']
  const { output } = await runInGuest(guest, { command, folder: '/', environment: {} })
  const flags = /^flags\s*: (.+)$/m.exec(output)?.[1]?.split(' ')
  expect(flags).toContain('fpu')
  expect(flags?.filter(flag => /^(erms|fsrm|fzrm|fsrs|fsrc)$/.test(flag))).toEqual([])
})

test('a flood of records arrives whole and in order, the longest with the short ones', async () => {
  const guest = await boot()
  const said = (line: number) => `${line} ${line % 3 === 0 ? '\x01'.repeat(950) : 'short'}`
  const lines = 3000
  const script = `
    const said = ${said}
    for (let line = 0; line < ${lines}; line++) fs.writeFileSync('/dev/kmsg', said(line) + '\\n')`
  const { code } = await runInGuest(guest, { command: ['node', '-e', script], folder: '/', environment: {} })
  expect(code).toBe(0)
  await guest.log.arrival(said(lines - 1), 60_000)
  const texts = guest.log.records.filter(record => record.facility === 1).map(record => record.text)
  expect(texts.slice(-lines)).toEqual(Array.from({ length: lines }, (_, line) => said(line)))
  expect(guest.log.lost).toBe(0)
})

test('QEMU dies before the agent says hello: an error that says so, at once', async () => {
  const booting = Guest.boot(spec)
  await killFirstQemu()
  await expect(booting).rejects.toThrow(/was lost while it booted: QEMU was killed by SIGKILL/)
})

test('QEMU dies after the agent said hello: the loss is told once, and whoever waits is told', async () => {
  const guest = await boot()
  const losses: Loss[] = []
  guest.on('lost', loss => losses.push(loss))
  const answer = guest.ping(60_000).catch((error: unknown) => error)
  process.kill(guest.qemu.pid, 'SIGKILL')
  await guest.qemu.exited
  expect(await answer).toBeInstanceOf(MachineryError)
  expect(losses).toEqual([{ cause: 'machinery', message: 'QEMU was killed by SIGKILL' }])
})

test('a QEMU that is stopped does not answer, and does not hold the harness up', async () => {
  const guest = await boot()
  process.kill(guest.qemu.pid, 'SIGSTOP')
  await expect(guest.ping(300)).rejects.toThrow('did not answer within 0.3 s')
  await guest.end()
})

test('a machine that resets is lost by a reset', async () => {
  const guest = await boot()
  const lost = lossOf(guest)
  await guest.qemu.monitor.execute('system_reset')
  expect((await lost).cause).toBe('reset')
})

test('a kernel that is none: the error names the guest, and comes with QEMU or the console', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kernel-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const kernel = path.join(folder, 'bzImage')
  writeFileSync(kernel, Buffer.alloc(4096))
  const error = await Guest.boot({ ...spec, bootLimit: 3_000, machine: { ...spec.machine, kernel } }).catch(
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(MachineryError)
  expect((error as MachineryError).message).toContain(spec.label)
})

test('a guest that does not come up in time is ended, and says how far it came', async () => {
  const error = await Guest.boot({ ...spec, bootLimit: 800 }).catch((e: unknown) => e)
  expect((error as MachineryError).message).toMatch(/did not boot within 0\.8 s: its agent did not answer/)
})

test("a terminal's input ends behind all that was written to it, however much it is", async () => {
  const guest = await boot()
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()
  let output = ''
  const program = await GuestProgram.start(
    guest,
    {
      command: ['sh', '-c', 'stty -echo; echo ready; wc -c'],
      folder: '/',
      environment: {},
      terminal: { columns: 80, rows: 24 },
    },
    program =>
      program.on('output', (_stream, data, taken) => {
        output += data.toString('utf8')
        if (output.includes('ready')) isReady()
        taken()
      }),
  )
  await ready
  // a terminal's buffer has 4 KiB
  program.write(Buffer.from(`${'x'.repeat(99)}\n`.repeat(2000)))
  program.endInput()
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(output).toMatch(/^200000\r$/m)
})
