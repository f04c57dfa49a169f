// SPDX-License-Identifier: MIT
/** The library on a program that has what QEMU has, and tells of it (fixtures/busy.c). */
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { ownFolder } from '../../base/own-folder.ts'
import { runTool, runToolOrFail, tethered } from '../../base/process.ts'
import { type ConnectedProcess, spawnConnected } from '../process.ts'
import { Forkable } from './forkable.ts'
import { forkLibrary } from './library.ts'

const ERRORS = 2
const CHANNEL = 3
const CONTROL = 4

let folder: string
let program: string
let library: string
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'forkable-'))
  program = path.join(folder, 'busy')
  const source = path.join(ownFolder, 'harness/fixtures/busy.c')
  await runToolOrFail('gcc', ['-O2', '-pthread', '-o', program, source], { timeout: 60_000 })
  // nobody may read them here
  library = path.join(folder, 'library')
  copyFileSync((await forkLibrary()).library, library)
  chmodSync(folder, 0o755)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The program, or a fork of it. */
class Busy {
  readonly process: ConnectedProcess
  readonly #lines: AsyncIterator<string>
  stderr = ''

  constructor(process: ConnectedProcess) {
    this.process = process
    const input: Interface = createInterface(process.stream(CHANNEL))
    this.#lines = input[Symbol.asyncIterator]()
    process.stream(ERRORS).on('data', data => {
      this.stderr += data
    })
  }

  async ask(line: string): Promise<string> {
    this.process.stream(CHANNEL).write(`${line}\n`)
    const { value } = await this.#lines.next()
    if (value !== undefined) return value
    const { code, signal } = await this.process.closed
    throw new Error(`it has ended with ${code ?? signal}, and said: ${this.stderr}`)
  }

  async quit() {
    this.process.stream(CHANNEL).write('quit\n')
    return await this.process.closed
  }
}

async function started(as: readonly string[] = []): Promise<{ busy: Busy; forkable: Forkable }> {
  const [command = '', ...args] = [...as, 'env', `LD_PRELOAD=${library}`, `FORKABLE_FD=${CONTROL}`, program]
  const process = await spawnConnected('busy', tethered(command, args), 3)
  onTestFinished(() => process.kill())
  const control = process.stream(CONTROL)
  const forkable = await Forkable.connect(control, new Promise(() => {}))
  return { busy: new Busy(process), forkable }
}

async function forked(forkable: Forkable): Promise<Busy> {
  const process = await forkable.fork([ERRORS, CHANNEL])
  onTestFinished(() => process.kill())
  return new Busy(process)
}

/** Kilobytes of its own, shared with forks or not. */
const memoryOf = (pid: number) =>
  Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
const childrenOf = (pid: number) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')

test.each([
  ['as this user', []],
  [
    'as nobody, without new privileges',
    [
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      '--no-new-privs',
      '--pdeathsig',
      'KILL',
      '--',
    ],
  ],
])('%s: a thousand forks leave nothing, each has all threads and descriptors', async (_who, as) => {
  const { busy, forkable } = await started(as)
  const [pid, descriptors, threads] = (await busy.ask('ask')).split(' ').map(Number)
  expect([descriptors, threads]).toEqual([9, 6])
  const mine = { children: childrenOf(process.pid), descriptors: readdirSync('/proc/self/fd').length }
  let memory = 0
  for (let round = 0; round < (as.length > 0 ? 100 : 1000); round++) {
    const fork = await forked(forkable)
    if (round === 10) memory = memoryOf(pid as number)
    // neither the control connection nor its thread
    if (round % 10 === 0) expect(await fork.ask('ask')).toBe(`${fork.process.pid} ${8} ${5}`)
    if (round % 2 === 0) expect(await fork.quit()).toEqual({ code: 0, signal: null })
    else {
      fork.process.kill()
      expect(await fork.process.closed).toEqual({ code: null, signal: 'SIGKILL' })
    }
    expect(fork.stderr).toBe('')
  }
  expect(await busy.ask('ask')).toBe(`${pid} ${descriptors} ${threads}`)
  expect(memoryOf(pid as number)).toBeLessThanOrEqual(memory + 16)
  expect(childrenOf(pid as number)).toBe('')
  expect(childrenOf(process.pid)).toBe(mine.children)
  expect(readdirSync('/proc/self/fd').length).toBe(mine.descriptors)
  expect(await busy.quit()).toEqual({ code: 0, signal: null })
})

test('forks are independent of each other and of the program, and outlive it', async () => {
  const { busy, forkable } = await started()
  await busy.ask('set 1')
  const forks = await Promise.all([2, 3, 4, 5].map(() => forked(forkable)))
  await Promise.all(forks.map((fork, index) => fork.ask(`set ${index + 10}`)))
  expect(await Promise.all(forks.map(fork => fork.ask('get')))).toEqual(['10', '11', '12', '13'])
  expect(await busy.ask('get')).toBe('1')
  busy.process.kill()
  await busy.process.closed
  expect((await Promise.all(forks.map(fork => fork.ask('ask')))).map(said => said.split(' ')[0])).toEqual(
    forks.map(({ process }) => String(process.pid)),
  )
  await expect(forkable.fork([ERRORS, CHANNEL])).rejects.toThrow('QEMU has ended, and is not forked')
  expect(await Promise.all(forks.map(fork => fork.quit()))).toEqual(
    forks.map(() => ({ code: 0, signal: null })),
  )
})

