/**
 * koffi as our own code has it in guests: its prebuilt library alone. Its JavaScript finds out which library the machine
 * needs, which takes an emulated guest 0.2 s of each process's start; and what else it adds, deprecated forms of calls,
 * is not used here. Who imports koffi in a test has all of it.
 */
import type Koffi from 'koffi'
import { guestPaths } from './protocol.ts'

const library: { exports: Partial<typeof Koffi> } = { exports: {} }
process.dlopen(library, `${guestPaths.packages}/@koromix/koffi-linux-x64/linux_x64/koffi.node`)

export default library.exports as typeof Koffi
