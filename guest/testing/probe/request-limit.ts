// SPDX-License-Identifier: MIT
/** How long one request may take: tests of hundreds have longer limits, and yet a hang should be told soon. */
import { setImmediate } from 'node:timers/promises'
import { requestLimitHook } from '../../agent/protocol.ts'

/** Milliseconds of an idle guest. */
const LIMIT = 10_000
/** Milliseconds after which the worker lets others have a turn: one that does not for long is taken for stuck. */
const TURN = 500

let turned = performance.now()

/** From now on a request that hangs ends the guest. */
export function limitRequests(): void {
  tellLimit(LIMIT)
}

/** Requests may take as long as their test. */
export function unlimitRequests(): void {
  tellLimit(0)
}

function tellLimit(limit: number): void {
  const worker = globalThis as unknown as Record<symbol, ((limit: number) => void) | undefined>
  worker[Symbol.for(requestLimitHook)]?.(limit)
}

/** Between requests: shows the host that the worker goes on, though each of them blocks it. */
export async function goOn(): Promise<void> {
  if (performance.now() - turned < TURN) return
  await setImmediate()
  turned = performance.now()
}
