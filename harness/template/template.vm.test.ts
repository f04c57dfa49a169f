// SPDX-License-Identifier: MIT
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { guestPaths } from '../../guest/agent/protocol.ts'
import { cacheRoot } from '../base/cache-root.ts'
import type { Progress } from '../base/progress.ts'
import { defaultKernel } from '../fixtures/kernel.ts'
import { firstQemu, killFirstQemu, qemusOf } from '../fixtures/processes.ts'
import { Guest, type GuestSpec, type SavedGuest } from '../guest/guest.ts'
import { runInGuest } from '../guest/guest-program.ts'
import { clockDrift } from './clock.ts'
import { Restores } from './restores.ts'
import { type Delivered, template } from './template.ts'

/** A kernel spec of these tests' own, so that they damage no other template. */
let spec: GuestSpec
let saved: SavedGuest
let delivery: Delivered
const notes: string[] = []
const steps: string[] = []
const progress: Progress = {
  step: (title, work) => {
    steps.push(title)
    return work(() => {})
  },
  note: line => void notes.push(line),
}

beforeAll(async () => {
  const prepared = await defaultKernel()
  delivery = prepared.delivery
  spec = { ...prepared.spec, identity: `test ${process.pid} ${prepared.spec.identity}` }
  saved = await template(spec, delivery, progress)
  return () => rmSync(path.dirname(saved.ram), { recursive: true, force: true })
})
beforeEach(() => {
  notes.length = 0
  steps.length = 0
})

test('a clock that is wrong is seen, also where the kernel believes it', async () => {
  const parameters = [...(spec.machine.parameters ?? []), 'tsc_early_khz=300000']
  const guest = await Guest.boot({ ...spec, machine: { ...spec.machine, parameters } })
  onTestFinished(() => guest.end())
  expect(await clockDrift(guest)).toMatch(/^its clock is at least \d\.\d times too fast$/)
})

const restored = async () => {
  const guest = await Guest.restore(spec, saved)
  onTestFinished(() => guest.end())
  return guest
}
const built = () => steps.some(step => step.startsWith('make the template'))

test('a template is built once; its copies are independent and leave it as it was', async () => {
  expect(await template(spec, delivery, progress)).toEqual(saved)
  expect(built()).toBe(false)
  const before = statSync(saved.ram)
  const [first, second] = await Promise.all([restored(), restored()])
  await first.deliver([{ path: '/tmp/only-here', content: Buffer.alloc(1024 * 1024) }])
  await second.ping(5_000)
  await Promise.all([first.end(), second.end()])
  const after = statSync(saved.ram)
  expect([after.size, after.mtimeMs]).toEqual([before.size, before.mtimeMs])
})

describe('a damaged template is noticed before use and built anew', () => {
  test.each([
    ['RAM truncated', () => truncateSync(saved.ram, 1024 * 1024), /ram has 1048576 bytes instead of/],
    ['a bit of RAM flipped', () => flip(saved.ram, 3_000_000), /ram was changed/],
    ['a bit of the state flipped', () => flip(saved.state, 1000), /state was changed/],
    ['a file missing', () => rmSync(saved.state), /a file of it is missing/],
    ['the manifest unreadable', () => writeFileSync(manifest(), '{'), /manifest is unreadable/],
  ])('%s', async (_what, damage, why) => {
    damage()
    await template(spec, delivery, progress)
    expect(notes.join()).toMatch(why)
    expect(built()).toBe(true)
    await (await restored()).ping(5_000)
  })
})

test('files that are newer but the same are not built again', async () => {
  const { size } = statSync(saved.state)
  writeFileSync(saved.state, readFileSync(saved.state))
  expect(statSync(saved.state).size).toBe(size)
  await template(spec, delivery, progress)
  expect(built()).toBe(false)
})

