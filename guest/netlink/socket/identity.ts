let last = 0

/**
 * A number that nothing else in this process has. What holds a conversation, a socket for instance, has it as a property: two of
 * them are never equal, whoever compares objects.
 */
export function nextIdentity(): number {
  return ++last
}
