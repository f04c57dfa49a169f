// SPDX-License-Identifier: MIT
/** Whether modules are the same on both sides. */
import { createHash } from 'node:crypto'
import path from 'node:path'
import { guestPaths } from '../../../guest/agent/protocol.ts'
import type { Delivery } from '../../prepare/delivery.ts'

/** A hash of each module's content, by its name. */
export function identitiesOf({ modules }: Pick<Delivery, 'modules'>): ReadonlyMap<string, string> {
  return new Map(
    modules
      .filter(({ path: place }) => path.dirname(place) === guestPaths.modules)
      .map(({ path: place, content }) => [path.basename(place, '.ko'), hashOf(content)]),
  )
}

/** The names by which the kernel asks for modules. */
export function aliasesOf({ modules }: Pick<Delivery, 'modules'>): string {
  const file = modules.find(({ path: place }) => path.basename(place) === 'modules.alias')
  return file ? hashOf(file.content) : ''
}

function hashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
