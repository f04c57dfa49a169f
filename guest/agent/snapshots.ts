// SPDX-License-Identifier: MIT
/** How snapshots show errors of the client library: with the bytes that their texts do not have. */
import type { SnapshotSerializer } from 'vitest'

/** What a KernelError and an UnmatchedError of guest/netlink have besides their texts. */
function contentOf(value: unknown): object | undefined {
  if (!(value instanceof Error)) return undefined
  const { answer, messages } = value as { answer?: { message?: unknown }; messages?: unknown }
  const content = answer?.message ?? messages
  return typeof content === 'object' && content !== null ? content : undefined
}

export const netlinkErrors: SnapshotSerializer = {
  test: value => contentOf(value) !== undefined,
  serialize: (value: Error, config, indentation, depth, refs, printer) =>
    `[${value.name}: ${value.message}] ${printer(contentOf(value), config, indentation, depth, refs)}`,
}
