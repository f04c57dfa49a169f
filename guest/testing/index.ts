// SPDX-License-Identifier: MIT
/// <reference types="node" preserve="true" />
/**
 * Helpers for suites, which run in the guest as root: modules, users, namespaces, the kernel log, and exact
 * comparison of all that came.
 *
 * @module netlink-vmtest/testing
 */
import './conversation.ts'

export {
  AllocationError,
  type FailAllocationsOptions,
  type FailedAllocation,
  failAllocations,
} from './allocations.ts'
export { drain, exchange, heard, heardUntilMarker, transcript } from './exchange.ts'
export { kernel } from './kernel.ts'
export { KernelLog, type LogRecord } from './kernel-log.ts'
export { type KselftestOptions, kselftest } from './ktap/kselftest.ts'
export { kunit } from './ktap/kunit.ts'
export { type KtapOptions, runKtap } from './ktap/run-ktap.ts'
export { type Senders, type SlabGrowth, slabGrowth, slabGrowthBy } from './memory.ts'
export { loadModule, ModuleError, moduleReferences, unloadModule } from './modules.ts'
export { hasUserNamespaces, NetworkNamespace, sendFromUserNamespace } from './namespaces.ts'
export { type MonitoredDatagram, NetlinkMonitor } from './netlink-monitor.ts'
export * from './nlctrl.ts'
export { describeFamily, type FamilyOptions } from './probe/describe-family.ts'
export { type PlayOptions, playSequence } from './probe/play-sequence.ts'
export { SequenceError, type Step, type StepAttribute } from './probe/sequence.ts'
export type { GivenValue } from './probe/subject.ts'
export { type ProgramOptions, type ProgramResult, RunningProgram, runProgram } from './programs.ts'
export { expectSplat, type SplatKind } from './splats.ts'
export { inThread } from './threads.ts'
export { asUser, CAP_NET_ADMIN, nobody, withoutCapability } from './user.ts'
export { type VethEnd, vethBetween } from './veth.ts'
export {
  acknowledgement,
  acknowledgementBytes,
  type Reason,
  refusal,
  type WireDatagram,
  type WireMessage,
  wire,
} from './wire.ts'
