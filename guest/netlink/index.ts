/**
 * Netlink for TypeScript: sockets, messages and attributes, over the C library's own calls.
 *
 * Stands on its own: runs on any 64-bit Linux with Node 22.12 or later and koffi.
 */

export { Attribute, attr, findAttribute, parseAttributes } from './attribute.ts'
export type { AttributePaths, RequestSchema } from './attribute-path.ts'
export * from './constants.ts'
export { Datagram } from './datagram.ts'
export * as sockDiag from './diag/index.ts'
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
export {
  type FormatOptions,
  formatDatagram,
  formatError,
  formatMessage,
  traceTo,
} from './format.ts'
export { encodeGenericHeader, type GenericHeader, genlmsghdr, parseGenericHeader } from './generic.ts'
export {
  type FamilyPolicies,
  GenericFamilies,
  type GenericFamily,
  nlctrl,
} from './generic-families.ts'
export { ipAddress, parseIPAddress } from './ip-address.ts'
export { type KnownMessage, knownMessage } from './known-messages.ts'
export {
  encodeMessage,
  encodeMessages,
  Message,
  type MessageHeader,
  type MessageParts,
  parseMessages,
} from './message.ts'
export { type AttributePolicy, parsePolicy } from './policy.ts'
export * as rtnetlink from './route/index.ts'
export {
  AttributeSet,
  type AttributesOf,
  type AttributeView,
  attributes,
  headed,
  nested,
  nestedArray,
  nestedMap,
  Payload,
  type PayloadContent,
  type PayloadInput,
  payload,
  type Struct,
  type StructOf,
  selected,
  struct,
} from './schema.ts'
export {
  type BatchRequest,
  type Destination,
  type RequestHeader,
  type RequestOptions,
  Socket,
  type SocketOptions,
  type SocketSwitch,
  type TraceEvent,
} from './socket.ts'
export { Subscription, type SubscriptionEvent, type SubscriptionOptions } from './subscription.ts'
export * from './value.ts'
export type { WaitOptions } from './wait.ts'
