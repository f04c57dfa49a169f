// SPDX-License-Identifier: MIT

/** The network namespace that this thread has entered, as a descriptor; undefined: its own. */
export let enteredNamespace: number | undefined

/** Calls `action` as in the namespace of this descriptor. */
export function asIn<T>(fd: number, action: () => T): T {
  const before = enteredNamespace
  enteredNamespace = fd
  try {
    return action()
  } finally {
    enteredNamespace = before
  }
}
