// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events'
import { isWorkerResponse, type WorkerRequest, type WorkerResponse } from './messages.ts'
import type { PoolWorkerInGuest } from './pool-worker.ts'

/**
 * Drives a worker through its life in Vitest's place: start, one request, stop.
 * @param start Vitest's own start request
 * @param onMessage called for the worker's messages other than responses
 * @returns its response to the request, after its guest has been released
 */
export async function serve(
  worker: PoolWorkerInGuest,
  start: WorkerRequest | undefined,
  request: WorkerRequest,
  onMessage: (message: unknown) => void,
): Promise<WorkerResponse> {
  const responses = new EventEmitter()
  worker.on('message', message => {
    if (isWorkerResponse(message)) responses.emit(message.type, message)
    else onMessage(message)
  })
  const ask = (message: WorkerRequest, answer: WorkerResponse['type']) =>
    new Promise<WorkerResponse>(resolve => {
      responses.once(answer, resolve)
      worker.send(message)
    })
  try {
    await worker.start()
    if (start) await ask(start, 'started')
    const response = await ask(request, 'testfileFinished')
    if (!response.error) await ask({ __vitest_worker_request__: true, type: 'stop' }, 'stopped')
    return response
  } finally {
    await worker.stop()
  }
}
