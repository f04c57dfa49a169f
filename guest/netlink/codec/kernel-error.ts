// SPDX-License-Identifier: MIT
import type { AttributePaths } from './attribute-path.ts'
import { errnoName } from './errno.ts'
import type { KernelAnswer } from './error-message.ts'
import { NetlinkError } from './errors.ts'

/**
 * The kernel refused a request: an NLMSG_ERROR message with a non-zero error. Its text is the errno's name
 * and, if the socket has NETLINK_EXT_ACK, the kernel's reason.
 */
export class KernelError extends NetlinkError {
  /** The errno's name, 'EINVAL' for instance. */
  readonly code: string
  /** The errno, a positive number. */
  readonly errno: number
  /** The whole answer: extended acknowledgement, the request as the kernel echoes it, raw bytes. */
  readonly answer: KernelAnswer
  /** Names of the attributes in the extended acknowledgement; empty for requests without a schema. */
  readonly paths: AttributePaths

  /** @param about what was asked for, in words */
  constructor(answer: KernelAnswer, paths: AttributePaths = {}, about = '') {
    const { extendedAck } = answer
    const code = errnoName(answer.errno)
    const details = [
      extendedAck.message,
      extendedAck.offset === undefined
        ? undefined
        : `attribute ${paths.attribute === undefined ? '' : `${paths.attribute} `}at offset ${extendedAck.offset}`,
      extendedAck.missingType === undefined
        ? undefined
        : `missing attribute ${paths.missing ?? extendedAck.missingType}`,
    ].filter(detail => detail !== undefined)
    const text = details.length === 0 ? `the kernel answered ${code}` : `${code}: ${details.join(', ')}`
    super(about === '' ? text : `${about}: ${text}`)
    this.code = code
    this.errno = answer.errno
    this.answer = answer
    this.paths = paths
  }
}
