/**
 * Helpers for suites that run in the guest, as root: modules, users and namespaces, the kernel log, and exact
 * comparison of all that came. Users write their own suites with them.
 */
export { exchange, heard, heardUntilMarker } from './exchange.ts'
export * from './genlexample.ts'
export { kernel } from './kernel.ts'
export { KernelLog, type LogRecord } from './kernel-log.ts'
export { slabGrowth, unreclaimableSlab } from './memory.ts'
export { loadModule, ModuleError, moduleReferences, unloadModule } from './modules.ts'
export { hasUserNamespaces, NetworkNamespace, sendFromUserNamespace } from './namespaces.ts'
export * from './nlctrl.ts'
export * from './nlcustom.ts'
export * from './nlexample.ts'
export { type ProgramOptions, type ProgramResult, RunningProgram, runProgram } from './programs.ts'
export { inThread } from './threads.ts'
export { asUser, CAP_NET_ADMIN, nobody, withoutCapability } from './user.ts'
export { acknowledgement, type Reason, refusal, type WireDatagram, type WireMessage, wire } from './wire.ts'
