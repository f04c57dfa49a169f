// SPDX-License-Identifier: MIT
/** What a test worker has to know before a file, beside what Vitest tells it. */
import type { PoolOptions } from 'vitest/node'
import type { ToWorker } from '../../guest/agent/protocol.ts'
import type { Guest } from '../guest/guest.ts'
import { beginning } from '../verdict/kinds.ts'
import type { GuestSource } from './guest-source.ts'
import { isWorkerRequest } from './messages.ts'

/** Environment variables that matter to the tests themselves, not to the host. */
const forwarded = ['NODE_ENV', 'VITEST_MODE', 'DEV', 'PROD', 'SSR', 'MODE', 'BASE_URL']

/** @param isShared whether other files may use the guest */
export function preparation(
  options: PoolOptions,
  source: GuestSource,
  guest: Guest,
  isShared: boolean,
): ToWorker {
  return {
    type: 'prepare',
    variables: variables(options),
    ...(source.bringsFiles && { folder: options.project.config.root }),
    guest: guest.id,
    reportsBegin: beginning.source,
    slowness: source.slowness ?? 1,
    trace: source.trace === true,
    isShared,
    capture: source.captureFolder !== undefined,
    record: source.recorder !== undefined,
    details: source.details === true,
    debug: source.debugging !== undefined,
    stays: source.attend !== undefined,
  }
}

function variables({ env, project }: PoolOptions): Record<string, string> {
  const all = { ...env, ...project.config.env }
  const own = Object.keys(project.config.env ?? {})
  return Object.fromEntries(
    [...forwarded, ...own].flatMap(name => (all[name] === undefined ? [] : [[name, String(all[name])]])),
  )
}

/** Vitest lets each worker find out whether to use colours; a guest cannot see the host's terminal. */
export function coloured(message: unknown, colours: boolean): unknown {
  if (!isWorkerRequest(message) || message.type !== 'start') return message
  const { context } = message
  return { ...message, context: { ...context, config: { ...context?.config, disableColors: !colours } } }
}
