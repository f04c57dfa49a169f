// SPDX-License-Identifier: MIT
let last = 0

/**
 * A number that is unique in this process. Sockets, dumps and the like have it as a property, so that two of
 * them are never equal in comparisons of objects.
 */
export function nextIdentity(): number {
  return ++last
}
