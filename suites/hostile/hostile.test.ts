// SPDX-License-Identifier: MIT
/**
 * Tests that change the process they run in: the helpers use what they kept from before, or name what was
 * replaced. None hangs, and none takes a silence for an answer.
 */
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { encodeMessage, NLM_F_ACK, NLM_F_REQUEST, type Socket } from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  asUser,
  drain,
  exchange,
  heard,
  heardUntilMarker,
  inThread,
  KernelLog,
  kernel,
  loadModule,
  nobody,
  openGeneric,
  RunningProgram,
  resolveFamily,
  runProgram,
  slabGrowth,
  transcript,
  unloadModule,
  wire,
} from 'netlink-vmtest/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const noop = encodeMessage({ type: 1, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 7 })
const said = { status: 3, stdout: 'out\n', stderr: 'err\n' }
const speak = ['sh', '-c', 'echo out; echo err >&2; exit 3']

let socket: Socket
beforeEach(() => {
  socket = openGeneric()
})
afterEach(() => socket.close())

describe('fake timers, all that there are, and a clock of the test', () => {
  const { nextTick } = process
  const fake = (...more: readonly 'nextTick'[]) =>
    vi.useFakeTimers({
      toFake: [
        ...(['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate'] as const),
        ...(['clearImmediate', 'Date', 'performance', 'hrtime', 'queueMicrotask'] as const),
        ...more,
      ],
      now: 0,
    })
  beforeEach(() => void fake())
  afterEach(() => void vi.useRealTimers())

  it('they are fake', async () => {
    expect(Date.now()).toBe(0)
    expect(setTimeout).toHaveProperty('clock')
  })

  it('process.nextTick: programs are refused, all else works', async () => {
    vi.useRealTimers()
    fake('nextTick')
    const refused = runProgram(speak).catch(error => error.message)
    const answered = exchange(socket, noop)
    expect(process.nextTick).not.toBe(nextTick)
    expect(await refused).toBe(
      "process.nextTick is fake, and node's streams need it: leave it out of toFake to run programs",
    )
    expect(await answered).toEqual([acknowledgement(noop, socket)])
    expect(await slabGrowth(() => {})).toEqual({})
    expect(await inThread(1, (_, input) => input + 1)).toBe(2)
    vi.useRealTimers()
    // Vitest restores what it found a tick after it has sent a message to the host.
    await new Promise(resolve => setImmediate(resolve))
    process.nextTick = nextTick
  })

  it('what is sent is answered, and silence is proved', async () => {
    expect(await exchange(socket, noop)).toEqual([acknowledgement(noop, socket)])
    expect(await heard(socket)).toEqual([])
    expect(await resolveFamily(socket, 'nlctrl')).toMatchObject({ id: 16 })
  })

  it('a wait for what does not come ends', async () => {
    await expect(socket.receive({ timeout: 20 })).rejects.toThrow('no datagram within 20 ms')
  })

  it('programs are heard, and end at their limit', async () => {
    expect(await runProgram(speak)).toEqual(said)
    using program = RunningProgram.start(['sh', '-c', 'echo ready; exec sleep 1000'])
    await program.said(/ready/)
    await expect(runProgram(['sleep', '1000'], { limit: 100 })).rejects.toThrow(
      'sleep 1000 did not end within 0.1 s',
    )
  })

  it('threads answer, and end at their limit', async () => {
    expect(await inThread(1, (_, input) => input + 1)).toBe(2)
    await expect(inThread(0, () => new Promise(() => {}), { limit: 50 })).rejects.toThrow(
      'the thread did not end within 0.05 s',
    )
  })

  it('what leaks is counted', async () => {
    expect(await slabGrowth(() => {})).toEqual({})
  })
})

describe('an environment without anything in it', () => {
  const before = { ...process.env }
  beforeEach(() => {
    for (const name of Object.keys(process.env)) delete process.env[name]
  })
  afterEach(() => void Object.assign(process.env, before))

  it('modules are found', () => {
    loadModule('nlexample')
    unloadModule('nlexample')
  })

  it('programs are found, and have what is in it', async () => {
    process.env.GREETING = 'hello'
    expect(await runProgram(['sh', '-c', 'echo $GREETING'])).toMatchObject({ status: 0, stdout: 'hello\n' })
    expect(await runProgram(['resolve', '--help'])).toMatchObject({ status: 0 })
  })
})

