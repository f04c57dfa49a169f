// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { cacheRoot } from './cache-root.ts'
import { ExitStatus, MachineryError, UsageError } from './errors.ts'
import { outputLost, startFailure } from './process.ts'
import { understood } from './system-errors.ts'

afterEach(() => void vi.unstubAllEnvs())

/** An error as Node makes it. */
function systemError(code: string, words: string, syscall: string, place?: string, dest?: string): Error {
  const places = [place, dest].filter(Boolean).map(each => `'${each}'`)
  const message = `${code}: ${words}, ${syscall}${places.length > 0 ? ` ${places.join(' -> ')}` : ''}`
  return Object.assign(new Error(message), { code, syscall, path: place, dest })
}

test.each([
  [systemError('ENOSPC', 'no space left on device', 'write'), 'no space left on device (write): free some'],
  [
    systemError('EACCES', 'permission denied', 'open', '/a/b'),
    'permission denied (open /a/b): give this user access to it',
  ],
  [
    systemError('ENOSPC', 'no space left on device', 'mkdir', path.join(cacheRoot(), 'x')),
    `no space left on device (mkdir ${cacheRoot()}/x): free some, or set XDG_CACHE_HOME to another folder`,
  ],
  [
    systemError('EROFS', 'read-only file system', 'rename', '/a', path.join(tmpdir(), 'x')),
    `read-only file system (rename /a ${tmpdir()}/x): use another place, or mount it for writing, or set TMPDIR to another folder`,
  ],
  [
    systemError('EMFILE', 'too many open files', 'open', '/a\nb'),
    'too many open files (open /a b): raise the number of files that a process may have open (ulimit -n)',
  ],
  [
    Object.assign(new Error(", Unknown error: Read-only file system '/a'"), {
      code: 'EROFS',
      syscall: 'rm',
      path: '/a',
    }),
    'Read-only file system (rm /a): use another place, or mount it for writing',
  ],
  [
    Object.assign(new Error('spawn setpriv EAGAIN'), { code: 'EAGAIN', syscall: 'spawn setpriv' }),
    'EAGAIN (spawn setpriv): end something, or raise the number of processes that a user may have (ulimit -u)',
  ],
])('%s', (error, words) => {
  const known = understood(error)
  expect([known?.message, known?.status]).toEqual([words, ExitStatus.machinery])
})

test.each([
  ["Cannot find package '@a/b' imported from /p/node_modules/c/d.mjs", '@a/b'],
  ["Cannot find module '@a/b-linux'\nRequire stack:\n- /p/node_modules/c/d.cjs", '@a/b-linux'],
  ['The package "@a/linux-x64" could not be found, and is needed by a.\n\nIf you', '@a/linux-x64'],
])('an incomplete installation: %s', (message, name) => {
  const words = `the npm package ${name} is missing: install again, with optional packages (npm install --include=optional)`
  expect(understood(new Error('no binding', { cause: new Error(message) }))?.message).toBe(words)
})

test('of several that are missing, the first is named', () => {
  const [first, second] = ['linux', 'wasm'].map(
    name => new Error(`Cannot find module '@a/${name}'\nRequire stack:\n- /p/node_modules/a/b.js`),
  )
  if (second) second.cause = first
  expect(understood(new Error('no binding', { cause: second }))?.message).toMatch(
    /package @a\/linux is missing/,
  )
})

test("a package that a user's own file wants is none of ours", () => {
  expect(understood(new Error("Cannot find package 'b' imported from /p/reporter.ts"))).toBeUndefined()
})

test('what Node throws itself is read as it is meant, also as the cause of something', () => {
  vi.stubEnv('TMPDIR', '/nowhere')
  const thrown = (work: () => unknown) => {
    try {
      return work()
    } catch (error) {
      return error
    }
  }
  expect(understood(thrown(() => mkdtempSync(`${tmpdir()}/x-`)))?.message).toMatch(
    /^no such file or directory \(mkdtemp \/nowhere\/x-XXXXXX\): .*, or set TMPDIR to another folder$/,
  )
  const folder = thrown(() => readFileSync('/etc/passwd/x'))
  expect(understood(new Error('no', { cause: folder }))?.message).toMatch(
    /^not a directory \(open \/etc\/passwd\/x\): /,
  )
})

test('a bug of ours is none of these; what is understood already stays as it is', () => {
  expect(understood(new TypeError('x is not a function'))).toBeUndefined()
  expect(understood(systemError('EINVAL', 'invalid argument', 'open', '/a'))).toBeUndefined()
  expect(understood(Object.assign(new Error('no'), { code: 'ERR_INVALID_ARG_TYPE' }))).toBeUndefined()
  expect(understood('text')).toBeUndefined()
  for (const known of [new UsageError('a'), new MachineryError('b')]) expect(understood(known)).toBe(known)
})

test('a program that cannot be started: why, and what to do', () => {
  const error = Object.assign(new Error('spawn setpriv EMFILE'), { code: 'EMFILE', syscall: 'spawn setpriv' })
  expect(startFailure('gcc', error).message).toBe(
    'cannot start gcc (spawn setpriv EMFILE): raise the number of files that a process may have open (ulimit -n)',
  )
  expect(startFailure('gcc', new Error('no')).message).toBe('cannot start gcc (no)')
})

test('a reader that is gone ends as by SIGPIPE, without a word; what cannot be written is told', () => {
  expect(outputLost('stdout', systemError('EPIPE', 'broken pipe', 'write'))).toEqual({
    status: 141,
    line: '',
  })
  expect(outputLost('stdout', systemError('ENOSPC', 'no space left on device', 'write'))).toEqual({
    status: 3,
    line: 'error: cannot write to stdout: no space left on device\n',
  })
})
