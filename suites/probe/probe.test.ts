// SPDX-License-Identifier: MIT
/** What `probe` does to the family of genlexample. */
import { describeFamily } from 'netlink-vmtest/testing'

describeFamily('nlex', { module: 'genlexample' })
