// SPDX-License-Identifier: MIT
/** Requests, and their options. */
import type { RequestSchema } from '../codec/attribute-path.ts'
import type { WaitOptions } from './wait.ts'

/**
 * The fields of a request's header that the caller chooses; the socket sets the sequence number and port id.
 */
export interface RequestHeader {
  /** nlmsg_type */
  readonly type: number
  /**
   * nlmsg_flags besides NLM_F_REQUEST and NLM_F_ACK, which are always set. Not NLM_F_DUMP, which {@link
   * Socket.dump} sets.
   */
  readonly flags?: number
}

/** How a request waits, and its schema. */
export interface RequestOptions extends WaitOptions {
  /** The schema of the request's payload: errors name attributes by it. */
  readonly schema?: RequestSchema
}

/** One request of a {@link Socket.batch}. */
export interface BatchRequest extends RequestHeader, Pick<RequestOptions, 'schema'> {
  /** What follows the header: a family's own header, attributes made by `attr`. */
  readonly parts?: readonly Uint8Array[]
}
