// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { startFailure } from '../base/process.ts'

/** How a process ended: its status, or the signal that ended it. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A process with connected sockets as descriptors, however it came to be. */
export interface ConnectedProcess {
  readonly pid: number
  /** Our end of the socket that is this descriptor there. */
  stream(descriptor: number): Duplex
  /** Sends SIGKILL. */
  kill(): void
  /** Resolves when it has ended, and its sockets are read to their ends. */
  readonly closed: Promise<ProcessEnd>
}

/**
 * Starts a program with sockets as its descriptors from 2 on; it has neither stdin nor stdout.
 * @param name for the error
 * @param count how many sockets
 * @throws MachineryError when it cannot be started
 */
export async function spawnConnected(
  name: string,
  [file, args]: readonly [file: string, args: readonly string[]],
  count: number,
): Promise<ConnectedProcess> {
  // node's 'pipe' is a pair of connected UNIX sockets
  const sockets = Array.from({ length: count }, () => 'pipe' as const)
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', ...sockets] }) as ChildProcess
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', error => reject(startFailure(name, error)))
  })
  return {
    pid: child.pid as number,
    stream: descriptor => child.stdio[descriptor] as Duplex,
    kill: () => void child.kill('SIGKILL'),
    closed: new Promise(resolve => child.once('close', (code, signal) => resolve({ code, signal }))),
  }
}
