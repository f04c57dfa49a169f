// SPDX-License-Identifier: MIT
/** Counts the timers that Vitest's runner keeps for itself. images/guest-runtime.ts has the runner use it. */
import { timerCounter } from './protocol.ts'

type Timers = Pick<typeof globalThis, 'clearTimeout' | 'setTimeout'>

const active = new Set<unknown>()

/** How many timers of Vitest's runner are active. */
export function runnerTimers(): number {
  return active.size
}

function counted({ setTimeout, clearTimeout }: Timers): object {
  return {
    setTimeout(callback: () => void, delay: number): NodeJS.Timeout {
      const timer = setTimeout(() => {
        active.delete(timer)
        callback()
      }, delay)
      active.add(timer)
      return timer
    },
    clearTimeout(timer: NodeJS.Timeout): void {
      active.delete(timer)
      clearTimeout(timer)
    },
  }
}

Object.defineProperty(globalThis, Symbol.for(timerCounter), { value: counted })
