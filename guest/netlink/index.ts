/**
 * Netlink for TypeScript: sockets, messages and attributes, over the C library's own calls.
 *
 * Stands on its own: runs on any 64-bit Linux with Node 22.12 or later and koffi.
 */
export { Attribute, attr, findAttribute, parseAttributes } from './attribute.ts'
export * from './constants.ts'
export { Datagram } from './datagram.ts'
export { Dump, type DumpOptions } from './dump.ts'
export { errnoName, errnoNumber } from './errno.ts'
export { type ExtendedAck, isAnswer, type KernelAnswer, parseAnswer, parseDone } from './error-message.ts'
export {
  ClosedError,
  DumpInterruptedError,
  KernelError,
  MalformedError,
  NetlinkError,
  OverflowError,
  SystemCallError,
  TimeoutError,
} from './errors.ts'
export { encodeGenericHeader, type GenericHeader, parseGenericHeader } from './generic.ts'
export { encodeMessage, Message, type MessageHeader, parseMessages } from './message.ts'
export { type AttributePolicy, parsePolicy } from './policy.ts'
export {
  type BatchRequest,
  type Destination,
  type RequestHeader,
  Socket,
  type SocketOptions,
  type SocketSwitch,
} from './socket.ts'
export { Subscription, type SubscriptionEvent, type SubscriptionOptions } from './subscription.ts'
export type { WaitOptions } from './wait.ts'