test('a template whose warm-up fails is used, and that it is slower is said', async () => {
  const nowhere: Delivered = { ...delivered(delivery), package: { folder: '/nowhere', files: [] } }
  const cold = await template(spec, nowhere, progress)
  onTestFinished(() => rmSync(path.dirname(cold.ram), { recursive: true, force: true }))
  expect(notes).toEqual([
    expect.stringMatching(/is not warm, so that files take longer: this project's own package.*\/nowhere/),
  ])
  const guest = await Guest.restore(spec, cold)
  onTestFinished(() => guest.end())
  await guest.ping(5_000)
})

test('a build that is killed leaves nothing, and the next run builds', async () => {
  const own = { ...spec, identity: `${spec.identity} killed` }
  const building = template(own, delivery, {
    ...progress,
    step: (_title, work) => work(phase => phase === 'save' && killFirstQemu()),
  })
  await expect(building).rejects.toThrow()
  const drafts = readdirSync(path.join(cacheRoot(), 'drafts'))
  const whole = await template(own, delivery, progress)
  // Other runs have drafts of their own.
  expect(drafts).not.toContain(`templates-${path.basename(path.dirname(whole.ram))}`)
  onTestFinished(() => rmSync(path.dirname(whole.ram), { recursive: true }))
  const guest = await Guest.restore(own, whole)
  await guest.end()
})

describe('a source of guests', () => {
  test('goes on with a new template when the one it has does not restore', async () => {
    const source = new Restores(spec, delivery, progress)
    await source.prepare()
    // Damaged after it was checked, with size and date as in the manifest.
    const { atime, mtime } = statSync(saved.state)
    writeFileSync(saved.state, Buffer.alloc(statSync(saved.state).size))
    utimesSync(saved.state, atime, mtime)
    const guest = await source.acquire()
    await guest.ping(5_000)
    await source.release(guest)
    expect(notes.join()).toMatch(/does not restore \(.*\): building it anew/)
    expect(built()).toBe(true)
  })

  test('goes on with cold boots where a template cannot be made, and says so once', async () => {
    const source = new Restores({ ...spec, identity: `${spec.identity} no room` }, delivery, {
      ...progress,
      step: (title, work) => {
        steps.push(title)
        return work(phase => {
          if (phase === 'boot')
            throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
        })
      },
    })
    await source.prepare()
    const guest = await source.acquire()
    await guest.ping(5_000)
    await source.release(guest)
    expect(notes).toHaveLength(1)
    expect(notes[0]).toMatch(/no template for .* \(no space left.*\): each file gets a cold boot/)
  })

  test('guests of one template have the modules of their own run only', async () => {
    for (const name of ['first', 'second']) {
      const modules = [{ path: `${guestPaths.modules}/${name}.ko`, content: Buffer.from(name) }]
      const source = new Restores(spec, { ...delivered(delivery), modules }, progress)
      await source.prepare()
      const guest = await source.acquire()
      const command = ['sh', '-c', `cd ${guestPaths.modules} && ls && cat *`]
      const { output } = await runInGuest(guest, { command, folder: '/', environment: {} })
      expect(output).toBe(`${name}.ko\n${name}`)
      await source.release(guest)
      await source.close()
    }
    expect(built()).toBe(false)
  })

  test('does not go on with a kernel that does not boot at all', async () => {
    const kernel = path.join(mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-')), 'vmlinuz')
    onTestFinished(() => rmSync(path.dirname(kernel), { recursive: true }))
    writeFileSync(kernel, 'no kernel')
    const machine = { ...spec.machine, kernel }
    const source = new Restores({ ...spec, machine, identity: 'no kernel' }, delivery, progress)
    await expect(source.prepare()).rejects.toThrow(/QEMU/)
    expect(notes).toEqual([])
  })

  test('the guest that is restored before anybody asks is the first one; one that nobody takes is ended', async () => {
    const source = new Restores(spec, delivery, progress)
    await source.prepare()
    source.restoreFirst()
    const early = await firstQemu()
    const [first, second] = [await source.acquire(), await source.acquire()]
    expect(first.qemu.pid).toBe(early)
    expect(second.qemu.pid).not.toBe(early)
    await Promise.all([source.release(first), source.release(second)])
    source.restoreFirst()
    await firstQemu()
    await source.close()
    expect(qemusOf(process.pid)).toEqual([])
  })

  test('a shared guest that dies between two files is told: its kernel as a failure, its QEMU as a note', async () => {
    const source = new Restores({ ...spec, findsLostMemory: true }, delivered(delivery), progress)
    onTestFinished(() => source.close())
    await source.prepare()
    source.expect(9, 'files')
    const used = async () => {
      const guest = await source.acquire()
      const file = { isLast: false, folder: undefined, watchesModules: false }
      await guest.fileBegins({ ...file, name: 'one.test.ts' })
      await source.release(guest, true)
      return guest
    }
    const panicking = await used()
    await panicking.qemu.monitor.execute('inject-nmi', {}, 5_000)
    await panicking.qemu.exited
    await expect(source.acquire()).rejects.toThrow(/was lost after one\.test\.ts: kernel panic/)
    const killed = await used()
    process.kill(killed.qemu.pid, 'SIGKILL')
    await killed.qemu.exited
    await source.release(await source.acquire())
    expect(notes).toEqual([
      expect.stringMatching(
        /was lost after one\.test\.ts: .*; memory that these files may have lost was not/,
      ),
    ])
  })

  test('tries again when QEMU is killed during a restore', async () => {
    const source = new Restores(spec, delivery, progress)
    await source.prepare()
    const acquiring = source.acquire()
    await killFirstQemu()
    const guest = await acquiring
    await guest.ping(5_000)
    await source.release(guest)
    expect(notes).toEqual([])
  })
})

/** A copy with replaceable parts: those of a Delivery are getters. */
function delivered({ package: own, modules, symbols }: Delivered): Delivered {
  return { package: own, modules, symbols }
}

function manifest(): string {
  return path.join(path.dirname(saved.ram), 'manifest.json')
}

function flip(file: string, offset: number): void {
  const bytes = readFileSync(file)
  bytes[offset] = (bytes[offset] ?? 0) ^ 1
  writeFileSync(file, bytes)
}
