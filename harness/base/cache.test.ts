// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import fc from 'fast-check'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { cached, contentKey, discard, discardIdle, locked, onWait } from './cache.ts'
import { cacheRoot } from './cache-root.ts'
import { ExitStatus, HarnessError } from './errors.ts'

beforeEach(() => {
  const folder = mkdtempSync(path.join(tmpdir(), 'cache-'))
  vi.stubEnv('XDG_CACHE_HOME', folder)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
})

test('the key of two lists of parts is the same only when the lists are', () => {
  const parts = fc.array(fc.string(), { maxLength: 4 })
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      expect(contentKey(a) === contentKey(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
    }),
  )
  expect(contentKey(['ab', 'c'])).not.toBe(contentKey(['a', 'bc']))
  expect(contentKey(['a'])).toBe(contentKey([Buffer.from('a')]))
})

test('an entry is built once, whoever asks for it at the same time', async () => {
  let builds = 0
  const build = async (folder: string) => {
    builds++
    await new Promise(resolve => setImmediate(resolve))
    writeFileSync(path.join(folder, 'file'), 'made')
  }
  const folders = await Promise.all([cached('images', 'k', build), cached('images', 'k', build)])
  expect(builds).toBe(1)
  expect(folders[0]).toBe(folders[1])
  expect(readFileSync(path.join(folders[0] as string, 'file'), 'utf8')).toBe('made')
})

test('a build that fails leaves neither an entry nor a draft, and the next one succeeds', async () => {
  const failing = cached('images', 'k', async folder => {
    writeFileSync(path.join(folder, 'half'), '')
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect(existsSync(path.join(cacheRoot(), 'images'))).toBe(false)
  expect(readdirSync(path.join(cacheRoot(), 'drafts'))).toEqual([])
  await cached('images', 'k', async () => {})
  expect(existsSync(path.join(cacheRoot(), 'images/k'))).toBe(true)
})

test('a process that is killed while it builds leaves no entry, and the next build starts from nothing', async () => {
  const script = `
    import { cached } from ${JSON.stringify(path.join(import.meta.dirname, 'cache.ts'))}
    import { writeFileSync } from 'node:fs'
    await cached('images', 'k', async folder => {
      writeFileSync(folder + '/half', '')
      console.log('half done')
      await new Promise(resolve => setTimeout(resolve, 60_000))
    })`
  const child = execa(process.execPath, ['--input-type=module', '-e', script], { reject: false })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await child
  expect(existsSync(path.join(cacheRoot(), 'images/k'))).toBe(false)
  // The killed holder's lock becomes stale when it is no longer renewed.
  const folder = await cached('images', 'k', async folder => writeFileSync(path.join(folder, 'whole'), ''))
  expect(readdirSync(folder)).toEqual(['whole'])
}, 30_000)

test('a holder that was stopped for long loses its lock: the entry is of one build, and both have it', async () => {
  const script = `
    import { cached } from ${JSON.stringify(path.join(import.meta.dirname, 'cache.ts'))}
    import { writeFileSync } from 'node:fs'
    const folder = await cached('images', 'k', async folder => {
      writeFileSync(folder + '/theirs', '')
      console.log('half done')
      await new Promise(resolve => process.stdin.once('data', resolve))
      writeFileSync(folder + '/theirs too', '')
    })
    console.log(folder)
    process.exit()`
  const child = execa(process.execPath, ['--input-type=module', '-e', script], { reject: false })
  await once(child.stdout, 'data')
  child.kill('SIGSTOP')
  const folder = await cached('images', 'k', async folder => {
    writeFileSync(path.join(folder, 'ours'), '')
    child.kill('SIGCONT')
    child.stdin.write('go on\n')
    await new Promise(resolve => setTimeout(resolve, 500))
    writeFileSync(path.join(folder, 'ours too'), '')
  })
  expect(readdirSync(folder)).toEqual(['ours', 'ours too'])
  const { stdout, stderr } = await child
  expect(stderr).toBe('')
  expect(stdout).toContain(folder)
  expect(readdirSync(path.join(cacheRoot(), 'drafts'))).toEqual([])
}, 30_000)

test('a discarded entry is made anew', async () => {
  await cached('images', 'k', async folder => writeFileSync(path.join(folder, 'v'), '1'))
  await discard('images', 'k')
  const folder = await cached('images', 'k', async folder => writeFileSync(path.join(folder, 'v'), '2'))
  expect(readFileSync(path.join(folder, 'v'), 'utf8')).toBe('2')
})

test('a lock that is not had in time names the lock', async () => {
  await locked('busy', async () => {
    const error = await locked('busy', async () => {}, { limit: 300 }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(HarnessError)
    expect((error as HarnessError).message).toContain('busy.lock')
    expect((error as HarnessError).status).toBe(ExitStatus.machinery)
  })
})

test('a wait for another process is told, once and by name; one for this process is not', async () => {
  const waits: string[] = []
  const script = `
    import { locked } from ${JSON.stringify(path.join(import.meta.dirname, 'cache.ts'))}
    await locked('images-k', async () => {
      console.log('held')
      await new Promise(resolve => process.stdin.once('data', resolve))
    })
    process.exit()`
  const child = execa(process.execPath, ['--input-type=module', '-e', script], { reject: false })
  await once(child.stdout, 'data')
  const told = new Promise<void>(resolve =>
    onWait(name => {
      waits.push(name)
      resolve()
    }),
  )
  onTestFinished(() => onWait(() => {}))
  const ours = locked('mine', async () => {
    const waiting = locked('mine', async () => {})
    const entry = cached('images', 'k', async () => {})
    await told
    child.stdin.write('go\n')
    await Promise.all([entry, child])
    return { waiting }
  })
  await (await ours).waiting
  expect(waits).toEqual(['images-k'])
}, 30_000)

test('a cache that cannot be made says where and what to do', async () => {
  const file = path.join(process.env.XDG_CACHE_HOME as string, 'file')
  writeFileSync(file, '')
  vi.stubEnv('XDG_CACHE_HOME', file)
  const error = await cached('images', 'k', async () => {}).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(HarnessError)
  expect((error as HarnessError).message).toContain('XDG_CACHE_HOME')
})

test('a draft whose build ends well while one waits for its lock was not removed', async () => {
  const draft = path.join(cacheRoot(), 'drafts/images-k')
  mkdirSync(draft, { recursive: true })
  // The lock of a process that declares no use of anything.
  const lock = path.join(cacheRoot(), 'locks/images-k.lock')
  mkdirSync(lock, { recursive: true })
  const discarding = discardIdle('drafts', 'images-k')
  renameSync(draft, path.join(cacheRoot(), 'made'))
  rmSync(lock, { recursive: true })
  expect(await discarding).toBe(false)
  mkdirSync(draft)
  expect(await discardIdle('drafts', 'images-k')).toBe(true)
  expect(existsSync(draft)).toBe(false)
})
