// SPDX-License-Identifier: MIT
import { open } from 'node:fs/promises'

/** Offsets in the setup header of a bzImage (Documentation/arch/x86/boot.rst). */
const MAGIC = 0x202
const VERSION = 0x20e
/** The base of the version's offset. */
const SETUP = 0x200

/**
 * The release (`uname -r`) of the kernel in a bzImage.
 * @returns undefined if the file is not a bzImage
 */
export async function releaseOfImage(file: string): Promise<string | undefined> {
  await using handle = await open(file)
  // The version is in the setup code, which has at most 64 sectors.
  const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(1 << 15), position: 0 })
  if (bytesRead < 1024 || buffer.toString('latin1', MAGIC, MAGIC + 4) !== 'HdrS') return undefined
  const start = SETUP + buffer.readUInt16LE(VERSION)
  const text = buffer.toString('latin1', start, Math.min(start + 200, bytesRead))
  return /^[\w.+~-]+/.exec(text)?.[0]
}
