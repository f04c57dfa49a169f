// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'
import { MachineryError } from '../../base/errors.ts'
import type { Guest } from '../../guest/guest.ts'
import { runInGuest } from '../../guest/guest-program.ts'

const program = '/tmp/instructions'
/** A program's sleep ends by a timer of the guest's kernel, which ends by one of QEMU's. */
const script = `${program} && cat /proc/sys/kernel/random/uuid && sleep 0.01 && echo awake`
/** Milliseconds for QEMU to end by itself. */
const QUIT_LIMIT = 10_000

/**
 * Proves that copies of a guest that stands still are guests of their own: their processors and kernels give
 * different random numbers, their timers run, their QEMU obeys and ends well, and the copied one stays as it
 * was. What all copies would share, QEMU's memory and descriptors, the library refuses at each fork.
 * @param instructions a program that tells RDRAND and RDSEED (qemu/fork/library.ts)
 * @throws MachineryError that says what is not so
 */
export async function proveForks(zygote: Guest, instructions: string): Promise<void> {
  const before = stateOf(zygote.qemu.pid)
  const files = [{ path: program, content: readFileSync(instructions), mode: 0o755 }]
  const forks = await Promise.allSettled([zygote.fork(files), zygote.fork(files)])
  try {
    const guests = forks.map(fork => {
      if (fork.status === 'rejected') throw fork.reason
      return fork.value
    })
    requireDifferent(await Promise.all(guests.map(answersOf)))
    for (const guest of guests) {
      await requireStatus(guest, 'running', 'a fork')
      const { code, signal } = await guest.qemu.quit(QUIT_LIMIT)
      if (code !== 0)
        throw new MachineryError(`a fork's QEMU does not end well: ${signal ?? `status ${code}`}`)
    }
  } finally {
    for (const fork of forks) if (fork.status === 'fulfilled') await fork.value.end()
  }
  await requireStatus(zygote, 'paused', 'the guest that is forked')
  const after = stateOf(zygote.qemu.pid)
  if (after !== before)
    throw new MachineryError(`the guest that is forked does not stay as it was: ${before}, then ${after}`)
}

/** What a fork says of itself, by line: "RDRAND 12ab". */
async function answersOf(guest: Guest): Promise<string[]> {
  const { code, output } = await runInGuest(guest, {
    command: ['sh', '-c', script],
    folder: '/',
    environment: {},
  })
  const lines = output.trim().split('\n')
  if (code !== 0 || lines.pop() !== 'awake')
    throw new MachineryError(`a program does not run in a fork: ${output.trim() || `status ${code}`}`)
  return lines
}

/** @throws MachineryError when two forks have given the same for anything */
export function requireDifferent(answers: readonly (readonly string[])[]): void {
  const [first = [], ...others] = answers
  const same = first.find(line => others.some(lines => lines.includes(line)))
  if (same !== undefined) throw new MachineryError(`two forks have the same random numbers: ${same}`)
}

async function requireStatus(guest: Guest, wanted: string, what: string): Promise<void> {
  const { status } = (await guest.qemu.monitor.execute('query-status')) as { status?: string }
  if (status !== wanted) throw new MachineryError(`${what} is ${status}, and not ${wanted}, by its QEMU`)
}

/** A process's descriptors and threads, counted. */
function stateOf(pid: number): string {
  const count = (what: string) => readdirSync(`/proc/${pid}/${what}`).length
  return `${count('fd')} descriptors and ${count('task')} threads`
}
