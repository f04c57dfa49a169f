// SPDX-License-Identifier: MIT
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type ChildRequest, startChild } from './child.ts'

const { PATH } = process.env

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'child-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

/** Starts it with its output in a file. */
function start(command: readonly string[], options: Partial<ChildRequest> = {}) {
  const file = path.join(folder(), 'output')
  const [input, output] = [openSync('/dev/null', 'r'), openSync(file, 'w')]
  try {
    const child = startChild({ command, stdio: [input, output, output], environment: { PATH }, ...options })
    const said = async () => {
      await child.ended
      return readFileSync(file, 'utf8')
    }
    return { ...child, said }
  } finally {
    for (const fd of [input, output]) closeSync(fd)
  }
}

const sh = (script: string) => ['sh', '-c', script]
const failure = (command: readonly string[], options?: Partial<ChildRequest>) => {
  try {
    return String(start(command, options).pid)
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

test('how each ended: a code, a signal, a real-time signal, many at once', async () => {
  const scripts = ['exit 0', 'exit 255', 'kill -TERM $$', 'kill -34 $$', 'kill -64 $$']
  const ends = await Promise.all(
    Array.from({ length: 4 }, () => scripts.map(script => start(sh(script)).ended)).flat(),
  )
  const expected = [
    { code: 0, signal: null },
    { code: 255, signal: null },
    ...[15, 34, 64].map(signal => ({ code: null, signal })),
  ]
  expect(ends).toEqual(Array.from({ length: 4 }, () => expected).flat())
})

test('when all have ended, nothing listens any more, and nothing is left of them', async () => {
  const before = process.listenerCount('SIGCHLD')
  const child = start(sh('exit 1'))
  expect(process.listenerCount('SIGCHLD')).toBe(before + 1)
  await child.ended
  expect(process.listenerCount('SIGCHLD')).toBe(before)
  expect(() => process.kill(child.pid, 0)).toThrow('ESRCH')
  expect(failure(['no-such-program'])).toBe('ENOENT')
  expect(process.listenerCount('SIGCHLD')).toBe(before)
})

test('arguments, environment, folder and session are those that were given; no signal is ignored', async () => {
  const at = folder()
  process.on('SIGUSR1', ignored)
  onTestFinished(() => void process.off('SIGUSR1', ignored))
  const script =
    'printf "%s\\n" "$1" "$A" "$PWD"; grep -E "^Sig(Ign|Blk)" /proc/self/status; cut -d" " -f6 /proc/$$/stat'
  const child = start([...sh(script), 'sh', 'a "b"\n c'], {
    folder: at,
    environment: { PATH, A: 'x=y', B: undefined },
    isLeader: true,
  })
  const none = '0000000000000000'
  expect(await child.said()).toBe(`a "b"\n c\nx=y\n${at}\nSigBlk:\t${none}\nSigIgn:\t${none}\n${child.pid}\n`)
})
const ignored = () => {}

test('the PATH is that of its own environment, and is searched as execvp does', async () => {
  const [first, second] = [folder(), folder()]
  writeFileSync(path.join(first, 'prog'), '#!/bin/sh\necho first\n')
  writeFileSync(path.join(second, 'prog'), '#!/bin/sh\necho second\n', { mode: 0o755 })
  const environment = { PATH: `${first}:/nowhere:${second}:${PATH}` }
  expect(await start(['prog'], { environment }).said()).toBe('second\n')
  chmodSync(path.join(first, 'prog'), 0o755)
  expect(await start(['prog'], { environment }).said()).toBe('first\n')
  expect(await start(['prog'], { environment: { PATH: '' }, folder: second }).said()).toBe('second\n')
  expect(await start(['./prog'], { folder: second }).said()).toBe('second\n')
})

test('what cannot be started: why', () => {
  const at = folder()
  writeFileSync(path.join(at, 'plain'), 'echo x\n')
  writeFileSync(path.join(at, 'text'), 'echo x\n', { mode: 0o755 })
  writeFileSync(path.join(at, 'lost'), '#!/no/interpreter\n', { mode: 0o755 })
  expect(failure([''])).toBe('ENOENT')
  expect(failure([])).toBe('ENOENT')
  expect(failure(['sh'], { environment: {} })).toBe('ENOENT')
  expect(failure(['sh'], { folder: '/no/such' })).toBe('ENOENT')
  expect(failure([at])).toBe('EACCES')
  expect(failure([`${at}/plain`])).toBe('EACCES')
  expect(failure(['plain'], { environment: { PATH: `${at}:/nowhere` } })).toBe('EACCES')
  expect(failure([`${at}/text`])).toBe('ENOEXEC')
  expect(failure([`${at}/lost`])).toBe('ENOENT')
  expect(failure([`${at}/plain/x`])).toBe('ENOENT')
  expect(failure(['sh', '-c', 'x'.repeat(200_000)])).toBe('E2BIG')
})
