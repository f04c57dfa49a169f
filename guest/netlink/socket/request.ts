/** What a request is, and how it waits. */
import type { RequestSchema } from '../codec/attribute-path.ts'
import type { WaitOptions } from './wait.ts'

/** A request's header as far as the caller chooses it: the sequence number and the port id are the socket's. */
export interface RequestHeader {
  /** nlmsg_type */
  readonly type: number
  /** nlmsg_flags besides NLM_F_REQUEST and NLM_F_ACK, which are always set. Not NLM_F_DUMP, which {@link Socket.dump} sets. */
  readonly flags?: number
}

/** How a request waits, and what is known of it. */
export interface RequestOptions extends WaitOptions {
  /** The schema of the request's payload, by which errors name the attributes they are about. */
  readonly schema?: RequestSchema
}

/** One request of a {@link Socket.batch}. */
export interface BatchRequest extends RequestHeader, Pick<RequestOptions, 'schema'> {
  /** What follows the header: a family's own header, attributes made by `attr`. */
  readonly parts?: readonly Uint8Array[]
}
