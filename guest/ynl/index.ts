// SPDX-License-Identifier: MIT
/** YNL: specifications of netlink families, read. */
export { parseSpecification, type ReadingOptions } from './reader.ts'
export type * from './specification.ts'
export { SpecificationError } from './specification-error.ts'
