// SPDX-License-Identifier: MIT
/**
 * Whether memory grows with the number of messages: the heap and the memory of Buffers, after garbage
 * collection.
 */
import { NETLINK_ROUTE, NLMSG_NOOP, Socket } from '../index.ts'

export interface MemoryResult {
  /** Growth in bytes since `before` messages. */
  readonly growth: number
  readonly before: number
  readonly messages: number
}

const BATCH = 64
const WARM = 100_000
const MESSAGES = 1_000_000

/** Sends a million requests, each of which is answered. Needs node's --expose-gc. */
export async function measureMemory(): Promise<MemoryResult> {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('to be run with --expose-gc')
  const socket = Socket.open(NETLINK_ROUTE)
  const batch = Array.from({ length: BATCH }, () => ({ type: NLMSG_NOOP }))
  const used = () => {
    gc()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  let messages = 0
  const run = async (upTo: number) => {
    for (; messages < upTo; messages += BATCH) await socket.batch(batch)
  }
  await run(WARM)
  const before = used()
  await run(MESSAGES)
  const growth = used() - before
  socket.close()
  return { growth, before: WARM, messages }
}
