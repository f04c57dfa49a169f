// SPDX-License-Identifier: MIT
/// <reference types="node" preserve="true" />
/** YNL: specifications of netlink families, read, and clients that talk by them. */
export {
  Ynl,
  type YnlDumpOptions,
  type YnlEvent,
  type YnlOptions,
  type YnlRequestOptions,
  YnlSubscription,
} from './client.ts'
export { Codec, type Values } from './codec.ts'
export { type GeneratedFrom, generateTypeScript } from './generate.ts'
export { parseSpecification, type ReadingOptions } from './reader.ts'
export type * from './specification.ts'
export { SpecificationError } from './specification-error.ts'
