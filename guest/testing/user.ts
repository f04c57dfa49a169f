// SPDX-License-Identifier: MIT
import {
  changeEffectiveCapabilities,
  setEffectiveGroup,
  setEffectiveUser,
  setRealGroup,
  setRealUser,
  setSupplementaryGroups,
  supplementaryGroups,
} from './system-call.ts'

/** Kept from before any test. */
const { getegid, geteuid, getgid, getuid } = process

/** The user without privileges, as uid and gid. */
export const nobody = 65534

/** The capability to configure the network (include/uapi/linux/capability.h). */
export const CAP_NET_ADMIN = 12

/**
 * Runs `action` as another user: with that effective uid and gid, and only the given capabilities. The kernel
 * removes the others with the uid, and restores them with it. Only the calling thread changes, and only until
 * `action` returns: the checks of a send are made in time; a promise goes on as root.
 *
 * @throws TypeError for an async function, which would be root from its first await on
 */
export function asUser<T>(
  uid: number,
  action: () => T,
  { capabilities = [] }: { capabilities?: readonly number[] } = {},
): T {
  refuseAsync(action)
  const user = geteuid?.() ?? 0
  const group = getegid?.() ?? 0
  setEffectiveGroup(uid)
  try {
    setEffectiveUser(uid)
    if (capabilities.length > 0)
      changeEffectiveCapabilities(effective => capabilities.reduce((mask, c) => mask | bit(c), effective))
    return action()
  } finally {
    setEffectiveUser(user)
    setEffectiveGroup(group)
  }
}

/**
 * Runs `action` as the same user, without one capability; as {@link asUser}, only on the calling thread and
 * until `action` returns.
 * @throws TypeError for an async function
 */
export function withoutCapability<T>(capability: number, action: () => T): T {
  refuseAsync(action)
  const before = changeEffectiveCapabilities(effective => effective & ~bit(capability))
  try {
    return action()
  } finally {
    changeEffectiveCapabilities(() => before)
  }
}

/**
 * Runs `action` with that real user and group, and no other groups, which a child of startChild's
 * `asRealUser` gets for good. The calling thread itself keeps its privileges.
 */
export function withRealUser<T>(uid: number, action: () => T): T {
  const [user, group, groups] = [getuid?.() ?? 0, getgid?.() ?? 0, supplementaryGroups()]
  setSupplementaryGroups(Buffer.alloc(0))
  try {
    setRealGroup(uid)
    setRealUser(uid)
    return action()
  } finally {
    setRealUser(user)
    setRealGroup(group)
    setSupplementaryGroups(groups)
  }
}

function bit(capability: number): bigint {
  return 1n << BigInt(capability)
}

/** For actions that run in a state which ends when they return. */
export function refuseAsync(action: () => unknown): void {
  if (action.constructor.name === 'AsyncFunction')
    throw new TypeError('an async function would go on in other surroundings after its first await')
}
