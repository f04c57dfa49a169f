// SPDX-License-Identifier: MIT
/** Whether modules are the same on both sides. */
import path from 'node:path'
import { guestPaths } from '../../../guest/agent/protocol.ts'
import { contentKey } from '../../base/cache.ts'
import { moduleIdentity } from '../../compare/facts/identity.ts'
import type { Delivery } from '../../prepare/delivery.ts'

/** A key of what each module is to the kernel, by its name. */
export function identitiesOf({ modules }: Pick<Delivery, 'modules'>): ReadonlyMap<string, string> {
  return new Map(
    modules
      .filter(({ path: place }) => path.dirname(place) === guestPaths.modules)
      .map(({ path: place, content }) => [path.basename(place, '.ko'), identityOf(content)]),
  )
}

const known = new WeakMap<Uint8Array, string>()

function identityOf(content: Uint8Array): string {
  const identity = known.get(content) ?? moduleIdentity(Buffer.from(content))
  known.set(content, identity)
  return identity
}

/** The names by which the kernel asks for modules. */
export function aliasesOf({ modules }: Pick<Delivery, 'modules'>): string {
  const file = modules.find(({ path: place }) => path.basename(place) === 'modules.alias')
  return file ? contentKey([file.content]) : ''
}
