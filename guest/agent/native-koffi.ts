// SPDX-License-Identifier: MIT
/**
 * koffi for our own code in guests: its prebuilt library without its JavaScript. That looks for the machine's
 * library, which slows the start of each process (docs/measurements.md, Start of programs), and adds
 * deprecated forms of calls. A test that imports koffi gets all of it.
 */
import type Koffi from 'koffi'
import { guestPaths } from './protocol.ts'

const library: { exports: Partial<typeof Koffi> } = { exports: {} }
process.dlopen(library, `${guestPaths.packages}/@koromix/koffi-linux-x64/linux_x64/koffi.node`)

export default library.exports as typeof Koffi