test('a process that waits for nothing but the end of its fork, waits', async () => {
  const script = `
    import { tethered } from '${ownFolder}/harness/base/process.ts'
    import { spawnConnected } from '${ownFolder}/harness/qemu/process.ts'
    import { Forkable } from '${ownFolder}/harness/qemu/fork/forkable.ts'
    const preload = ['LD_PRELOAD=${library}', 'FORKABLE_FD=${CONTROL}', '${program}']
    const busy = await spawnConnected('busy', tethered('env', preload), 3)
    const forkable = await Forkable.connect(busy.stream(${CONTROL}), new Promise(() => {}))
    const fork = await forkable.fork([${ERRORS}, ${CHANNEL}])
    process.kill(fork.pid, 'SIGSTOP')
    for (const fd of [${ERRORS}, ${CHANNEL}]) fork.stream(fd).resume().destroy(), busy.stream(fd).resume()
    busy.kill()
    await busy.closed
    setTimeout(() => process.kill(fork.pid, 'SIGKILL'), 100).unref()
    console.log(JSON.stringify(await fork.closed))`
  const { exitCode, stdout, all } = await runTool(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { timeout: 30_000 },
  )
  expect([exitCode, stdout], all).toEqual([0, '{"code":null,"signal":"SIGKILL"}'])
})

test('threads that begin and end meanwhile hinder no fork', async () => {
  const { busy, forkable } = await started()
  await busy.ask('births')
  await busy.ask('births')
  for (let round = 0; round < 100; round++) {
    const fork = await forked(forkable)
    expect(await fork.ask('ask')).toMatch(/^\d+ \d+ \d+$/)
    expect(await fork.quit()).toEqual({ code: 0, signal: null })
  }
})

test('what a fork would share is refused by name, and the program goes on', async () => {
  const { busy, forkable } = await started()
  const timer = await busy.ask('open')
  const attempt = () => forkable.fork([ERRORS, CHANNEL])
  await expect(attempt()).rejects.toThrow(
    `QEMU does not fork: cannot renew descriptor ${timer} anon_inode:[timerfd]`,
  )
  await busy.ask('close')
  await busy.ask('share')
  await expect(attempt()).rejects.toThrow(/there is a shared mapping: .* rw-s /)
  await busy.ask('unshare')
  await expect(forkable.fork([ERRORS])).rejects.toThrow(/cannot renew descriptor 3 socket:/)
  const fork = await forked(forkable)
  expect(await fork.ask('ask')).toBe(`${fork.process.pid} 8 5`)
})

test('a program that ends while it is asked: no fork, and none is left', async () => {
  const before = childrenOf(process.pid).split(' ')
  for (let round = 0; round < 20; round++) {
    const { busy, forkable } = await started()
    const coming = [1, 2, 3].map(() => forkable.fork([ERRORS, CHANNEL]))
    busy.process.kill()
    for (const result of await Promise.allSettled(coming))
      if (result.status === 'fulfilled') {
        result.value.kill()
        for (const descriptor of [ERRORS, CHANNEL]) result.value.stream(descriptor).resume()
        await result.value.closed
      } else expect(String(result.reason)).toMatch(/QEMU ended while it forked/)
    await busy.process.closed
  }
  // One that it has not told of any more tells of itself, and is ended.
  const left = () =>
    childrenOf(process.pid)
      .split(' ')
      .filter(pid => !before.includes(pid))
  await vi.waitFor(() => expect(left()).toEqual([]), 5_000)
})

test('a fork that cannot be completed is reported, and none is left', async () => {
  const { busy, forkable } = await started()
  const before = childrenOf(process.pid).split(' ')
  await expect(forkable.fork([CHANNEL, 77, ERRORS])).rejects.toThrow(
    'a fork of QEMU ended before it was there: status 97',
  )
  expect(
    childrenOf(process.pid)
      .split(' ')
      .filter(pid => !before.includes(pid)),
  ).toEqual([])
  await vi.waitFor(() => expect(busy.stderr).toBe('forkable: a fork fails at F_GETFL: error 9\n'))
  expect(await (await forked(forkable)).ask('get')).toBe('0')
})

test('a process without the library is told apart', async () => {
  const sleeping = async () => {
    const child = await spawnConnected('sleep', tethered('sleep', ['1000']), 3)
    onTestFinished(() => child.kill())
    return child
  }
  const child = await sleeping()
  const connecting = Forkable.connect(child.stream(CONTROL), new Promise(() => {}))
  child.kill()
  await expect(connecting).rejects.toThrow('QEMU ended before its fork library said hello')
  await expect(Forkable.connect((await sleeping()).stream(CONTROL), Promise.resolve())).rejects.toThrow(
    "QEMU's fork library did not say hello within 1 s: it is not in this QEMU",
  )
})

test('refusals and forks in quick turn hinder each other in nothing', async () => {
  const { busy, forkable } = await started()
  await busy.ask('births')
  for (let round = 0; round < 300; round++) {
    await expect(forkable.fork([ERRORS])).rejects.toThrow(/cannot renew descriptor 3/)
    if (round % 10 > 0) continue
    expect(await (await forked(forkable)).quit()).toEqual({ code: 0, signal: null })
  }
})
