// SPDX-License-Identifier: MIT
/// <reference types="node" preserve="true" />
/**
 * YNL, the kernel's specifications of netlink families (Documentation/netlink/specs): read, written, drafted,
 * turned into TypeScript, and clients that talk by them.
 *
 * @module netlink-vmtest/ynl
 */
export { differences, withNames } from './agreement.ts'
export {
  Ynl,
  type YnlDumpOptions,
  type YnlEvent,
  type YnlOptions,
  type YnlRequestOptions,
  YnlSubscription,
} from './client.ts'
export { Codec, type Values } from './codec.ts'
export { familyMarkdown, familyText } from './describe.ts'
export { draftSpecification } from './draft.ts'
export {
  type AttributeFacts,
  askFacts,
  type FamilyFacts,
  factsOf,
  type OperationFacts,
  type PolicyFacts,
  type RequestFacts,
} from './facts.ts'
export { type GeneratedFrom, generateTypeScript } from './generate.ts'
export { parseSpecification, type ReadingOptions } from './reader.ts'
export type * from './specification.ts'
export { SpecificationError } from './specification-error.ts'
export { formatSpecification } from './writer.ts'
