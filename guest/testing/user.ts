import { setEffectiveGroup, setEffectiveUser } from './system-call.ts'

/** The user without privileges, as uid and gid. */
export const nobody = 65534

/**
 * Runs `action` as another user: with that effective uid and gid, and without capabilities, which the kernel takes away
 * with the uid and gives back with it. Only the calling thread changes, so `action` has to do its work before it
 * returns; sending and what the kernel checks in it are. What a started promise does later is done as root again.
 *
 * @throws TypeError for an async function: from its first await on it would be root
 */
export function asUser<T>(uid: number, action: () => T): T {
  refuseAsync(action)
  const user = process.geteuid?.() ?? 0
  const group = process.getegid?.() ?? 0
  setEffectiveGroup(uid)
  try {
    setEffectiveUser(uid)
    return action()
  } finally {
    setEffectiveUser(user)
    setEffectiveGroup(group)
  }
}

/** For actions whose surroundings hold only until they return. */
export function refuseAsync(action: () => unknown): void {
  if (action.constructor.name === 'AsyncFunction')
    throw new TypeError('an async function would go on in other surroundings after its first await')
}
