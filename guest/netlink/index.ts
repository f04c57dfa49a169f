// SPDX-License-Identifier: MIT
/// <reference types="node" preserve="true" />
/**
 * Netlink for TypeScript: sockets, messages and attributes, over the C library's own calls.
 *
 * It stands on its own: it runs on any 64-bit Linux with Node 20.16 or later and koffi.
 *
 * @module netlink-vmtest/netlink
 */

export { Attribute, attr, findAttribute, parseAttributes } from './codec/attribute.ts'
export type { AttributePaths, RequestSchema } from './codec/attribute-path.ts'
export * from './codec/constants.ts'
export { errnoName, errnoNumber } from './codec/errno.ts'
export {
  type ExtendedAck,
  isAnswer,
  type KernelAnswer,
  parseAnswer,
  parseDone,
} from './codec/error-message.ts'
export { MalformedError, NetlinkError } from './codec/errors.ts'
export { ipAddress, parseIPAddress } from './codec/ip-address.ts'
export { KernelError } from './codec/kernel-error.ts'
export {
  encodeMessage,
  encodeMessages,
  Message,
  type MessageHeader,
  type MessageParts,
  parseMessages,
} from './codec/message.ts'
export { type AttributePolicy, encodePolicy, parsePolicy } from './codec/policy.ts'
export {
  AttributeSet,
  type AttributesOf,
  AttributeView,
  attributes,
  headed,
  nested,
  nestedArray,
  nestedMap,
  netByteOrder,
  Payload,
  type PayloadContent,
  type PayloadInput,
  payload,
  type Struct,
  type StructOf,
  selected,
  struct,
} from './codec/schema.ts'
export * from './codec/value.ts'
export * as sockDiag from './diag/index.ts'
export {
  type FormatOptions,
  formatDatagram,
  formatError,
  formatMessage,
  traceTo,
} from './format/format.ts'
export { type KnownMessage, knownMessage } from './format/known-messages.ts'
export {
  type FamilyPolicies,
  GenericFamilies,
  type GenericFamily,
  nlctrl,
} from './generic/families.ts'
export { encodeGenericHeader, type GenericHeader, genlmsghdr, parseGenericHeader } from './generic/header.ts'
export * as rtnetlink from './route/index.ts'
export { Datagram } from './socket/datagram.ts'
export { Dump, type DumpOptions } from './socket/dump.ts'
export {
  ClosedError,
  DumpInterruptedError,
  OverflowError,
  SystemCallError,
  TimeoutError,
  UnmatchedError,
} from './socket/errors.ts'
export { type ObservedSocket, observeSockets, type SocketObserver } from './socket/observer.ts'
export type { Destination, SocketOptions, SocketSwitch, TraceEvent } from './socket/options.ts'
export type { BatchRequest, RequestHeader, RequestOptions } from './socket/request.ts'
export { Socket } from './socket/socket.ts'
export { Subscription, type SubscriptionEvent, type SubscriptionOptions } from './socket/subscription.ts'
export type { WaitOptions } from './socket/wait.ts'