describe('functions of the process', () => {
  it('who the user was is known, whatever geteuid says', async () => {
    vi.spyOn(process, 'geteuid').mockReturnValue(nobody)
    vi.spyOn(process, 'getegid').mockReturnValue(nobody)
    asUser(nobody, () => {})
    vi.restoreAllMocks()
    expect([process.geteuid?.(), process.getegid?.()]).toEqual([0, 0])
  })
})

describe('built-in functions that do nothing', () => {
  type Holder = Record<PropertyKey, unknown>
  const iterator = Object.getPrototypeOf([][Symbol.iterator]())
  const replaced: [string, Holder, PropertyKey][] = [
    ['Array.prototype has another push', Array.prototype as unknown as Holder, 'push'],
    ['Array.prototype has another map', Array.prototype as unknown as Holder, 'map'],
    ['Buffer has another from', Buffer as unknown as Holder, 'from'],
    ['Buffer.prototype has another toString', Buffer.prototype as unknown as Holder, 'toString'],
    ['Buffer.prototype has another equals', Buffer.prototype as unknown as Holder, 'equals'],
    ['Map.prototype has another get', Map.prototype as unknown as Holder, 'get'],
    ['RegExp.prototype has another exec', RegExp.prototype as unknown as Holder, 'exec'],
    ['globalThis has another Map', globalThis as unknown as Holder, 'Map'],
    ["array iterators' prototype has another next", iterator, 'next'],
  ]
  const helpers: Record<string, () => unknown> = {
    exchange: () => exchange(socket, noop),
    heard: () => heard(socket),
    heardUntilMarker: () => heardUntilMarker(socket),
    drain: () => drain(socket),
    transcript: () => transcript([noop]),
    wire: () => wire(noop),
    slabGrowth: () => slabGrowth(() => {}),
    runProgram: () => runProgram(speak),
    'KernelLog.read': () => KernelLog.fromNow().read(),
  }

  it.each(replaced)('%s: each helper says so, and works when it is put back', async (what, holder, name) => {
    const original = holder[name]
    const failures: Promise<string>[] = []
    let count = 0
    for (const helper in helpers) {
      holder[name] = () => {}
      let failure: Promise<string>
      try {
        failure = (helpers[helper]?.() as Promise<unknown>)?.then?.(
          () => 'nothing',
          error => error.message,
        )
      } catch (error) {
        failure = Promise.resolve((error as Error).message)
      }
      holder[name] = original
      failures[count++] = failure
    }
    const expected = `${what} than before the tests, and nothing can be found out without: put it back first`
    expect(await Promise.all(failures)).toEqual(Object.keys(helpers).map(() => expected))
    expect(await exchange(socket, noop)).toEqual([acknowledgement(noop, socket)])
  })

  it('JSON.stringify: what a program said is told all the same', async () => {
    const { stringify } = JSON
    JSON.stringify = () => ''
    try {
      await expect(runProgram(['sleep', '1000'], { limit: 100 })).rejects.toThrow('until then it said ""')
    } finally {
      JSON.stringify = stringify
    }
  })
})

describe('descriptors that a test does not know and closes', () => {
  /** Replaces the descriptors of files of that name by those of another file. */
  function replace(file: RegExp): number[] {
    const found = readdirSync('/proc/self/fd')
      .map(Number)
      .filter(fd => file.test(targetOf(fd)))
    for (const fd of found) closeSync(fd)
    return found.map(() => openSync('/dev/null', 'w'))
  }

  function targetOf(fd: number): string {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  }

  // with kmemleak objects are not counted
  it.skipIf(kernel.hasKmemleak)('those by which slab caches are shrunk: they are opened again', async () => {
    expect(await slabGrowth(() => {})).toEqual({})
    const others = replace(/^\/sys\/kernel\/slab\//)
    expect(others.length).toBeGreaterThan(10)
    expect(await slabGrowth(() => {})).toEqual({})
    for (const fd of others) closeSync(fd)
  })
})
