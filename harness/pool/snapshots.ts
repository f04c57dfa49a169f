// SPDX-License-Identifier: MIT
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { WorkerCall } from '../../guest/agent/protocol.ts'
import { isErrno } from '../base/errors.ts'
import { makeFolder } from '../base/folders.ts'

/** Does the file operations of Vitest's snapshot client for the worker: the files are the host's. */
export async function answerSnapshotCall(call: WorkerCall): Promise<unknown> {
  switch (call.method) {
    case 'snapshot-raw-path':
      return path.resolve(path.dirname(call.test), call.raw)
    case 'snapshot-read':
      try {
        return await readFile(call.path, 'utf8')
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return null
        throw error
      }
    case 'snapshot-write':
      makeFolder(path.dirname(call.path))
      await writeFile(call.path, call.content)
      return undefined
    case 'snapshot-remove':
      await rm(call.path, { force: true })
      return undefined
    default:
      throw new Error(`not a snapshot call: ${call.method}`)
  }
}
